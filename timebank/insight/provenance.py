"""Where every minute, point and piece came from: the book against the papers of the areas.

Words: a *paper* (see `timebank.insight.papers`) *stands behind* its transaction when the
transaction names it as its source and has exactly the legs that follow from it.

Checked both ways round: every paper has its transaction; every transaction has its paper; and the
numbers that people hold in hand run without a gap. Every pass takes a reading session and one book,
and gives its findings one by one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ledger.findings import Finding
from ledger.schema import Account, Posting, Transaction, TransactionKind
from timebank.insight import cash_papers, correction_papers, papers, sale_papers
from timebank.insight.cash_papers import cash_is_counted
from timebank.insight.comparing import compared
from timebank.insight.correction_papers import corrections_are_whole
from timebank.insight.import_papers import imports_are_whole, is_imported
from timebank.insight.policy_papers import caps_are_kept, policies_are_released_by_two
from timebank.insight.sale_papers import refunds_are_whole
from timebank.insight.stock_papers import (
    stock_is_whole,
    stock_moves_are_posted,
    stocktakes_are_posted,
)
from timebank.people.models import Community, Member
from timebank.rewards.models import Certificate, CertificateRegister, Commendation
from timebank.rewards.papers import content_hash
from timebank.service.correction_models import Correction
from timebank.service.models import Attendance, AttendanceState
from timebank.shop.cash_models import SafeDecision, TillClosing, TillDay
from timebank.shop.models import (
    Donation,
    Item,
    Reservation,
)
from timebank.shop.sale_models import Redemption, Refund
from timebank.shop.stock_models import StockMove, Stocktake

Pass = Callable[[Session, UUID], Iterator[Finding]]


# ---------------------------------------------------------------- papers have their transactions


def attendances_are_posted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every posted attendance has its award, to the minute and to the point."""
    return compared(session, community_id, papers.attendances(session, community_id))


def corrections_are_posted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every agreed correction took back what it says, and posted what it says."""
    return compared(session, community_id, correction_papers.corrections(session, community_id))


def donations_are_posted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every donation has put its pieces on the shelf, and paid what it says."""
    return compared(session, community_id, papers.donations(session, community_id))


def redemptions_are_posted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every redemption has moved its points and its pieces, and its lines sum to its total."""
    return compared(session, community_id, sale_papers.redemptions(session, community_id))


def reservations_are_held(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every reservation has set its points and its pieces aside, and moved nothing by that."""
    return compared(session, community_id, papers.reservations(session, community_id))


def cash_is_posted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every float, every closing and every move of the safe has moved what it says."""
    return compared(session, community_id, cash_papers.moves(session, community_id))


def refunds_are_posted(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every return of a part has given back what its lines say."""
    return compared(session, community_id, sale_papers.partial_refunds(session, community_id))


# ---------------------------------------------------------------- transactions have their papers


def nothing_moves_without_a_paper(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Every transaction has an attendance, a donation, a redemption or a reservation behind it.

    What was reversed again is left out: a corrected attendance lets go of its transaction.
    """
    reversal = aliased(Transaction)
    query = (
        sa.select(
            Transaction.id, Transaction.kind, Transaction.source, Account.code, Posting.amount_minor
        )
        .join_from(
            Transaction,
            Posting,
            sa.and_(
                Posting.community_id == Transaction.community_id,
                Posting.transaction_id == Transaction.id,
            ),
        )
        .join(
            Account,
            sa.and_(Account.community_id == Posting.community_id, Account.id == Posting.account_id),
        )
        .where(
            Transaction.community_id == community_id,
            Transaction.reverses_id.is_(None),
            ~_is_named(Transaction.id, reversal.community_id, reversal.reverses_id),
            ~_has_paper(Transaction.id),
            ~is_imported(),  # their paper is the run: `imports_are_whole`
        )
        .order_by(Transaction.id, Posting.leg_no)
    )
    for (transaction_id, kind, source), legs in groupby(
        session.execute(query), key=lambda found: (found.id, found.kind, found.source)
    ):
        moves = ", ".join(f"{leg.amount_minor} on {leg.code}" for leg in legs)
        yield Finding(
            "without_paper",
            f"transaction:{transaction_id}",
            f"{kind} moves {moves}, and no confirmed attendance, donation, redemption or"
            f" reservation stands behind it (it names {source})",
        )


def reversals_have_their_paper(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Nothing is taken back but by a refund, or by a correction that two people signed."""
    query = sa.select(Transaction.id, Transaction.reverses_id).where(
        Transaction.community_id == community_id,
        Transaction.reverses_id.is_not(None),
        ~_is_named(Transaction.id, Refund.community_id, Refund.transaction_id),
        ~_is_named(Transaction.id, Correction.community_id, Correction.reversal_id),
        ~_is_named(Transaction.id, StockMove.community_id, StockMove.transaction_id),
        ~is_imported(),
    )
    for transaction_id, reverses_id in session.execute(query):
        yield Finding(
            "reversal_without_paper",
            f"transaction:{transaction_id}",
            f"it takes back transaction {reverses_id}, and no refund or correction names it",
        )


def pieces_out_are_pieces_redeemed(session: Session, community_id: UUID) -> Iterator[Finding]:
    """What went out of the shop's shelves is what the receipts say, returns taken off."""
    redeemed = sale_papers.pieces_out(session, community_id)
    query = (
        sa.select(Item.id, Item.number, sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0))
        .join_from(
            Item,
            Posting,
            sa.and_(
                Posting.community_id == Item.community_id,
                Posting.account_id == Item.out_account_id,
                sa.not_(Posting.is_pending),
            ),
            isouter=True,
        )
        .where(Item.community_id == community_id)
        .group_by(Item.id, Item.number)
        .order_by(Item.number)
    )
    for item_id, number, out_count in session.execute(query):
        if out_count != redeemed.get(item_id, 0):
            yield Finding(
                "pieces_differ",
                f"item:{item_id}",
                f"goods {number:04d}: {out_count} pieces went out,"
                f" {redeemed.get(item_id, 0)} stand on receipts",
            )


# ---------------------------------------------------------------- numbers and certificates


def certificates_are_whole(session: Session, community_id: UUID) -> Iterator[Finding]:
    """The register has no gap, and every certificate is what was printed."""
    registers = dict(
        session.execute(
            sa.select(CertificateRegister.year, CertificateRegister.last_number).where(
                CertificateRegister.community_id == community_id
            )
        ).all()
    )
    numbers: dict[int, list[int]] = defaultdict(list)
    query = (
        sa.select(Certificate, Commendation.member_id)
        .outerjoin(
            Commendation,
            sa.and_(
                Commendation.community_id == Certificate.community_id,
                Commendation.id == Certificate.commendation_id,
            ),
        )
        .where(Certificate.community_id == community_id)
        .order_by(Certificate.year, Certificate.number)
    )
    for certificate, commended_id in session.execute(query):
        numbers[certificate.year].append(certificate.number)
        if content_hash(certificate.content) != certificate.content_hash:
            yield Finding(
                "certificate_changed",
                f"certificate:{certificate.id}",
                f"{certificate.year} no. {certificate.number}: its content is not what was printed",
            )
        if certificate.member_id != commended_id:
            yield Finding(
                "certificate_differs",
                f"certificate:{certificate.id}",
                f"{certificate.year} no. {certificate.number}: its member was not commended",
            )
    for year in sorted(registers.keys() | numbers.keys()):
        yield from _gaps(f"certificates of {year}", numbers[year], registers.get(year, 0))


def numbers_are_gapless(session: Session, community_id: UUID) -> Iterator[Finding]:
    """Volunteers, goods and receipts are numbered from 1 up to the community's counters."""
    community = session.get_one(Community, community_id)
    counted: tuple[tuple[str, Any, Any, int], ...] = (
        ("volunteers", Member, Member.number, community.last_member_number),
        ("goods", Item, Item.number, community.last_item_number),
        ("receipts", Redemption, Redemption.receipt_number, community.last_receipt_number),
    )
    for name, table, column, last_number in counted:
        query = sa.select(column).where(table.community_id == community_id).order_by(column)
        yield from _gaps(name, list(session.scalars(query)), last_number)


PASSES: Final[tuple[Pass, ...]] = (
    attendances_are_posted,
    policies_are_released_by_two,
    caps_are_kept,
    corrections_are_posted,
    corrections_are_whole,
    donations_are_posted,
    redemptions_are_posted,
    reservations_are_held,
    cash_is_posted,
    cash_is_counted,
    stocktakes_are_posted,
    stock_moves_are_posted,
    stock_is_whole,
    refunds_are_posted,
    refunds_are_whole,
    nothing_moves_without_a_paper,
    imports_are_whole,
    reversals_have_their_paper,
    pieces_out_are_pieces_redeemed,
    certificates_are_whole,
    numbers_are_gapless,
)


# ---------------------------------------------------------------- leaves


def _has_paper(transaction_id: Any) -> sa.ColumnElement[bool]:
    """Return the condition that one of the papers that the passes go through names it."""
    return sa.or_(
        _is_named(transaction_id, Attendance.community_id, Attendance.transaction_id).where(
            Attendance.state == AttendanceState.POSTED
        ),
        _is_named(transaction_id, Donation.community_id, Donation.transaction_id),
        _is_named(transaction_id, Redemption.community_id, Redemption.transaction_id),
        _is_named(transaction_id, Refund.community_id, Refund.transaction_id),
        _is_named(transaction_id, Reservation.community_id, Reservation.transaction_id),
        _is_named(transaction_id, TillDay.community_id, TillDay.transaction_id),
        _is_named(transaction_id, TillClosing.community_id, TillClosing.transaction_id),
        _is_named(transaction_id, SafeDecision.community_id, SafeDecision.transaction_id),
        _is_named(transaction_id, Stocktake.community_id, Stocktake.transaction_id),
        _is_named(transaction_id, StockMove.community_id, StockMove.transaction_id),
        # What only gives a hold back needs no paper but the hold's.
        sa.and_(
            Transaction.kind.in_((TransactionKind.HOLD_VOID, TransactionKind.HOLD_EXPIRE)),
            _is_named(
                Transaction.resolves_id, Reservation.community_id, Reservation.transaction_id
            ),
        ),
    )


def _is_named(transaction_id: Any, community_id: Any, named_id: Any) -> sa.Exists:
    """Return the condition that a row of another table names the transaction."""
    return sa.exists().where(community_id == Transaction.community_id, named_id == transaction_id)


def _gaps(name: str, numbers: Iterable[int], last_number: int) -> Iterator[Finding]:
    """Compare numbers that should be 1, 2, 3 … with their counter."""
    given = list(numbers)
    missing = sorted(set(range(1, last_number + 1)) - set(given))
    if missing:
        yield Finding("number_missing", name, f"number {missing[0]} is missing of {last_number}")
    if given and max(given) > last_number:
        yield Finding(
            "number_beyond", name, f"number {max(given)} is beyond the counter {last_number}"
        )
