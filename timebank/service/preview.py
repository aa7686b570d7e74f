"""What a points rule would have given for a past month, beside what was given.

Words: a *preview* awards every settled stay of a month once more, in the order in which they were
settled, as if the rule had been in force; nothing is written.

Invariants: the award is `awards.award`, the same that confirming uses, so a preview says what the
rule then really gives; a fixed number of statements, however many members.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.errors import N_, Invalid
from timebank import chart
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.rewards import awards
from timebank.rewards.awards import Before
from timebank.rewards.rules import Rule
from timebank.service import checks, posting
from timebank.service.correction_models import Agreement, Correction
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot

MONTHS_BACK_MAX: Final = 24


class MonthNotOver(Invalid):
    """Only a month that has ended, of the last two years, can be looked back on."""

    code = "month_not_over"
    message = N_("Choose a month from %(first)s to %(last)s; you chose %(month)s.")


@dataclass(slots=True)
class Change:
    """What a rule changes for one member: points and minutes that were given, and would be."""

    member_id: UUID
    name: str
    volunteer_number: str
    awarded_points: int = 0
    points: int = 0
    awarded_minutes: int = 0
    minutes: int = 0

    @property
    def difference(self) -> int:
        """Return the points gained, or lost below zero."""
        return self.points - self.awarded_points


@dataclass(frozen=True, slots=True)
class Preview:
    """A month by a rule.

    Args:
        month: its first day.
        changes: one line per member with a stay; who gains most first, who loses most last.
        stay_count: settled stays of the month.
    """

    month: date
    changes: list[Change]
    stay_count: int

    @property
    def awarded_points(self) -> int:
        """Return what was given."""
        return sum(change.awarded_points for change in self.changes)

    @property
    def points(self) -> int:
        """Return what the rule would give."""
        return sum(change.points for change in self.changes)

    @property
    def gainer_count(self) -> int:
        """Return how many members would have more."""
        return sum(change.difference > 0 for change in self.changes)

    @property
    def loser_count(self) -> int:
        """Return how many members would have less."""
        return sum(change.difference < 0 for change in self.changes)


@dataclass(slots=True)
class _Had:
    """What a member's stays before the next one have had, by the rule that is tried."""

    minutes_by_day: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    points_by_day: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    month_points: int = 0
    total_points: int = 0


def months(session: Session, actor: Actor) -> list[date]:
    """Return the first days of the months that can be looked back on, newest first."""
    found = [clock.today(checks.community_of(session, actor).time_zone).replace(day=1)]
    for _ in range(MONTHS_BACK_MAX):
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[1:]


def preview(session: Session, actor: Actor, *, rule: Rule, month: date) -> Preview:
    """Return what a rule would have given for a month.

    Args:
        session: any session.
        actor: who proposes or releases rules.
        rule: to be tried.
        month: any day of a month that is over, of the last two years.

    Raises:
        NotAllowed: `not_allowed`; MonthNotOver: `month_not_over`.
    """
    actor.require(Permission.RELEASE_POLICY)
    first, known = month.replace(day=1), months(session, actor)
    if first not in known:
        raise MonthNotOver(
            first=f"{known[-1]:%Y-%m}", last=f"{known[0]:%Y-%m}", month=f"{month:%Y-%m}"
        )
    zone = checks.community_of(session, actor).time_zone
    changes: dict[UUID, Change] = {}
    had = {member_id: _Had(total_points=had) for member_id, had in _earlier(session, actor, first)}
    rows = session.execute(_settled_stays(actor, first)).all()
    for row, slot, occasion, name, number in rows:
        change = changes.setdefault(
            row.member_id, Change(row.member_id, name, chart.volunteer_number(number))
        )
        of = posting.contribution(posting.stay_of(row), slot, occasion, zone)
        _add(change, had.setdefault(row.member_id, _Had()), rule, of, occasion.occurs_on)
        if row.state is AttendanceState.POSTED:
            change.awarded_points += row.points or 0
            change.awarded_minutes += row.counted_minutes or 0
    ordered = sorted(changes.values(), key=lambda each: (-each.difference, each.volunteer_number))
    return Preview(first, ordered, len(rows))


# ---------------------------------------------------------------- private


def _add(change: Change, had: _Had, rule: Rule, of: awards.Contribution, day: date) -> None:
    """Award one stay after those that came before it."""
    before = Before(
        *(had.minutes_by_day[day], had.points_by_day[day], had.month_points, had.total_points)
    ).asked_by(rule)
    counted = awards.counted_minutes(rule, of, before)
    if not counted:
        return
    points = awards.award(rule, 0, of, counted, before)["points"]
    had.minutes_by_day[day] += counted
    had.points_by_day[day] += points
    had.month_points += points
    had.total_points += points
    change.minutes += counted
    change.points += points


def _earlier(session: Session, actor: Actor, first: date) -> list[tuple[UUID, int]]:
    """Return the points of service that each member had before the month, in one statement."""
    found = session.execute(
        select(Attendance.member_id, func.sum(Attendance.points))
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.state == AttendanceState.POSTED,
            Occasion.occurs_on < first,
        )
        .group_by(Attendance.member_id)
    )
    return [(member_id, int(points or 0)) for member_id, points in found]


def _settled_stays(actor: Actor, first: date) -> Any:
    """Return the query of a month's settled stays in the order of their settling.

    A stay that counted nothing is among them: by another rule it may count.
    """
    settled_at = func.coalesce(Correction.decided_at, Agreement.agreed_at, Attendance.confirmed_at)
    return (
        select(Attendance, Slot, Occasion, Member.name, Member.number)
        .join(Slot, refers(Attendance.slot_id, Slot))
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .join(Member, refers(Attendance.member_id, Member))
        .outerjoin(Agreement, refers(Agreement.attendance_id, Attendance))
        .outerjoin(
            Correction,
            and_(
                refers(Correction.attendance_id, Attendance),
                Correction.transaction_id == Attendance.transaction_id,
            ),
        )
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.state.in_((AttendanceState.POSTED, AttendanceState.VOID)),
            Attendance.in_at.is_not(None),
            Attendance.out_at.is_not(None),
            Occasion.occurs_on.between(first, posting.last_of_month(first)),
        )
        .order_by(settled_at, Attendance.id)
    )
