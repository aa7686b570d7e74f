"""The book as plain text, so that it can be checked without us: hledger, ledger and beancount.

Words: a *journal* is the whole book of one community in the syntax of one outside program: the
units, the accounts, every posted transaction in the order of its day, and at the end what we hold
each balance to be.

Invariants: nothing in a journal names a person (accounts carry volunteer numbers); holds are not
posted and are left out; the text is made line by line, so that memory does not grow with the book.
"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby, islice
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import reports
from ledger.schema import Account, Posting, Transaction
from timebank.actors import Actor, Permission
from timebank.insight import bare_books
from timebank.insight.journal_syntax import (
    AccountLine,
    Amount,
    BeancountSyntax,
    Heading,
    HledgerSyntax,
    LedgerSyntax,
    Syntax,
)

ROWS_PER_FETCH: Final = 1000
ACCOUNTS_PER_READING: Final = 200


class JournalFormat(StrEnum):
    """The outside programs whose syntax we write."""

    HLEDGER = "hledger"
    LEDGER = "ledger"
    BEANCOUNT = "beancount"


SYNTAXES: Final[dict[JournalFormat, Syntax]] = {
    JournalFormat.HLEDGER: HledgerSyntax(),
    JournalFormat.LEDGER: LedgerSyntax(),
    JournalFormat.BEANCOUNT: BeancountSyntax(),
}


def journal(session: Session, actor: Actor, *, journal_format: JournalFormat) -> Iterator[str]:
    """Return the lines of the actor's book, each with its line end.

    Args:
        session: a reading session: the assertions hold only for the snapshot of the postings.
        actor: needs `READ_BOOKS`.
        journal_format: whose syntax.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.READ_BOOKS)
    return _lines(session, actor.community_id, SYNTAXES[journal_format])


def _lines(session: Session, community_id: UUID, syntax: Syntax) -> Iterator[str]:
    places = bare_books.units_of(session, community_id)
    for name, decimal_places in places.items():
        yield from syntax.commodity(name, decimal_places)
    for account in _accounts(session, community_id):
        yield from syntax.account(account)
    last_day = None
    for heading, amounts in _transactions(session, community_id, places):
        last_day = heading.occurred_on
        yield from syntax.transaction(heading, amounts)
    if last_day is not None:
        yield from syntax.closing(last_day, _balances(session, community_id, places))


# ---------------------------------------------------------------- reading the book


def _accounts(session: Session, community_id: UUID) -> Iterator[AccountLine]:
    query = (
        sa.select(Account.id, Account.code, Account.commodity)
        .where(Account.community_id == community_id)
        .order_by(Account.code)
        .execution_options(yield_per=ROWS_PER_FETCH)
    )
    return (AccountLine(*row) for row in session.execute(query))


def _transactions(
    session: Session, community_id: UUID, places: dict[str, int]
) -> Iterator[tuple[Heading, Iterator[Amount]]]:
    """Give the posted transactions by day, each with its amounts in the order of the record."""
    query = (
        sa.select(
            Transaction.id,
            Transaction.occurred_on,
            Transaction.kind,
            Transaction.source,
            Transaction.narration,
            Account.code,
            Account.commodity,
            Posting.amount_minor,
        )
        .join_from(Transaction, Posting, Posting.transaction_id == Transaction.id)
        .join(Account, Account.id == Posting.account_id)
        .where(
            Transaction.community_id == community_id,
            Posting.community_id == community_id,
            Account.community_id == community_id,
            sa.not_(Posting.is_pending),
        )
        .order_by(Transaction.occurred_on, Transaction.id, Posting.leg_no)
        .execution_options(yield_per=ROWS_PER_FETCH)
    )
    for heading, rows in groupby(session.execute(query), key=lambda row: Heading(*row[:5])):
        yield heading, (Amount(*row[5:], places[row.commodity]) for row in rows)


def _balances(session: Session, community_id: UUID, places: dict[str, int]) -> Iterator[Amount]:
    """Give every account's posted balance as the book holds it, some accounts at a time."""
    accounts = _accounts(session, community_id)
    while page := list(islice(accounts, ACCOUNTS_PER_READING)):
        held = reports.balances(session, community_id, [account.id for account in page])
        for account in page:
            unit, posted_minor = account.commodity, held[account.id].posted_minor
            yield Amount(account.code, unit, posted_minor, places[unit])
