"""Duty shifts of the neighbourhood: a published week in December, a gap, a swap that waits."""

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from timebank.actors import Actor
from timebank.contributions import Category
from timebank.duty import planning, publishing, rosters, swaps
from timebank.duty.rosters import Terms
from timebank.people.models import Member
from timebank.people.qualification_models import QualificationKind
from timebank.people.qualifications import grant
from timebank.service import repeating
from timebank.service.models import Occasion, OccasionKind, Site, Slot
from timebank.service.occasions import Activity, SlotPlan

BEGINS, ENDS = date(2026, 12, 14), date(2026, 12, 20)


def keep_watch(
    session: Session, desk: Actor, leader: Member, volunteer: Actor, neighbour: Actor
) -> tuple[UUID, UUID, UUID]:
    """Publish a week of shifts; return roster, a slot of the volunteer, and the neighbour's swap.

    Each has a shift of their own; at the third one nobody has been planned.
    """
    site_id = session.scalars(select(Site.id).where(Site.community_id == desk.community_id)).first()
    assert site_id is not None, "the neighbourhood has a site"
    series = repeating.create_series(
        session,
        desk,
        activity=Activity(
            site_id, leader.id, "社区入口值守", Category.SAFETY, OccasionKind.DUTY_SHIFT
        ),
        rule="FREQ=WEEKLY;BYDAY=MO,WE,FR",
        starts_on=BEGINS,
        slot=SlotPlan("14:00", "17:00", 2),
    )
    repeating.plan_series(session, desk, series_id=series.id, until=ENDS)
    assert volunteer.member_id
    assert neighbour.member_id
    people = (volunteer.member_id, neighbour.member_id)
    roster = rosters.create_roster(
        session,
        desk,
        terms=Terms(
            "十二月值守", BEGINS, ENDS, frozenset({series.id}), frozenset(people), people_count=1
        ),
    )
    grant(
        session,
        desk,
        member_id=people[0],
        kind=QualificationKind.FIRST_AID,
        granted_on=date(2026, 9, 1),
        expires_on=date(2027, 9, 1),
    )
    slots = session.scalars(
        select(Slot.id)
        .join(Occasion, Occasion.id == Slot.occasion_id)
        .where(Slot.community_id == desk.community_id, Occasion.series_id == series.id)
        .order_by(Slot.starts_at)
    ).all()
    for slot_id, member_id in zip(slots, people, strict=False):
        planning.assign(session, desk, roster_id=roster.id, slot_id=slot_id, member_id=member_id)
    publishing.publish(session, desk, roster_id=roster.id)
    swap = swaps.ask(session, neighbour, slot_id=slots[1], asked_member_id=volunteer.member_id)
    swaps.take(session, volunteer, swap_id=swap.id)
    return roster.id, slots[0], swap.id
