"""A duty roster for the coming weeks: a watch by day, one by night, a swap that waits for a yes.

Source: the case study of community D, whose volunteers stand on shifts of two to four hours.
"""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from timebank.contributions import Category
from timebank.demo.people import LEADERS, Town
from timebank.demo.visitors import VOLUNTEER
from timebank.duty import planning, publishing, rosters, shifts, swaps
from timebank.duty.planning import Mode
from timebank.duty.rosters import Terms
from timebank.people.models import Member
from timebank.service import occasions, repeating
from timebank.service.models import OccasionKind
from timebank.service.occasions import Activity, SlotPlan

WEEKS = 3
PLACES = 2
WATCHES = (
    ("社区入口值守", "FREQ=WEEKLY;BYDAY=MO,WE", SlotPlan("15:00", "18:00", PLACES)),
    ("夜间巡逻", "FREQ=WEEKLY;BYDAY=FR", SlotPlan("22:00", "02:00", PLACES)),
)
"""Title, rule and times of the two series."""
TEAM = (VOLUNTEER, *range(22, 28))
"""Places in the member list of those who stand on shifts."""


def keep_watch(session: Session, town: Town) -> None:
    """Plan both series, a roster of the team, publish it, and let one shift be swapped."""
    today = clock.today(town.community.time_zone)
    begins_on = today + timedelta(days=1)
    ends_on = begins_on + timedelta(weeks=WEEKS, days=-1)
    desk, leader_id = town.social_worker, town.cast[LEADERS[0]].member_id
    assert leader_id is not None, "leaders are members"
    site = occasions.create_site(session, desk, name="社区东门岗亭", address="幸福路 1 号")
    series_ids = set()
    for title, rule, slot in WATCHES:
        made = repeating.create_series(
            session,
            desk,
            activity=Activity(site.id, leader_id, title, Category.SAFETY, OccasionKind.DUTY_SHIFT),
            rule=rule,
            starts_on=begins_on,
            slot=slot,
        )
        repeating.plan_series(session, desk, series_id=made.id, until=ends_on)
        series_ids.add(made.id)
    members = session.scalars(
        sa.select(Member.id).where(Member.id.in_([town.cast[place].member_id for place in TEAM]))
    )
    terms = Terms("今后三周的值守", begins_on, ends_on, frozenset(series_ids), frozenset(members))
    roster = rosters.create_roster(session, desk, terms=terms)
    planning.plan_roster(session, desk, roster_id=roster.id, mode=Mode.ANEW)
    publishing.publish(session, desk, roster_id=roster.id)
    _swap(session, town)


def _swap(session: Session, town: Town) -> None:
    """Let the volunteer ask for their last shift to be taken, and a colleague say yes."""
    volunteer = town.cast[VOLUNTEER]
    lines = shifts.own_shifts(session, volunteer).shifts
    if not lines:
        return
    question = shifts.question(session, volunteer, lines[-1].slot.id)
    team = {town.cast[place].member_id: town.cast[place] for place in TEAM}
    taker = next((team[each.id] for each in question.colleagues if each.id in team), None)
    if taker is None:
        return
    swap = swaps.ask(session, volunteer, slot_id=lines[-1].slot.id, asked_member_id=taker.member_id)
    swaps.take(session, taker, swap_id=swap.id)
