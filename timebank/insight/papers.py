"""The papers behind the book, and the legs that follow from each.

Words: a *paper* is the row that says why a transaction exists: a confirmed attendance, a donation,
a redemption, a reservation. Its *legs* are what the book must hold for it: account to amount, no
more and no fewer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from timebank import chart
from timebank.people.models import Member
from timebank.rewards import awards
from timebank.rewards.awards import NOTHING_BEFORE, read_before
from timebank.rewards.models import PointsAward, PointsPolicy
from timebank.rewards.points import Rule, read_rule
from timebank.service import posting
from timebank.service.correction_models import Correction
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot
from timebank.service.timing import minutes_in_slot
from timebank.shop.models import (
    Donation,
    Item,
    Reservation,
)

ROWS_PER_FETCH: Final = 500

Legs = dict[UUID, int]
"""Account to amount. An account that is not there is left out: the paper then has a problem."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper with what follows from it.

    Args:
        source: `<table>:<id>`, as its transaction must name it.
        transaction_id: its one transaction.
        legs: account to amount; zero amounts are left out.
        problems: what is wrong with the paper itself.
        is_hold: whether the legs are set aside only; what ends a hold gives them back.
    """

    source: str
    transaction_id: UUID
    legs: Legs
    problems: tuple[str, ...] = ()
    is_hold: bool = False


def attendances(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give every posted attendance: minutes and points from the issuance to the member.

    Its transaction names the attendance, or the correction that posted it anew.
    """
    system = chart.system_accounts(session, community_id)
    rules = _rules(session, community_id)
    for row in _stream(session, _posted_attendances(community_id)):
        attendance, service_id, points_id, occasion, slot, reason, correction_id = row
        minutes, points = attendance.counted_minutes or 0, attendance.points or 0
        is_corrected = correction_id is not None
        yield Paper(
            source=f"correction:{correction_id}" if is_corrected else f"attendance:{attendance.id}",
            transaction_id=attendance.transaction_id,
            legs=service_legs(system, (service_id, points_id), minutes, points),
            problems=(
                *_absent(member=service_id, occasion=occasion, slot=slot),
                *_minutes_problems(attendance, slot),
                *_confirmation_problems(attendance),
                *_points_problems(attendance, occasion, slot, rules, reason),
            ),
        )


def service_legs(
    system: dict[str, UUID], accounts: tuple[UUID, UUID], minutes: int, points: int
) -> Legs:
    """Return the legs of an award to a member's accounts of service and of points."""
    service_id, points_id = accounts
    return _without_zeros(
        {
            system[chart.SERVICE_ISSUANCE]: -minutes,
            service_id: minutes,
            system[chart.POINTS_ISSUANCE]: -points,
            points_id: points,
        }
    )


def donations(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give every donation: pieces onto the shelf, and what the maker was paid for them."""
    issuance_id = chart.points_issuance_id(session, community_id)
    query = (
        sa.select(Donation, Item.intake_account_id, Item.stock_account_id, Member.points_account_id)
        .outerjoin_from(Donation, Item, _is(Item, Donation, Donation.item_id))
        .outerjoin(Member, _is(Member, Donation, Donation.donor_member_id))
        .where(Donation.community_id == community_id)
    )
    for donation, intake_id, stock_id, points_id in _stream(session, query):
        yield Paper(
            source=f"donation:{donation.id}",
            transaction_id=donation.transaction_id,
            legs=_without_zeros(
                {
                    intake_id: -donation.piece_count,
                    stock_id: donation.piece_count,
                    issuance_id: -donation.points,
                    points_id: donation.points,
                }
            ),
            problems=(
                *_absent(goods=intake_id),
                *(_absent(member=points_id) if donation.donor_member_id else ()),
            ),
        )


def reservations(session: Session, community_id: UUID) -> Iterator[Paper]:
    """Give every reservation: points and pieces set aside as a redemption would move them."""
    query = (
        sa.select(Reservation, Member.points_account_id, Item.stock_account_id, Item.out_account_id)
        .outerjoin_from(Reservation, Member, _is(Member, Reservation, Reservation.member_id))
        .outerjoin(Item, _is(Item, Reservation, Reservation.item_id))
        .where(Reservation.community_id == community_id)
    )
    shop_id = chart.shop_redeemed_id(session, community_id)
    for reservation, points_id, stock_id, out_id in _stream(session, query):
        yield Paper(
            source=f"reservation:{reservation.id}",
            transaction_id=reservation.transaction_id,
            legs=_without_zeros(
                {
                    points_id: -reservation.total_points,
                    shop_id: reservation.total_points,
                    stock_id: -reservation.quantity,
                    out_id: reservation.quantity,
                }
            ),
            problems=(*_absent(member=points_id), *_absent(goods=stock_id)),
            is_hold=True,
        )


def _posted_attendances(community_id: UUID) -> sa.Select[*tuple[Any, ...]]:
    """Return the query of posted rows with all that their minutes and points follow from."""
    return (
        sa.select(
            Attendance,
            Member.service_account_id,
            Member.points_account_id,
            Occasion,
            Slot,
            PointsAward.reason,
            Correction.id,
        )
        .outerjoin_from(Attendance, Member, _is(Member, Attendance, Attendance.member_id))
        .outerjoin(Occasion, _is(Occasion, Attendance, Attendance.occasion_id))
        .outerjoin(Slot, _is(Slot, Attendance, Attendance.slot_id))
        .outerjoin(
            PointsAward,
            sa.and_(
                PointsAward.community_id == Attendance.community_id,
                PointsAward.transaction_id == Attendance.transaction_id,
            ),
        )
        .outerjoin(
            Correction,
            sa.and_(
                Correction.community_id == Attendance.community_id,
                Correction.transaction_id == Attendance.transaction_id,
                Correction.attendance_id == Attendance.id,
            ),
        )
        .where(
            Attendance.community_id == community_id,
            Attendance.state == AttendanceState.POSTED,
        )
    )


def _minutes_problems(attendance: Attendance, slot: Slot | None) -> Iterator[str]:
    """Name minutes beyond the stay inside the slot; the daily cap may only have taken some off."""
    if slot is None:
        return
    if attendance.in_at is None or attendance.out_at is None:
        yield "it says no coming or no going"
        return
    counted = attendance.counted_minutes or 0
    stayed = minutes_in_slot(attendance.in_at, attendance.out_at, slot.starts_at, slot.ends_at)
    if counted > stayed:
        yield f"it counts {counted} minutes of a stay of {stayed} inside its slot"


def _confirmation_problems(attendance: Attendance) -> Iterator[str]:
    if attendance.confirmed_at is None:
        yield "nobody confirmed it"
    if attendance.confirmed_by_id == attendance.member_id:
        yield "the member confirmed it"


def _points_problems(
    attendance: Attendance,
    occasion: Occasion | None,
    slot: Slot | None,
    rules: dict[int, Rule],
    kept: Any,
) -> Iterator[str]:
    """Award the stay once more, and name what the row or the reason beside its entry say else.

    The kept reason is trusted for what other stays had had before: how much all of them have
    together is a check of its own (`caps`).
    """
    version = attendance.policy_version or 0
    rule = rules.get(version)
    if rule is None or attendance.provenance is None:
        yield "it names no points rule or no provenance"
        return
    if occasion is None or slot is None or attendance.in_at is None or attendance.out_at is None:
        return
    if not kept and not rule.is_plain:
        yield "no reason is kept beside its entry"
        return
    stay = posting.stay_of(attendance)
    of = posting.contribution(stay, slot, occasion, kept["zone"] if kept else "UTC")
    before = read_before(kept) if kept else NOTHING_BEFORE
    minutes, points = attendance.counted_minutes or 0, attendance.points or 0
    counted = awards.counted_minutes(rule, of, before)
    if kept and minutes != counted:
        yield f"points rule {version} counts {counted} minutes of it, it says {minutes}"
    due = awards.award(rule, version, of, min(minutes, of.minutes), before)
    if points != due["points"]:
        yield (
            f"points rule {version} gives {due['points']} points for {minutes} minutes,"
            f" it says {points}"
        )
    if kept and kept != due:
        yield "the reason kept beside its entry is not what its points rule says"


def _absent(**found: object) -> Iterator[str]:
    """Name what a paper refers to and what is not there; the paper is never passed over for it."""
    for name, value in found.items():
        if value is None:
            yield f"its {name} is not there"


def _is(table: Any, paper: Any, key: Any) -> sa.ColumnElement[bool]:
    """Return the condition that the row is the one that the paper's key refers to."""
    return sa.and_(table.community_id == paper.community_id, table.id == key)


def _rules(session: Session, community_id: UUID) -> dict[int, Rule]:
    query = sa.select(PointsPolicy.version, PointsPolicy.rule)
    rows = session.execute(query.where(PointsPolicy.community_id == community_id))
    return {version: read_rule(document) for version, document in rows}


def _stream(session: Session, query: sa.Select[*tuple[Any, ...]]) -> Iterator[Any]:
    """Give rows as they come, so that memory does not grow with the book."""
    return iter(session.execute(query, execution_options={"yield_per": ROWS_PER_FETCH}))


def _without_zeros(legs: Legs) -> Legs:
    return {
        account_id: amount
        for account_id, amount in legs.items()
        if amount and account_id is not None
    }
