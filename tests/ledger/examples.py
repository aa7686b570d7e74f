"""One worked example per kind of transaction, posted for real and written as the tables of docs.

`python -m tests.ledger.examples` writes them into docs/ledger.md; a test compares.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, holds, ids, journal
from ledger.database import Database
from ledger.holds import Resolution
from ledger.journal import Draft, Leg
from ledger.reports import balances
from ledger.schema import HOLD_RESOLUTIONS, Account, Posting, TransactionKind
from ledger.verification import verify
from migrations import run as migrations
from tests.ledger.makers import NINTH
from timebank import chart

DOCUMENT = Path(__file__).parents[2] / "docs" / "ledger.md"
NOON = datetime(2026, 11, 9, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
BEGIN, END = "<!-- example {} -->", "<!-- end -->"
UNITS = {"SERVICE": "min", "POINT": "points", "CNY": "fen"}
"""Goods, which are not named here, are pieces."""


class Examples:
    """A book with Alice (V0001) and one kind of goods, and what was posted in it so far."""

    def __init__(self, session: Session) -> None:
        """Open the book."""
        self.session = session
        self.community_id = ids.new_id()
        chart.open_system_accounts(session, self.community_id)
        chart.open_member_accounts(session, self.community_id, 1)
        for item_number in (1, 2):
            chart.open_item_accounts(session, self.community_id, item_number)
        for code in (chart.till_account_code(1), chart.SALES, chart.SAFE, chart.DEPOSITS):
            chart.open_money_account(session, self.community_id, code)
        chart.open_goods_account(session, self.community_id, 1, chart.ADJUSTED)
        for code in (*FUND, "Fund:P0001"):
            chart.open_money_account(session, self.community_id, code)
        rows = session.execute(
            sa.select(Account.code, Account.id).where(Account.community_id == self.community_id)
        )
        self.account_ids = {row.code: row.id for row in rows}
        self.posted: dict[str, journal.Posted] = {}

    def post(self, kind: TransactionKind, legs: dict[str, int]) -> None:
        """Post legs given by the codes of their accounts; the example is named after its kind."""
        draft = self._draft(kind, kind, legs)
        self.posted[kind] = journal.post(self.session, self.community_id, draft)

    def place(self, name: str, legs: dict[str, int]) -> UUID:
        """Set legs aside for an hour; return the hold."""
        self.posted[name] = holds.place(
            self.session,
            self.community_id,
            self._draft(TransactionKind.HOLD, name, legs),
            expires_at=clock.now() + timedelta(hours=1),
        )
        return self.posted[name].transaction_id

    def reverse(self, of: TransactionKind) -> None:
        """Reverse an example."""
        self.posted[TransactionKind.REVERSAL] = journal.reverse(
            self.session,
            self.community_id,
            self.posted[of].transaction_id,
            reason="brought back",
            idempotency_key="reversal",
            actor="system:example",
            occurred_on=NINTH,
            source="example:reversal",
        )

    def end(self, way: TransactionKind, hold_id: UUID) -> None:
        """Post a hold, void it, or let its time run out."""
        resolution = Resolution(NINTH, way, "system:example", f"example:{way}")
        where = (self.session, self.community_id, hold_id)
        if way == TransactionKind.HOLD_POST:
            self.posted[way] = holds.post(*where, resolution)
        elif way == TransactionKind.HOLD_VOID:
            self.posted[way] = holds.void(*where, resolution)
        else:
            with clock.at(clock.now() + timedelta(hours=1)):
                self.posted[way] = holds.expire(*where, NINTH)

    def table(self, name: str) -> str:
        """Return the legs of an example with the balances behind it."""
        rows = self.session.execute(
            sa.select(Account, Posting)
            .join(
                Posting,
                sa.and_(
                    Posting.community_id == Account.community_id,
                    Posting.account_id == Account.id,
                ),
            )
            .where(Posting.transaction_id == self.posted[name].transaction_id)
            .order_by(Posting.leg_no)
        ).all()
        held = balances(self.session, self.community_id, [account.id for account, _ in rows])
        lines = ["| account | layer | amount | balance | available |", "|---|---|--:|--:|--:|"]
        for account, posting in rows:
            unit, balance = UNITS.get(account.commodity, "pieces"), held[account.id]
            layer = "pending" if posting.is_pending else "posted"
            lines.append(
                f"| `{account.code}` | {layer} | {posting.amount_minor:+d} {unit}"
                f" | {balance.posted_minor} | {balance.available_minor} |"
            )
        return "\n".join(lines)

    def _draft(self, kind: TransactionKind, name: str, legs: dict[str, int]) -> Draft:
        chosen = tuple(Leg(self.account_ids[code], amount) for code, amount in legs.items())
        return Draft(kind, chosen, NINTH, name, "system:example", f"example:{name}", "")


SERVICE = {
    "Issuance:Service": -120,
    "Members:V0001:Service": 120,
    "Issuance:Points": -60,
    "Members:V0001:Points": 60,
}
DONATION = {
    "Goods:0001:Intake": -2,
    "Goods:0001:Stock": 2,
    "Issuance:Points": -60,
    "Members:V0001:Points": 60,
}
FOUND = {"Goods:0001:Stock": 1, "Goods:0001:Adjusted": -1}
SCARF = {
    "Members:V0001:Points": -30,
    "Shop:Redeemed": 30,
    "Goods:0001:Stock": -1,
    "Goods:0001:Out": 1,
}
SALE = {
    "Cash:Till:1": 1250,
    "Income:Sales": -1250,
    "Goods:0001:Stock": -1,
    "Goods:0001:Out": 1,
}
CASH = {"Equity:Deposits": -20000, "Cash:Safe": 20000}
REFUND = {code: -amount for code, amount in SALE.items()}
SWAP = {
    "Members:V0001:Points": -5,
    "Shop:Redeemed": 5,
    "Goods:0001:Stock": -1,
    "Goods:0001:Out": 1,
    "Goods:0002:Intake": -1,
    "Goods:0002:Stock": 1,
}


FUND = {"Income:Donations:General": -10_000, "Fund:General": 10_000}


def tables(database: Database) -> Iterator[tuple[str, str]]:
    """Post the examples one after the other; give the name and the table of each."""
    with clock.at(NOON), database.begin() as session:
        book = Examples(session)
        for kind, legs in (
            (TransactionKind.SERVICE, SERVICE),
            (TransactionKind.DONATION, DONATION),
            (TransactionKind.REDEMPTION, SCARF),
        ):
            book.post(kind, legs)
            yield kind, book.table(kind)
        book.post(TransactionKind.FUND, FUND)
        yield TransactionKind.FUND, book.table(TransactionKind.FUND)
        book.reverse(TransactionKind.REDEMPTION)
        yield TransactionKind.REVERSAL, book.table(TransactionKind.REVERSAL)
        hold_id = book.place(TransactionKind.HOLD, SCARF)
        yield TransactionKind.HOLD, book.table(TransactionKind.HOLD)
        for way in HOLD_RESOLUTIONS:
            book.end(way, hold_id)
            yield way, book.table(way)
            if way != HOLD_RESOLUTIONS[-1]:
                hold_id = book.place(f"after {way}", SCARF)
        for kind, legs in (
            (TransactionKind.CASH, CASH),
            (TransactionKind.SALE, SALE),
            (TransactionKind.REFUND, REFUND),
            (TransactionKind.SWAP, SWAP),
            (TransactionKind.STOCK, FOUND),
        ):
            book.post(kind, legs)
            yield kind, book.table(kind)
        assert verify(session, book.community_id) == []


def filled(text: str, made: Iterator[tuple[str, str]]) -> str:
    """Return the document with every example in its place."""
    for name, table in made:
        place = re.compile(re.escape(BEGIN.format(name)) + r".*?" + re.escape(END), re.DOTALL)
        assert place.search(text), f"docs/ledger.md has no place for {name}"
        text = place.sub(f"{BEGIN.format(name)}\n{table}\n{END}", text)
    return text


def main() -> None:
    """Write the examples into the document."""
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/book.sqlite3"
        migrations.upgrade(url)
        database = Database(url)
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(filled(text, tables(database)), encoding="utf-8")
        database.dispose()


if __name__ == "__main__":
    main()
