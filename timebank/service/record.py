"""A member's own record: what the home page and the statements say.

Words: a *line* is one entry of the member's account with the reason it was made; its *evidence* is
the row behind it: scans, who confirmed, the version of the rule, actual and counted minutes.

Invariant: a page is read in a fixed number of statements, however long the history.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.schema import Transaction, TransactionKind
from timebank import codes
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys
from timebank.people.models import Member
from timebank.service import checks
from timebank.service.calendar import SlotLine, next_slot
from timebank.service.errors import NotHere
from timebank.service.evidence import CORRECTION, Evidence, evidence_of
from timebank.service.models import Attendance, AttendanceState, Occasion

LINES_PER_PAGE: Final = 20
SOLD: Final = (
    TransactionKind.REDEMPTION,
    TransactionKind.SALE,
    TransactionKind.SWAP,
    TransactionKind.HOLD_POST,
)
"""What a return takes back."""


class Book(StrEnum):
    """Which of the member's two accounts."""

    TIME = "time"
    POINTS = "points"


@dataclass(frozen=True, slots=True)
class Home:
    """The numbers a person comes for.

    Args:
        member: the reader.
        service_minutes: all recorded service.
        points: points that can be spent now.
        reserved_points: points kept for reserved goods, on top of them.
        month_count: services in the book this month.
        month_minutes: their counted minutes.
        next: where the reader is awaited next.
    """

    member: Member
    service_minutes: int
    points: int
    reserved_points: int
    month_count: int
    month_minutes: int
    next: SlotLine | None


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the account.

    Args:
        transaction_id: the entry.
        kind: what it records.
        occurred_on: the community's day.
        narration: title of the service, goods of the receipt, reason of a correction.
        amount_minor: minutes or points, signed.
        balance_minor: after the entry.
        source: the row that caused it, `<table>:<id>`.
        evidence: of a service or its correction; None for other entries.
        returned: the goods of the receipt that came back to the shop; None for other entries.
        parts: of a correction's two entries shown as one line: what was taken back, then what was
            posted instead; empty for every other line.
    """

    transaction_id: UUID
    kind: str
    occurred_on: date
    narration: str
    amount_minor: int
    balance_minor: int
    source: str
    evidence: Evidence | None
    returned: str | None
    parts: "tuple[Line, ...]" = ()


@dataclass(frozen=True, slots=True)
class StatementPage:
    """A page of the passbook, newest line first.

    `reserved_minor` is what of the closing balance is kept for reserved goods; 0 on older pages.
    """

    book: Book
    opening_minor: int
    closing_minor: int
    lines: list[Line]
    next_cursor: UUID | None
    reserved_minor: int

    @property
    def folded(self) -> list[Line]:
        """Return the lines with the two entries of a correction as one, of their difference.

        The balance between the two is one that nobody ever had: both are of one moment.
        """
        made: list[Line] = []
        for line in self.lines:
            newer = made[-1] if made else None
            if newer is not None and not newer.parts and _is_pair(newer, line):
                amount = newer.amount_minor + line.amount_minor
                made[-1] = replace(
                    newer, amount_minor=amount, evidence=line.evidence, parts=(newer, line)
                )
            else:
                made.append(line)
        return made

    @property
    def in_minor(self) -> int:
        """Return what came in on this page."""
        return sum(line.amount_minor for line in self.folded if line.amount_minor > 0)

    @property
    def out_minor(self) -> int:
        """Return what went out on this page, as a positive number."""
        return -sum(line.amount_minor for line in self.folded if line.amount_minor < 0)


def home(session: Session, actor: Actor) -> Home:
    """Return the numbers of the reader's home page.

    Raises:
        NotAllowed: `not_allowed`; NotHere: `not_found`, the actor is no member.
    """
    member = _self(session, actor)
    accounts = (member.service_account_id, member.points_account_id)
    held = reports.spendable(session, actor.community_id, accounts)
    points = held[member.points_account_id]
    count, minutes = _this_month(session, actor)
    return Home(
        member=member,
        service_minutes=held[member.service_account_id].posted_minor,
        points=points.available_minor,
        reserved_points=points.posted_minor - points.available_minor,
        month_count=count,
        month_minutes=minutes,
        next=next_slot(session, actor),
    )


@dataclass(frozen=True, slots=True)
class PayCode:
    """The code to show at the till, and the seconds until the next one."""

    digits: str
    seconds_left: int
    points: int


def pay_code(session: Session, actor: Actor, keys: CodeKeys) -> PayCode:
    """Return the reader's pay code of this half minute, with the points it can spend.

    Raises:
        NotAllowed: `not_allowed`; NotHere: `not_found`, the actor is no member.
    """
    member = _self(session, actor)
    now = clock.now()
    account_id = member.points_account_id
    held = reports.spendable(session, actor.community_id, [account_id])[account_id]
    return PayCode(
        digits=codes.pay_code(keys, actor.community_id, member.alias, now),
        seconds_left=codes.PAY_STEP_SECONDS - int(now.timestamp()) % codes.PAY_STEP_SECONDS,
        points=held.available_minor,
    )


def statement(
    session: Session, actor: Actor, *, book: Book, before: UUID | None = None
) -> StatementPage:
    """Return one page of the reader's passbook with the evidence of every line.

    Args:
        session: any session.
        actor: the member; nobody else's statement can be asked for.
        book: time or points.
        before: the cursor of the page with the newer lines; None is the newest page.

    Raises:
        NotAllowed: `not_allowed`; NotHere: `not_found`, the actor is no member.
    """
    member = _self(session, actor)
    account_id = member.service_account_id if book is Book.TIME else member.points_account_id
    page = reports.statement(
        session, actor.community_id, account_id, limit=LINES_PER_PAGE, before=before
    )
    if page.lines and _is_taken_back(page.lines[-1].transaction):
        # the entry that was posted instead comes next, and belongs to the same line
        page = reports.statement(
            session, actor.community_id, account_id, limit=LINES_PER_PAGE + 1, before=before
        )
    evidence = evidence_of(session, actor, [line.transaction for line in page.lines])
    returned = _returned(session, actor, [line.transaction for line in page.lines])
    lines = [
        Line(
            transaction_id=entry.id,
            kind=entry.kind,
            occurred_on=entry.occurred_on,
            narration=entry.narration,
            amount_minor=amount_minor,
            balance_minor=balance_minor,
            source=entry.source,
            evidence=evidence.get(entry.id),
            returned=returned.get(entry.id),
        )
        for entry, amount_minor, balance_minor in page.lines
    ]
    reserved_minor = 0
    if book is Book.POINTS and before is None:
        held = reports.spendable(session, actor.community_id, [account_id])[account_id]
        reserved_minor = held.posted_minor - held.available_minor
    return StatementPage(
        *(book, page.opening_minor, page.closing_minor, lines),
        *(page.next_cursor, reserved_minor),
    )


# ---------------------------------------------------------------- private


def _self(session: Session, actor: Actor) -> Member:
    actor.require(Permission.SEE_OWN_RECORD)
    if actor.member_id is None:
        raise NotHere(thing="member")
    return checks.fetch(session, actor, Member, actor.member_id, "member")


def _is_taken_back(entry: Transaction) -> bool:
    is_of_correction = entry.source.startswith(CORRECTION)
    return is_of_correction and entry.kind == TransactionKind.REVERSAL


def _is_pair(newer: Line, line: Line) -> bool:
    """Tell whether two lines are what one correction took back and what it posted."""
    is_of_correction = newer.source.startswith(CORRECTION) and newer.source == line.source
    kinds = (newer.kind, line.kind)
    return is_of_correction and kinds == (TransactionKind.REVERSAL, TransactionKind.SERVICE)


def _this_month(session: Session, actor: Actor) -> tuple[int, int]:
    zone = checks.community_of(session, actor).time_zone
    first = clock.today(zone).replace(day=1)
    count, minutes = session.execute(
        select(func.count(), func.coalesce(func.sum(Attendance.counted_minutes), 0))
        .select_from(Attendance)
        .join(
            Occasion,
            and_(
                Occasion.community_id == Attendance.community_id,
                Occasion.id == Attendance.occasion_id,
            ),
        )
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.member_id == actor.member_id,
            Attendance.state == AttendanceState.POSTED,
            Occasion.occurs_on >= first,
        )
    ).one()
    return count, int(minutes or 0)


def _returned(session: Session, actor: Actor, entries: Collection[Transaction]) -> dict[UUID, str]:
    """Return the goods of the sales that entries give back, by entry, in one statement."""
    sales = {entry.reverses_id: entry.id for entry in entries if entry.reverses_id}
    if not sales:
        return {}
    found = session.execute(
        select(Transaction.id, Transaction.narration).where(
            Transaction.community_id == actor.community_id,
            Transaction.id.in_(sales),
            Transaction.kind.in_(SOLD),
        )
    )
    return {sales[sale_id]: goods for sale_id, goods in found}
