"""Tables of history: kept under each of their keys, by the guards of `migrations/history.py`."""

import re

import pytest
import sqlalchemy as sa

from ledger.database import Database
from timebank.tables import Base

CLOSED = {
    *("audit_event", "scan_event", "points_policy", "donation", "redemption", "redemption_line"),
    *(
        "refund",
        "pay_code_use",
        "reservation",
        "attendance_agreement",
        "star_rule",
        "commendation",
        "book_commodity",
        "file_import",
    ),
    *("offline_scan", "offline_review", "points_award", "sighting", "item_price"),
    *("till_day", "till_closing", "till_signature", "safe_move", "safe_decision"),
    *("swap_line", "refund_line"),
    *("intake_batch", "intake_batch_line", "stocktake_count", "stocktake_line"),
}
KEPT = CLOSED | {
    *("certificate_register", "certificate", "correction", "dispute", "policy_proposal"),
    *("stocktake", "stock_move", "helper"),
}
_GUARDED_KEY = re.compile(r"EXISTS \(SELECT 1 FROM \w+ WHERE (.+?)\)")


def _unique_keys(table: sa.Table) -> set[frozenset[str]]:
    unique = sa.PrimaryKeyConstraint, sa.UniqueConstraint
    return {
        frozenset(column.name for column in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, unique)
    }


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("table", sorted(KEPT))
def test_no_key_of_a_kept_table_can_be_written_over(database: Database, table: str) -> None:
    with database.reading() as session:
        trigger = session.scalar(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name"),
            {"name": f"{table}_refuses_insert"},
        )

    guarded = {
        frozenset(same.split(" = ")[0] for same in key.split(" AND "))
        for key in _GUARDED_KEY.findall(str(trigger))
    }
    assert guarded == _unique_keys(Base.metadata.tables[table])


@pytest.mark.databases("sqlite")
def test_a_file_refuses_what_the_history_says(database: Database) -> None:
    with database.reading() as session:
        names = set(session.scalars(sa.text("SELECT name FROM sqlite_master WHERE type='trigger'")))

    expected = {f"{table}_refuses_{event}" for table in KEPT for event in ("insert", "delete")}
    assert {name for name in names if "_refuses_" in name} == expected | {
        f"{table}_refuses_update" for table in CLOSED
    }


@pytest.mark.databases("postgresql")
def test_a_server_refuses_what_the_history_says(database: Database) -> None:
    with database.reading() as session:
        names = set(
            session.scalars(
                sa.text(
                    "SELECT tgname FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
                    " WHERE proname = 'history_is_kept' AND tgenabled = 'O'"
                )
            )
        )

    expected = {f"{table}_refuses_{event}" for table in KEPT for event in ("delete", "truncate")}
    assert names == expected | {f"{table}_refuses_update" for table in CLOSED}
