"""The end of a month: a checklist, then the books are closed through its last day by two people.

The story: somebody opens the checklist and does what stands open; once nothing does, they prepare
the closing; another person, who may close the books, closes them (`timebank.insight.periods`), or
takes the preparation back. What was found at the preparation is kept with it.

Invariants: nothing is closed with a check open, at either moment; who prepared does not close.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import acts, clock
from ledger.base import refers
from ledger.errors import N_, NotAllowed, NotFound, Refused
from ledger.ids import new_id
from ledger.schema import Hold, Outbox, Transaction
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.commons.common import names_of
from timebank.commons.models import DonationState, MoneyDonation
from timebank.commons.spending_models import Expense, ExpenseState
from timebank.commons.statements import month_of
from timebank.insight import periods, self_checks
from timebank.insight.month_models import MonthEnd, MonthState
from timebank.people.organisations import get_community
from timebank.service.correction_models import Correction, CorrectionState
from timebank.service.models import Attendance, AttendanceState, Occasion
from timebank.shop.cash_models import TillDay, TillSignature

STAYS: Final = (AttendanceState.IN, AttendanceState.OUT)
LISTED_MAX: Final = 24


class MonthEndNotFound(NotFound):
    """No such preparation in this community."""

    code = "month_end_not_found"
    message = N_("There is no such month end here.")


class MonthNotReady(Refused):
    """Something of the month still stands open; `checks` names what."""

    code = "month_not_ready"
    message = N_("%(count)s points of the checklist still stand open.")


class MonthPrepared(Refused):
    """One month end at a time."""

    code = "month_prepared"
    message = N_("A month end is prepared already: close it first, or take it back.")


class MonthDecided(Refused):
    """A preparation is closed or taken back once."""

    code = "month_decided"
    message = N_("This month end was already closed or taken back.")


class AnotherMustCloseMonth(NotAllowed):
    """Who prepared a month end does not close it."""

    code = "another_must_close_month"
    message = N_("You prepared this month end; somebody else has to close it.")


@dataclass(frozen=True, slots=True)
class Check:
    """One point of the checklist.

    Attributes:
        name: of the check, a stable word.
        count: how much stands open; 0 is as it should be.
    """

    name: str
    count: int

    @property
    def is_done(self) -> bool:
        """Whether nothing stands open."""
        return self.count == 0


@dataclass(frozen=True, slots=True)
class Checklist:
    """What stands open of a month, and how far the books are closed."""

    first_on: date
    last_on: date
    checks: tuple[Check, ...]
    closed_through: date | None
    prepared: MonthEnd | None

    @property
    def open_checks(self) -> tuple[Check, ...]:
        """Return what is still to be done."""
        return tuple(check for check in self.checks if not check.is_done)

    @property
    def is_closed(self) -> bool:
        """Whether the books are closed through this month."""
        return self.closed_through is not None and self.closed_through >= self.last_on


def read_checklist(session: Session, actor: Actor, *, month_on: date) -> Checklist:
    """Return the checklist of a month.

    Args:
        session: any session.
        actor: needs `read_books`.
        month_on: any day of the month.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    first_on, last_on = month_of(month_on)
    return Checklist(
        first_on=first_on,
        last_on=last_on,
        checks=tuple(
            Check(name, count(session, actor.community_id, last_on))
            for name, count in CHECKS.items()
        ),
        closed_through=acts.closed_through(session, actor.community_id),
        prepared=session.scalar(
            sa.select(MonthEnd).where(
                MonthEnd.community_id == actor.community_id,
                MonthEnd.state == MonthState.PREPARED,
            )
        ),
    )


def next_month(session: Session, actor: Actor) -> date:
    """Return the first day of the month whose end comes next: behind the last closed one."""
    actor.require(Permission.READ_BOOKS)
    closed = acts.closed_through(session, actor.community_id)
    if closed is not None:
        return month_of(closed + timedelta(days=1))[0]
    today = clock.today(get_community(session, actor.community_id).time_zone)
    return month_of(today.replace(day=1) - timedelta(days=1))[0]


def prepare(session: Session, actor: Actor, *, month_on: date) -> MonthEnd:
    """Say that a month is ready to be closed; nothing is closed before somebody else does it.

    Args:
        session: write session.
        actor: needs `release_money`; a person.
        month_on: any day of the month.

    Raises:
        NotAllowed: `not_allowed`.
        MonthNotReady: `month_not_ready`; MonthPrepared: `month_prepared`.
    """
    member_id = _person(actor, Permission.RELEASE_MONEY)
    found = read_checklist(session, actor, month_on=month_on)
    if found.prepared is not None:
        if found.prepared.prepared_by_id == member_id and found.prepared.through == found.last_on:
            return found.prepared
        raise MonthPrepared
    _require_ready(found)
    made = MonthEnd(
        community_id=actor.community_id,
        id=new_id(),
        through=found.last_on,
        state=MonthState.PREPARED,
        findings={check.name: check.count for check in found.checks},
        prepared_by_id=member_id,
        prepared_at=clock.now(),
    )
    session.add(made)
    audit.record(session, actor, "prepare_month_end", f"month_end:{made.id}")
    session.flush()
    return made


def close(session: Session, actor: Actor, *, month_end_id: UUID) -> MonthEnd:
    """Close the books through a prepared month; who closed it gets the same answer again.

    Args:
        session: write session.
        actor: needs `administer`; not who prepared it.
        month_end_id: which.

    Raises:
        NotAllowed: `not_allowed`; AnotherMustCloseMonth: `another_must_close_month`.
        MonthEndNotFound: `month_end_not_found`; MonthDecided: `month_decided`.
        MonthNotReady: `month_not_ready`, something was opened again since.
        PeriodUnchanged: `period_unchanged`, somebody closed the books as far by another way.
    """
    member_id = _person(actor, Permission.ADMINISTER)
    found = _locked(session, actor, month_end_id)
    if found.prepared_by_id == member_id:
        raise AnotherMustCloseMonth
    if found.state is MonthState.CLOSED and found.decided_by_id == member_id:
        return found
    if found.state is not MonthState.PREPARED:
        raise MonthDecided
    _require_ready(read_checklist(session, actor, month_on=found.through))
    periods.close_period(
        session, actor, through=found.through, reason=f"month end {found.through:%Y-%m}"
    )
    return _decide(session, actor, found, MonthState.CLOSED)


def withdraw(session: Session, actor: Actor, *, month_end_id: UUID) -> MonthEnd:
    """Take a preparation back, one's own or a colleague's; nothing was closed by it.

    Raises:
        NotAllowed: `not_allowed`; MonthEndNotFound: `month_end_not_found`.
        MonthDecided: `month_decided`.
    """
    _person(actor, Permission.RELEASE_MONEY)
    found = _locked(session, actor, month_end_id)
    if found.state is not MonthState.PREPARED:
        raise MonthDecided
    audit.record(session, actor, "withdraw_month_end", f"month_end:{found.id}")
    return _decide(session, actor, found, MonthState.WITHDRAWN)


def history(session: Session, actor: Actor) -> list[tuple[MonthEnd, str, str]]:
    """Return the newest month ends with the names of who prepared and who decided."""
    actor.require(Permission.READ_BOOKS)
    made = session.scalars(
        sa.select(MonthEnd)
        .where(MonthEnd.community_id == actor.community_id)
        .order_by(MonthEnd.prepared_at.desc(), MonthEnd.id.desc())
        .limit(LISTED_MAX)
    ).all()
    people = {each.prepared_by_id for each in made} | {each.decided_by_id for each in made}
    names = names_of(session, actor, people)
    return [(each, names[each.prepared_by_id], names[each.decided_by_id]) for each in made]


# ---------------------------------------------------------------- checks


def _is_over(session: Session, community_id: UUID, last_on: date) -> int:
    """Count the days of the month that are still to come or under way."""
    today = clock.today(get_community(session, community_id).time_zone)
    return max((last_on - today).days + 1, 0)


def _unconfirmed(session: Session, community_id: UUID, last_on: date) -> int:
    """Count people who came by the end of the month and whose list nobody confirmed."""
    return _count(
        session,
        sa.select(Attendance.id)
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(
            Attendance.community_id == community_id,
            Attendance.state.in_(STAYS),
            Occasion.occurs_on <= last_on,
        ),
    )


def _unsigned(session: Session, community_id: UUID, _last_on: date) -> int:
    """Count corrections that wait for their second person."""
    return _count(
        session,
        sa.select(Correction.id).where(
            Correction.community_id == community_id, Correction.state == CorrectionState.OPEN
        ),
    )


def _unsigned_till_days(session: Session, community_id: UUID, last_on: date) -> int:
    """Count days of tills up to the end of the month that nobody has closed, or signed."""
    return _count(
        session,
        sa.select(TillDay.id)
        .outerjoin(TillSignature, refers(TillSignature.till_day_id, TillDay))
        .where(
            TillDay.community_id == community_id,
            TillDay.day_on <= last_on,
            TillSignature.till_day_id.is_(None),
        ),
    )


def _overdue(session: Session, community_id: UUID, _last_on: date) -> int:
    """Count reservations whose time is over and whose goods nobody has freed yet."""
    return _count(
        session,
        sa.select(Hold.transaction_id).where(
            Hold.community_id == community_id, Hold.expires_at <= clock.now()
        ),
    )


def _uncounted(session: Session, community_id: UUID, last_on: date) -> int:
    """Count donations of money that wait for the second person."""
    return _count(
        session,
        sa.select(MoneyDonation.id).where(
            MoneyDonation.community_id == community_id,
            MoneyDonation.state == DonationState.RECORDED,
            MoneyDonation.received_on <= last_on,
        ),
    )


def _unreleased(session: Session, community_id: UUID, last_on: date) -> int:
    """Count expenses that wait for the second person."""
    return _count(
        session,
        sa.select(Expense.id).where(
            Expense.community_id == community_id,
            Expense.state == ExpenseState.ENTERED,
            Expense.spent_on <= last_on,
        ),
    )


def _unverified(session: Session, community_id: UUID, last_on: date) -> int:
    """Count what the last full self-check found; 1 where none was made since the month ended."""
    check = self_checks.last_check(session, community_id)
    if check is None or not check.is_full:
        return 1
    zone = ZoneInfo(get_community(session, community_id).time_zone)
    is_old = check.checked_at.astimezone(zone).date() <= last_on
    return max(check.finding_count, int(is_old))


def _unsealed(session: Session, community_id: UUID, last_on: date) -> int:
    """Count entries of the month that wait for their seal."""
    return _count(
        session,
        sa.select(Outbox.item_id)
        .join(Transaction, refers(Outbox.item_id, Transaction))
        .where(Outbox.community_id == community_id, Transaction.occurred_on <= last_on),
    )


CHECKS: Final[dict[str, Callable[[Session, UUID, date], int]]] = {
    "month_is_over": _is_over,
    "lists_confirmed": _unconfirmed,
    "corrections_signed": _unsigned,
    "till_days_signed": _unsigned_till_days,
    "reservations_settled": _overdue,
    "donations_counted": _uncounted,
    "expenses_released": _unreleased,
    "book_verified": _unverified,
    "entries_sealed": _unsealed,
}


# ---------------------------------------------------------------- leaves


def _count(session: Session, query: sa.Select[UUID]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0


def _person(actor: Actor, permission: Permission) -> UUID:
    actor.require(permission)
    if actor.member_id is None:
        raise NotAllowed(permission=permission.value)
    return actor.member_id


def _require_ready(found: Checklist) -> None:
    waiting = found.open_checks
    if waiting:
        raise MonthNotReady(count=len(waiting), checks=[check.name for check in waiting])


def _locked(session: Session, actor: Actor, month_end_id: UUID) -> MonthEnd:
    found = session.scalar(
        sa.select(MonthEnd)
        .where(MonthEnd.community_id == actor.community_id, MonthEnd.id == month_end_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise MonthEndNotFound
    return found


def _decide(session: Session, actor: Actor, found: MonthEnd, state: MonthState) -> MonthEnd:
    found.state = state
    found.decided_by_id, found.decided_at = actor.member_id, clock.now()
    session.flush()
    return found
