"""W4: the balance of an account in a book of 1M postings, against one of 10k."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from bench.books import BOOK
from bench.measure import Candidate, compare, publish, take_turns
from ledger import reports
from ledger.database import Database
from migrations import run as migrations
from tests.servers import APPLICATION, Server, postgresql

SMALL, LARGE = 10_000, 1_000_000
POSTINGS_PER_ACCOUNT = 20
READS = 2_000

# Balanced pairs over bounded accounts, put behind the door by the superuser of this server: posting
# half a million transactions one by one would take longer than everything else together.
_FILL = """
SET session_replication_role = replica;
INSERT INTO ledger_account (community_id, id, code, commodity, is_bounded, opened_at)
SELECT '{book}', lpad(to_hex(n), 32, '0')::uuid, 'Accounts:' || n, 'POINT', true, now()
  FROM generate_series(1, {accounts}) AS n;
INSERT INTO ledger_transaction
       (community_id, id, kind, leg_count, occurred_on, recorded_at, idempotency_key,
        request_hash, content_hash, actor, source, narration)
SELECT '{book}', lpad(to_hex(n), 32, '0')::uuid, 'transfer', 2, '2026-11-09', now(), n::text,
       sha256(int4send(n)), sha256(int4send(n)), 'system:bench', 'bench:1', ''
  FROM generate_series(1, {transactions}) AS n;
INSERT INTO ledger_posting
       (community_id, transaction_id, leg_no, leg_count, account_id, amount_minor, is_pending)
SELECT '{book}', lpad(to_hex(n), 32, '0')::uuid, leg, 2,
       lpad(to_hex((n * 2 + leg) % {accounts} + 1), 32, '0')::uuid, 1 - 2 * leg, false
  FROM generate_series(1, {transactions}) AS n, generate_series(0, 1) AS leg;
INSERT INTO ledger_balance
       (community_id, account_id, posted_in, posted_out, pending_in, pending_out,
        floor_minor, ceiling_minor, is_open)
SELECT '{book}', account_id, sum(greatest(amount_minor, 0)), sum(greatest(-amount_minor, 0)), 0, 0,
       NULL, NULL, true
  FROM ledger_posting GROUP BY account_id;
"""


def run(rounds: int) -> None:
    """Measure W4 on PostgreSQL."""
    with postgresql() as server, _book(server, SMALL) as small, _book(server, LARGE) as large:
        rates = take_turns(
            {
                "balance in 10k postings": _reads(small, SMALL),
                "balance in 1M postings": _reads(large, LARGE),
            },
            rounds,
        )
    # Rates, so that the slower of the two has the smaller number: the time ratio is its inverse.
    publish(
        "W4",
        "the balance of an account, PostgreSQL: time in the large book / time in the small one",
        [compare(rates, "balance in 10k postings", "balance in 1M postings", "<= 1.1")],
    )


@contextmanager
def _book(server: Server, posting_count: int) -> Iterator[Database]:
    name = server.create()
    migrations.upgrade(server.url(name), application_role=APPLICATION)
    owner = Database(server.url(name))
    accounts = posting_count // POSTINGS_PER_ACCOUNT
    filled = _FILL.format(book=BOOK, accounts=accounts, transactions=posting_count // 2)
    with owner.begin() as session:
        session.connection().connection.cursor().execute(filled)
    server.run("VACUUM ANALYZE", database=name)
    owner.dispose()
    opened = Database(server.url(name, APPLICATION))
    yield opened
    opened.dispose()


def _reads(database: Database, posting_count: int) -> Candidate:
    chance = random.Random(posting_count)
    account_count = posting_count // POSTINGS_PER_ACCOUNT

    def read() -> float:
        wanted = [UUID(int=chance.randint(1, account_count)) for _ in range(READS)]
        with database.reading() as session:
            start = time.perf_counter()
            for account_id in wanted:
                held = reports.balance(session, BOOK, account_id)
                assert abs(held.posted_minor) <= POSTINGS_PER_ACCOUNT
            return READS / (time.perf_counter() - start)

    return read
