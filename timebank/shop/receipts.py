"""Receipts: what was redeemed, by whom, and whether it came back.

Words: a *receipt* is a redemption with its lines, its member and its refund, if any.

Invariant: any list of receipts takes two statements, however many receipts there are.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from timebank import codes
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.people.names import masked_name
from timebank.shop.days import day_end, day_start
from timebank.shop.errors import CodeNotUnderstood, ReceiptNotFound
from timebank.shop.models import Redemption, RedemptionLine, Refund

LAST_PURCHASES_COUNT = 3
DAY_RECEIPTS_MAX = 500
NUMBER_MAX = 10**8
TYPED_DIGITS_MAX = 9
SHOWN_TEXT_LENGTH_MAX = 60


@dataclass(frozen=True, slots=True)
class Receipt:
    """A redemption as printed.

    `is_replay` tells that it was already there when it was asked for.
    """

    redemption: Redemption
    member: Member
    lines: tuple[RedemptionLine, ...]
    refund: Refund | None
    is_replay: bool = True

    @property
    def digits(self) -> str:
        """Return the ten digits of the barcode."""
        return codes.receipt_digits(self.redemption.receipt_number)

    @property
    def masked_name(self) -> str:
        """Return the member's name as printed: a lost receipt tells nobody who bought."""
        return masked_name(self.member.name)

    @property
    def piece_count(self) -> int:
        """Return how many pieces went over the counter."""
        return sum(line.quantity for line in self.lines)


def read_receipt(session: Session, actor: Actor, *, receipt_number: int) -> Receipt:
    """Return one receipt of the actor's community.

    Raises:
        ReceiptNotFound: receipt_not_found.
    """
    actor.require(Permission.KEEP_SHOP)
    by_number = Redemption.receipt_number == min(max(receipt_number, 0), NUMBER_MAX)
    found = _receipts(session, actor.community_id, by_number, limit=1)
    if not found:
        raise ReceiptNotFound(receipt=receipt_number)
    return found[0]


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


def _receipts(
    session: Session, community_id: UUID, condition: sa.ColumnElement[bool], *, limit: int
) -> list[Receipt]:
    """Return receipts, the newest first: one statement for the heads, one for all their lines."""
    heads = session.execute(
        sa.select(Redemption, Member, Refund)
        .join(
            Member,
            (Member.community_id == Redemption.community_id) & (Member.id == Redemption.member_id),
        )
        .join(
            Refund,
            (Refund.community_id == Redemption.community_id)
            & (Refund.redemption_id == Redemption.id),
            isouter=True,
        )
        .where(Redemption.community_id == community_id, condition)
        .order_by(Redemption.redeemed_at.desc(), Redemption.receipt_number.desc())
        .limit(limit)
    ).all()
    lines = _lines(session, community_id, [redemption.id for redemption, _, _ in heads])
    return [
        Receipt(redemption, member, tuple(lines[redemption.id]), refund)
        for redemption, member, refund in heads
    ]


def _lines(
    session: Session, community_id: UUID, redemption_ids: list[UUID]
) -> dict[UUID, list[RedemptionLine]]:
    by_redemption: dict[UUID, list[RedemptionLine]] = defaultdict(list)
    if not redemption_ids:
        return by_redemption
    rows = session.scalars(
        sa.select(RedemptionLine)
        .where(
            RedemptionLine.community_id == community_id,
            RedemptionLine.redemption_id.in_(redemption_ids),
        )
        .order_by(RedemptionLine.redemption_id, RedemptionLine.line_no)
    )
    for line in rows:
        by_redemption[line.redemption_id].append(line)
    return by_redemption
