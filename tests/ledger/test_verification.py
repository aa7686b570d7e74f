"""Damage one thing with the guards taken off by hand: verification names it."""

import pytest
import sqlalchemy as sa

from ledger import doors
from ledger.database import Database
from ledger.findings import Finding
from ledger.ids import new_id
from ledger.schema import ledger_tables
from ledger.verification import verify
from tests.ledger.makers import World, move

DAMAGES = {
    "an amount": (
        "UPDATE ledger_posting SET amount_minor = 31 WHERE account_id = :alice AND leg_no = 1",
        {"unbalanced", "trial_balance_off", "balance_differs", "content_changed"},
    ),
    "both amounts": (
        "UPDATE ledger_posting SET amount_minor = amount_minor * 2 WHERE transaction_id = :given",
        {"balance_differs", "content_changed"},
    ),
    "an account": (
        "UPDATE ledger_posting SET account_id = :bob WHERE account_id = :alice AND leg_no = 1",
        {"balance_differs", "content_changed"},
    ),
    "an account that is not there": (
        "UPDATE ledger_posting SET account_id = :fresh WHERE account_id = :alice AND leg_no = 1",
        {
            "posting_without_account",
            "unbalanced",
            "trial_balance_off",
            "balance_differs",
            "content_changed",
        },
    ),
    "a missing leg": (
        "DELETE FROM ledger_posting WHERE transaction_id = :given AND leg_no = 1",
        {"legs_missing", "unbalanced", "trial_balance_off", "balance_differs", "content_changed"},
    ),
    "a missing header": (
        "DELETE FROM ledger_transaction WHERE id = :given",
        {"posting_without_header", "item_missing"},
    ),
    "swapped rows": (
        "UPDATE ledger_posting SET leg_no = 1 - leg_no WHERE transaction_id = :given",
        {"content_changed"},
    ),
    "a narration": (
        "UPDATE ledger_transaction SET narration = 'x' WHERE id = :given",
        {"content_changed"},
    ),
    "a date": (
        "UPDATE ledger_transaction SET occurred_on = '2020-01-01' WHERE id = :given",
        {"content_changed"},
    ),
    "an actor": (
        "UPDATE ledger_transaction SET actor = 'x' WHERE id = :given",
        {"content_changed"},
    ),
    "a key": (
        "UPDATE ledger_transaction SET idempotency_key = 'x' WHERE id = :given",
        {"content_changed"},
    ),
    "a hash": (
        "UPDATE ledger_transaction SET content_hash = request_hash WHERE id = :given",
        {"content_changed"},
    ),
    "a balance": (
        "UPDATE ledger_balance SET posted_in = posted_in + 1 WHERE account_id = :alice",
        {"balance_differs"},
    ),
    "a missing balance": (
        "DELETE FROM ledger_balance WHERE account_id = :alice",
        {"balance_differs", "account_changed"},
    ),
    "a bound": (
        "UPDATE ledger_balance SET ceiling_minor = 5 WHERE account_id = :alice",
        {"out_of_bounds", "account_changed"},
    ),
    "an emptied outbox": (
        "DELETE FROM ledger_outbox WHERE item_id = :given",
        {"outbox_differs"},
    ),
    "a reversal turned elsewhere": (
        "UPDATE ledger_transaction SET reverses_id = :given WHERE kind = 'reversal'",
        {"not_mirrored", "content_changed"},
    ),
}
# Checks that are there to stop exactly this are dropped first.
LOOSE = {
    "swapped rows": "ALTER TABLE ledger_posting DROP CONSTRAINT pk_ledger_posting",
    "a bound": "ALTER TABLE ledger_balance DROP CONSTRAINT ck_ledger_balance_ceiling",
}


# What one database alone adds: a check that LOOSE drops, a key that SQLite's own pass misses.
NAMED_TOO = {"constraint_missing", "reference_dangling"}


def _guards_off(session: sa.orm.Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        for statement in doors.sqlite_statements():
            session.execute(sa.text(f"DROP TRIGGER {statement.split()[2]}"))
        session.execute(sa.text("PRAGMA ignore_check_constraints = ON"))
        return
    for table in ledger_tables():
        session.execute(sa.text(f"ALTER TABLE {table.name} DISABLE TRIGGER ALL"))


def _guards_on(session: sa.orm.Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sa.text("PRAGMA ignore_check_constraints = OFF"))
        for statement in doors.sqlite_statements():
            session.connection().exec_driver_sql(statement)
        return
    for table in ledger_tables():
        session.execute(sa.text(f"ALTER TABLE {table.name} ENABLE TRIGGER ALL"))


def _swap(session: sa.orm.Session, statement: str) -> list[str]:
    """On SQLite a primary key is checked row by row: swap by way of a free number."""
    if session.get_bind().dialect.name != "sqlite" or "1 - leg_no" not in statement:
        return [statement]
    where = "WHERE transaction_id = :given AND leg_no ="
    return [
        f"UPDATE ledger_posting SET leg_no = -1 {where} 0",
        f"UPDATE ledger_posting SET leg_no = 0 {where} 1",
        f"UPDATE ledger_posting SET leg_no = 1 {where} -1",
    ]


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_is_named(name: str, own_world: World, owner_database: Database) -> None:
    statement, expected = DAMAGES[name]
    given = own_world.give(own_world.alice, 30).transaction_id
    own_world.reverse(own_world.give(own_world.bob, 4).transaction_id)
    facts: dict[str, object] = {
        "alice": own_world.alice,
        "bob": own_world.bob,
        "given": given,
        "fresh": new_id(),
    }

    findings = _damage(owner_database, name, statement, facts)

    assert {finding.code for finding in findings} == expected


def _damage(
    database: Database, name: str, statement: str, facts: dict[str, object]
) -> list[Finding]:
    """Damage the book, verify it, and take the damage back."""
    is_sqlite = database.is_sqlite
    with database.begin() as session:
        if is_sqlite:
            session.connection().exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        _guards_off(session)
        if not is_sqlite and name in LOOSE:
            session.execute(sa.text(LOOSE[name]))
        for each in _swap(session, statement):
            used = {key: value for key, value in facts.items() if f":{key}" in each}
            if is_sqlite:
                used = {key: getattr(value, "hex", value) for key, value in used.items()}
            session.execute(sa.text(each), used)
        _guards_on(session)
        findings = verify(session)
        session.rollback()
    return [finding for finding in findings if finding.code not in NAMED_TOO]


def test_a_whole_book_has_no_findings(own_world: World, owner_database: Database) -> None:
    own_world.give(own_world.alice, 30)
    own_world.post_many([move(own_world.alice, own_world.bob, 1) for _ in range(5)])
    own_world.reverse(own_world.give(own_world.box, 9).transaction_id)

    for opened in (own_world.database, owner_database):
        with opened.reading() as session:
            assert verify(session) == []
            assert verify(session, own_world.community_id) == []
            assert verify(session, new_id()) == []


def test_damage_in_one_book_is_not_laid_at_another(
    own_world: World, owner_database: Database
) -> None:
    given = own_world.give(own_world.alice, 30).transaction_id

    with owner_database.begin() as session:
        _guards_off(session)
        value = given.hex if owner_database.is_sqlite else given
        session.execute(
            sa.text("UPDATE ledger_transaction SET narration = 'x' WHERE id = :given"),
            {"given": value},
        )
        _guards_on(session)
        mine = verify(session, own_world.community_id)
        other = verify(session, new_id())
        session.rollback()

    assert [finding.code for finding in mine] == ["content_changed"]
    assert mine[0].subject == f"transaction:{given}"
    assert other == []


@pytest.mark.parametrize(
    ("database_name", "statement", "code", "subject"),
    [
        ("sqlite", "DROP TRIGGER ledger_posting_keep", "trigger_missing", "ledger_posting_keep"),
        (
            "sqlite",
            "DROP INDEX ix_ledger_posting_account",
            "constraint_missing",
            "ix_ledger_posting_account",
        ),
        (
            "postgresql",
            "ALTER TABLE ledger_posting DISABLE TRIGGER ledger_door",
            "trigger_missing",
            "ledger_door on ledger_posting",
        ),
        (
            "postgresql",
            "DROP TRIGGER ledger_append_only ON ledger_balance",
            "trigger_missing",
            "ledger_append_only on ledger_balance",
        ),
        (
            "postgresql",
            "CREATE OR REPLACE FUNCTION ledger_keep_out() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NULL; END'",
            "function_changed",
            "ledger_keep_out",
        ),
        (
            "postgresql",
            "ALTER TABLE ledger_balance DROP CONSTRAINT ck_ledger_balance_floor",
            "constraint_missing",
            "ck_ledger_balance_floor",
        ),
        (
            "postgresql",
            "GRANT UPDATE ON ledger_balance TO timebank_app",
            "grant_too_wide",
            "timebank_app may update ledger_balance",
        ),
    ],
)
def test_a_guard_that_was_taken_off_is_named(
    request: pytest.FixtureRequest,
    owner_database: Database,
    database_name: str,
    statement: str,
    code: str,
    subject: str,
) -> None:
    if owner_database.engine.dialect.name != database_name:
        return
    with owner_database.begin() as session:
        session.connection().exec_driver_sql(statement)
        findings = verify(session)
        session.rollback()

    assert [(finding.code, finding.subject) for finding in findings] == [(code, subject)]
