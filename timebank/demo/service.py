"""Two years of service days: planned, signed up for, scanned in and out, confirmed.

Volunteers with a phone scan the leader's code, those without are scanned by the leader; a few
forget to check out, leave early or do not come.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from timebank.actors import Actor
from timebank.codes import CodeKeys
from timebank.demo.facts import SERVICE_DAY_RULE, ActivityFacts
from timebank.demo.people import LEADERS, Town, has_phone
from timebank.demo.visitors import VOLUNTEER
from timebank.service import arrivals, attendance, checkin, occasions, repeating, signup
from timebank.service.attendance import Mark, RowMark
from timebank.service.checkin import Press
from timebank.service.decide import Intent
from timebank.service.models import Occasion, Series, Slot
from timebank.service.occasions import Activity, SlotPlan

WEEKS_OF_PATROL = 8
GROWN_AFTER_MONTHS = 18
NOT_SEEN, FORGOT_OUT, LEFT_EARLY = 3, 5, 8
"""Remainders modulo 11 of (place + month) that make a person miss, forget or leave early."""


@dataclass(frozen=True)
class Held:
    """One occasion of the story with those who sign up: place in the member list and actor."""

    occasion: Occasion
    leader: Actor
    people: tuple[tuple[int, Actor], ...]
    month: int


def plan(session: Session, town: Town, started_at: datetime, until: date) -> list[Series]:
    """Plan every series from the start up to `until`; weekly patrols begin eight weeks back."""
    planned = []
    for at, activity in enumerate(town.facts.activities):
        is_monthly = activity.rule == SERVICE_DAY_RULE
        begin = started_at if is_monthly else clock.now() - timedelta(weeks=WEEKS_OF_PATROL)
        with clock.at(begin):
            planned.append(_series(session, town, at, activity))
        for years in range(3):
            with clock.at(min(begin + timedelta(days=380 * years), clock.now())):
                repeating.plan_series(
                    session,
                    town.social_worker,
                    series_id=planned[-1].id,
                    until=min(until, clock.today(town.community.time_zone) + timedelta(days=390)),
                )
    return planned


def calendar(session: Session, town: Town, started_at: datetime) -> list[Held]:
    """Return every planned occasion in the order of time, with its people."""
    found = session.scalars(
        sa.select(Occasion)
        .where(Occasion.community_id == town.community.community_id)
        .order_by(Occasion.starts_at, Occasion.title)
    )
    titles = [activity.title for activity in town.facts.activities]
    held = []
    for occasion in found:
        at = titles.index(occasion.title)
        month = (occasion.starts_at - started_at).days // 30
        people = tuple((place, town.cast[place]) for place in _places(town, at, month))
        held.append(Held(occasion, town.cast[LEADERS[at]], people, month))
    return held


def sign_everybody_up(session: Session, held: Held) -> None:
    """Let those of the list sign up, two days before (or now, if that is earlier)."""
    with clock.at(min(held.occasion.starts_at - timedelta(days=2), clock.now())):
        slot_id = session.scalars(
            sa.select(Slot.id).where(
                Slot.community_id == held.occasion.community_id,
                Slot.occasion_id == held.occasion.id,
            )
        ).one()
        for place, actor in held.people:
            on_behalf = None if has_phone(place) else actor.member_id
            signup.sign_up(
                session,
                held.leader if on_behalf else actor,
                slot_id=slot_id,
                member_id=on_behalf,
            )


def hold(session: Session, keys: CodeKeys, town: Town, held: Held) -> None:
    """Let people come and go on the day."""
    starts_at, ends_at = held.occasion.starts_at, held.occasion.ends_at
    for place, actor in held.people:
        habit = _habit(place, held.month)
        if habit == NOT_SEEN:
            continue
        with clock.at(starts_at - timedelta(minutes=(place * 3 + held.month) % 14 - 2)):
            _scan(session, keys, town, held, place, actor, Intent.IN)
        if habit == FORGOT_OUT:
            continue
        early = 45 if habit == LEFT_EARLY else 0
        with clock.at(ends_at + timedelta(minutes=(place + held.month) % 7 - 1 - early)):
            _scan(session, keys, town, held, place, actor, Intent.OUT)


def confirm(session: Session, held: Held) -> None:
    """Let the leader go through the list forty minutes after the end."""
    with clock.at(held.occasion.ends_at + timedelta(minutes=40)):
        rows = attendance.locked_list(session, held.occasion)
        marks = [
            RowMark(line.row.id, Mark.PRESENT if line.row.in_at else Mark.NOT_SEEN)
            for line in rows
            if line.row.member_id != held.leader.member_id
        ]
        attendance.confirm(session, held.leader, occasion_id=held.occasion.id, marks=marks)


def open_today(session: Session, town: Town) -> Held:
    """Plan something for today, around the present hour, so that a visitor can scan at once."""
    zone_now = clock.now().astimezone(ZoneInfo(town.community.time_zone))
    hour = min(zone_now.hour, 21)
    site = session.scalars(
        sa.select(Series.site_id)
        .where(Series.community_id == town.community.community_id)
        .order_by(Series.id)
        .limit(1)
    ).one()
    leader = town.cast[LEADERS[0]]
    assert leader.member_id is not None, "leaders are members"
    occasion = occasions.create_occasion(
        session,
        town.social_worker,
        activity=Activity(site, leader.member_id, "今天的值守", town.facts.activities[0].category),
        occurs_on=zone_now.date(),
        slots=[SlotPlan(f"{hour:02d}:00", f"{hour + 2:02d}:30", 15)],
    )
    people = tuple((place, town.cast[place]) for place in (VOLUNTEER, *range(10, 21)))
    return Held(occasion, leader, people, 0)


def _series(session: Session, town: Town, at: int, activity: ActivityFacts) -> Series:
    site = occasions.create_site(
        session, town.social_worker, name=activity.site, address=activity.address
    )
    leader_id = town.cast[LEADERS[at]].member_id
    assert leader_id is not None, "leaders are members"
    return repeating.create_series(
        session,
        town.social_worker,
        activity=Activity(site.id, leader_id, activity.title, activity.category),
        rule=activity.rule,
        starts_on=clock.today(town.community.time_zone),
        slot=SlotPlan(activity.start, activity.end, activity.capacity),
    )


def _places(town: Town, at: int, month: int) -> tuple[int, ...]:
    """Return who signs up: each activity has its own fifth of the members.

    The circle grows: half of them in the first month, all of them after a year and a half.
    """
    lanes = len(LEADERS)
    free = [place for place in range(len(town.cast)) if place not in LEADERS]
    lane = [place for place in free if place % lanes == at]
    grown = min(month + GROWN_AFTER_MONTHS, 2 * GROWN_AFTER_MONTHS)
    wanted = (town.facts.activities[at].capacity - 3) * grown // (2 * GROWN_AFTER_MONTHS)
    turn = month % max(len(lane) // 2, 1)
    chosen = (lane[turn:] + lane[:turn])[:wanted]
    if at == 0 and VOLUNTEER not in chosen:
        chosen[-1] = VOLUNTEER
    return tuple(chosen)


def _scan(  # noqa: PLR0913  # one scan: who, where, which way
    session: Session,
    keys: CodeKeys,
    town: Town,
    held: Held,
    place: int,
    actor: Actor,
    intent: Intent,
) -> None:
    """Scan the leader's code with the phone, or let the leader scan the card."""
    press = Press(nonce=f"demo-{held.occasion.id.hex}-{place}-{intent.value}", intent=intent)
    if not has_phone(place):
        digits = town.card_digits[place]
        checkin.scan_for(
            session, held.leader, occasion_id=held.occasion.id, text=digits, press=press
        )
        return
    path = arrivals.venue_path(session, held.leader, keys, occasion_id=held.occasion.id)
    # Scanned first, signed in afterwards: the ticket made at the scan is what counts.
    opened = arrivals.open_venue_code(session, None, keys, code=path.removeprefix("S/"))
    assert opened.ticket is not None, "a fresh code opens"
    checkin.check_in(session, actor, keys, ticket=opened.ticket, press=press)


def _habit(place: int, month: int) -> int:
    return 0 if place == VOLUNTEER else (place + month) % 11
