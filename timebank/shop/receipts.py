"""Receipts: what went over the counter, for whom, how it was paid, and what of it came back.

Words: a *receipt* is a redemption with its lines, what was swapped in, its member and helper, and
its returns; a line has *left* what of its pieces has not come back.

Invariant: any list of receipts takes four statements, however many receipts there are.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ledger.base import refers
from timebank import codes
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.people.names import masked_name
from timebank.shop.days import day_end, day_start
from timebank.shop.errors import CodeNotUnderstood, ReceiptNotFound
from timebank.shop.sale_models import (
    PaysWith,
    Redemption,
    RedemptionLine,
    Refund,
    RefundLine,
    SwapLine,
)

LAST_PURCHASES_COUNT = 3
DAY_RECEIPTS_MAX = 500
NUMBER_MAX = 10**8
TYPED_DIGITS_MAX = 9
SHOWN_TEXT_LENGTH_MAX = 60


@dataclass(frozen=True, slots=True)
class Returned:
    """One return: pieces by the number of their line."""

    refund: Refund
    pieces: dict[int, int]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A redemption as printed.

    `member` is None for a buyer without a card; `returns` has the oldest first; `is_replay` tells
    that it was already there when it was asked for.
    """

    redemption: Redemption
    member: Member | None
    lines: tuple[RedemptionLine, ...]
    swaps: tuple[SwapLine, ...] = ()
    returns: tuple[Returned, ...] = ()
    helper: Member | None = None
    is_replay: bool = True

    @property
    def digits(self) -> str:
        """Return the ten digits of the barcode."""
        return codes.receipt_digits(self.redemption.receipt_number)

    @property
    def masked_name(self) -> str:
        """Return the member's name as printed: a lost receipt tells nobody who bought."""
        return masked_name(self.member.name) if self.member else ""

    @property
    def masked_helper(self) -> str:
        """Return the name, as printed, of who came for the member; empty for nobody."""
        return masked_name(self.helper.name) if self.helper else ""

    @property
    def piece_count(self) -> int:
        """Return how many pieces went over the counter."""
        return sum(line.quantity for line in self.lines)

    @property
    def refund(self) -> Refund | None:
        """Return the last return; None while nothing came back."""
        return self.returns[-1].refund if self.returns else None

    @property
    def returned(self) -> Counter[int]:
        """Return how many pieces of each line came back."""
        found: Counter[int] = Counter()
        for each in self.returns:
            found.update(each.pieces)
        return found

    @property
    def left(self) -> dict[int, int]:
        """Return how many pieces of each line have not come back."""
        returned = self.returned
        return {line.line_no: line.quantity - returned[line.line_no] for line in self.lines}

    @property
    def is_returned(self) -> bool:
        """Whether every piece came back."""
        return bool(self.returns) and not any(self.left.values())

    @property
    def cash_lines(self) -> tuple[RedemptionLine, ...]:
        """Return what was paid in cash."""
        return tuple(line for line in self.lines if line.pays_with is PaysWith.CASH)

    @property
    def points_lines(self) -> tuple[RedemptionLine, ...]:
        """Return what was paid with points."""
        return tuple(line for line in self.lines if line.pays_with is PaysWith.POINTS)


def read_receipt(session: Session, actor: Actor, *, receipt_number: int) -> Receipt:
    """Return one receipt of the actor's community.

    Raises:
        ReceiptNotFound: receipt_not_found.
    """
    actor.require(Permission.KEEP_SHOP)
    return _one(session, actor, receipt_number, sa.true())


def read_own_receipt(session: Session, actor: Actor, *, receipt_number: int) -> Receipt:
    """Return a receipt of the actor's own; another's answers like one that is not there.

    Raises:
        ReceiptNotFound: receipt_not_found.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    return _one(session, actor, receipt_number, Redemption.member_id == actor.member_id)


def list_own_receipts(session: Session, actor: Actor) -> list[Receipt]:
    """Return the actor's own receipts, the newest first, at most 500."""
    actor.require(Permission.SEE_OWN_RECORD)
    own = Redemption.member_id == actor.member_id
    return _receipts(session, actor.community_id, own, limit=DAY_RECEIPTS_MAX)


def read_scanned_receipt(session: Session, actor: Actor, *, text: str) -> Receipt:
    """Return the receipt behind a scanned barcode or a typed number.

    Raises:
        CodeNotUnderstood: unknown_code, neither of the two.
        ReceiptNotFound: receipt_not_found.
    """
    scan = codes.read_scan(text)
    typed = scan.value.lstrip("0")
    if scan.kind is codes.ScanKind.RECEIPT:
        number = codes.label_number(scan.value)
    elif typed.isdigit() and len(typed) < TYPED_DIGITS_MAX:
        number = int(typed)
    else:
        raise CodeNotUnderstood(text=text.strip()[:SHOWN_TEXT_LENGTH_MAX])
    return read_receipt(session, actor, receipt_number=number)


def read_receipts_of_day(
    session: Session, actor: Actor, *, community: Community, on: date
) -> list[Receipt]:
    """Return the receipts of one day, the newest first, at most 500.

    Args:
        session: read-only.
        actor: needs `keep_shop`.
        community: the actor's, for its midnight.
        on: the local day.
    """
    actor.require(Permission.KEEP_SHOP)
    of_day = sa.and_(
        Redemption.redeemed_at >= day_start(community.time_zone, on),
        Redemption.redeemed_at < day_end(community.time_zone, on),
    )
    return _receipts(session, actor.community_id, of_day, limit=DAY_RECEIPTS_MAX)


def last_purchases(session: Session, member: Member) -> list[Receipt]:
    """Return the last three receipts of a member, the newest first."""
    of_member = Redemption.member_id == member.id
    return _receipts(session, member.community_id, of_member, limit=LAST_PURCHASES_COUNT)


def count_today(session: Session, community: Community) -> int:
    """Return how many baskets were finished today."""
    count = session.scalar(
        sa.select(sa.func.count())
        .select_from(Redemption)
        .where(
            Redemption.community_id == community.community_id,
            Redemption.redeemed_at >= day_start(community.time_zone),
        )
    )
    return int(count or 0)


def find_by_nonce(session: Session, community_id: UUID, nonce: str) -> Receipt | None:
    """Return the receipt that a till's request number already led to."""
    found = _receipts(session, community_id, Redemption.nonce == nonce, limit=1)
    return found[0] if found else None


# ---------------------------------------------------------------- reading


def _one(
    session: Session, actor: Actor, receipt_number: int, condition: sa.ColumnElement[bool]
) -> Receipt:
    by_number = Redemption.receipt_number == min(max(receipt_number, 0), NUMBER_MAX)
    found = _receipts(session, actor.community_id, sa.and_(by_number, condition), limit=1)
    if not found:
        raise ReceiptNotFound(receipt=receipt_number)
    return found[0]


def _receipts(
    session: Session, community_id: UUID, condition: sa.ColumnElement[bool], *, limit: int
) -> list[Receipt]:
    """Return receipts, the newest first: one statement for the heads, one for each of the rest."""
    member, helper = aliased(Member, name="buyer"), aliased(Member, name="helper")
    heads = session.execute(
        sa.select(Redemption, member, helper)
        .outerjoin(member, refers(Redemption.member_id, member))
        .outerjoin(helper, refers(Redemption.helper_member_id, helper))
        .where(Redemption.community_id == community_id, condition)
        .order_by(Redemption.redeemed_at.desc(), Redemption.receipt_number.desc())
        .limit(limit)
    ).all()
    if not heads:
        return []
    ids = [redemption.id for redemption, _, _ in heads]
    lines = _rows_of(session, community_id, RedemptionLine, ids)
    swaps = _rows_of(session, community_id, SwapLine, ids)
    returns = _returns_of(session, community_id, ids)
    return [
        Receipt(
            redemption=redemption,
            member=buyer,
            lines=tuple(lines[redemption.id]),
            swaps=tuple(swaps[redemption.id]),
            returns=tuple(returns[redemption.id]),
            helper=came,
        )
        for redemption, buyer, came in heads
    ]


def _rows_of(
    session: Session, community_id: UUID, table: Any, ids: list[UUID]
) -> dict[UUID, list[Any]]:
    by_redemption: dict[UUID, list[Any]] = defaultdict(list)
    rows = session.scalars(
        sa.select(table)
        .where(table.community_id == community_id, table.redemption_id.in_(ids))
        .order_by(table.redemption_id, table.line_no)
    )
    for row in rows:
        by_redemption[row.redemption_id].append(row)
    return by_redemption


def _returns_of(
    session: Session, community_id: UUID, ids: list[UUID]
) -> dict[UUID, list[Returned]]:
    rows = session.execute(
        sa.select(Refund, RefundLine)
        .outerjoin(
            RefundLine,
            sa.and_(
                RefundLine.community_id == Refund.community_id, RefundLine.refund_id == Refund.id
            ),
        )
        .where(Refund.community_id == community_id, Refund.redemption_id.in_(ids))
        .order_by(Refund.redemption_id, Refund.id, RefundLine.line_no)
    )
    by_refund: dict[UUID, Returned] = {}
    for refund, line in rows:
        found = by_refund.setdefault(refund.id, Returned(refund, {}))
        if line is not None:
            found.pieces[line.line_no] = line.quantity
    by_redemption: dict[UUID, list[Returned]] = defaultdict(list)
    for found in by_refund.values():
        by_redemption[found.refund.redemption_id].append(found)
    return by_redemption
