"""Books to measure on.

Durable servers, as many accounts as pgbench has, and the check afterwards.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from ledger.database import Database
from migrations import run as migrations
from tests.servers import APPLICATION, OWNER, Server, postgresql

CLIENTS = 16
SCALE = CLIENTS
"""pgbench's own rule: fewer branches than clients would measure its branch row instead."""
ACCOUNT_COUNT = 100_000 * SCALE
BOOK = UUID(int=1)
ISSUANCE = UUID(int=ACCOUNT_COUNT + 1)
HOT = UUID(int=ACCOUNT_COUNT + 2)
"""The same as the issuance, with a balance row: what most ledgers do."""
FLOOR = -(10**15)

# The owner of a server of our own is its superuser and may fill tables behind the door.
_ACCOUNTS = f"""
SET session_replication_role = replica;
INSERT INTO ledger_account (community_id, id, code, commodity, is_bounded, opened_at, content_hash)
SELECT '{BOOK}', lpad(to_hex(n), 32, '0')::uuid, 'Accounts:' || n, 'POINT',
       n <> {ISSUANCE.int}, now(), sha256(int8send(n))
  FROM generate_series(1, {HOT.int}) AS n;
INSERT INTO ledger_balance
       (community_id, account_id, posted_in, posted_out, pending_in, pending_out,
        floor_minor, ceiling_minor, is_open)
SELECT community_id, id, 0, 0, 0, 0, {FLOOR}, NULL, true FROM ledger_account WHERE is_bounded;
"""


@dataclass(frozen=True)
class Bench:
    """A durable server with a ledger and a pgbench database of the same number of accounts."""

    server: Server
    ledger: str
    tpcb: str

    @property
    def url(self) -> str:
        """Address of the ledger as the application role."""
        return self.server.url(self.ledger, APPLICATION)


@contextmanager
def durable_bench() -> Iterator[Bench]:
    """Start a server as shipped (fsync and synchronous_commit on) and fill both databases."""
    with postgresql(durable=True) as server:
        ledger, tpcb = server.create(), server.create()
        print(f"  filling {ACCOUNT_COUNT} accounts twice", flush=True)
        migrations.upgrade(server.url(ledger), application_role=APPLICATION)
        owner = Database(server.url(ledger))
        with owner.begin() as session:
            session.connection().connection.cursor().execute(_ACCOUNTS)
        pgbench(server, tpcb, "-i", "-q", "-s", str(SCALE))
        server.run("VACUUM ANALYZE", database=ledger)
        server.run("CHECKPOINT")
        owner.dispose()
        yield Bench(server, ledger, tpcb)


def pgbench(server: Server, database: str, *options: str) -> str:
    """Run pgbench as the owner and return what it printed."""
    command = [_pgbench(), "-h", str(server.folder), "-U", OWNER, *options, database]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


def pgbench_rate(server: Server, database: str, clients: int, seconds: int, *more: str) -> float:
    """Return pgbench's transactions per second, connections not counted."""
    threads = str(min(clients, os.cpu_count() or 1))
    printed = pgbench(
        server, database, "-n", "-M", "prepared", "-c", str(clients), "-j", threads,
        "-T", str(seconds), *more,
    )  # fmt: skip
    line = next(line for line in printed.splitlines() if line.startswith("tps = "))
    return float(line.split()[2])


def _pgbench() -> str:
    found = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/pgbench")]
    program = shutil.which("pgbench") or (sorted(found)[-1] if found else None)
    assert program is not None, "pgbench is needed: it comes with the server of the distribution"
    return program


def check_books(url: str, posted_count: int) -> None:
    """Fail unless the book holds what was acknowledged and is whole.

    Args:
        url: the ledger, as any role that may read it.
        posted_count: transactions that were acknowledged to a client; None of them may be missing.
    """
    database = Database(url)
    with database.reading() as session:
        count = session.scalar(sa.text("SELECT count(*) FROM ledger_transaction"))
        legs, total = session.execute(
            sa.text("SELECT count(*), coalesce(sum(amount_minor), 0) FROM ledger_posting")
        ).one()
        moved = session.execute(
            sa.text(
                "SELECT count(*) FROM ledger_balance b WHERE posted_in - posted_out <>"
                " (SELECT coalesce(sum(amount_minor), 0) FROM ledger_posting p"
                "   WHERE p.community_id = b.community_id AND p.account_id = b.account_id)"
            )
        ).scalar()
        waiting = session.scalar(sa.text("SELECT count(*) FROM ledger_outbox"))
    database.dispose()
    assert count is not None
    assert count >= posted_count, f"{posted_count} acknowledged, {count} found"
    assert (legs, int(total), moved, waiting) == (2 * count, 0, 0, count), "the book is not whole"
