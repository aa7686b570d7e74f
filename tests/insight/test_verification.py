"""What verify says of a whole book, and of one that somebody changed behind our back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.database import Database
from ledger.journal import Draft, Leg, post, reverse
from tests.insight.story import Story
from timebank import chart
from timebank.errors import NotAllowed
from timebank.insight.verification import Verification, verify, verify_book
from timebank.service.models import Attendance

GUARDS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


def _verified(database: Database) -> Verification:
    with database.reading() as session:
        return verify(session)


def _codes(database: Database) -> set[str]:
    return {finding.code for book in _verified(database).books for finding in book.findings}


def _open_guards(connection: sa.Connection) -> None:
    """Begin a transaction in which no trigger and no deferred key refuses anything."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET session_replication_role = replica")
        return
    connection.exec_driver_sql("ROLLBACK")
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    for (name,) in connection.exec_driver_sql(GUARDS).all():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


@contextmanager
def _unguarded(database: Database) -> Iterator[sa.Connection]:
    """Give a connection without guards and commit what it did."""
    with database.engine.connect() as connection:
        _open_guards(connection)
        yield connection
        connection.commit()
        connection.invalidate()


def _named(database: Database, damage: str) -> set[str]:
    """Return the codes of a book with the damage, which is undone again."""
    with database.engine.connect() as connection:
        _open_guards(connection)
        assert connection.exec_driver_sql(damage).rowcount > 0, damage
        with Session(connection) as session:
            found = verify(session)
        connection.rollback()
        connection.invalidate()
    return {finding.code for book in found.books for finding in book.findings}


def _award(session: Session, story: Story, *, source: str) -> None:
    """Post ten points to Dora, in a book that stays balanced."""
    community_id = story.world.community.community_id
    legs = (
        Leg(chart.points_issuance_id(session, community_id), -10),
        Leg(story.world.dora.points_account_id, 10),
    )
    draft = Draft("service", legs, date(2026, 11, 20), "award", "system:test", source, "")
    post(session, community_id, draft)


def test_a_whole_book_has_no_findings(story: Story, database: Database) -> None:
    found = _verified(database)

    assert found.finding_count == 0, found
    assert [(book.community_code, book.transaction_count) for book in found.books] == [("D", 7)]


def test_points_without_an_attendance_are_named(story: Story, database: Database) -> None:
    with database.begin() as session:
        _award(session, story, source="attendance:none")

    (book,) = _verified(database).books
    assert {finding.code for finding in book.findings} == {"without_paper"}
    assert "service moves -10 on Issuance:Points" in book.findings[0].message


def test_points_that_borrow_an_attendance_are_named(story: Story, database: Database) -> None:
    with database.begin() as session:
        attendance_id = session.scalars(sa.select(Attendance.id)).first()
        _award(session, story, source=f"attendance:{attendance_id}")

    assert _codes(database) == {"without_paper"}


DAMAGES = [
    (
        "UPDATE ledger_posting SET amount_minor = amount_minor * 2 WHERE leg_no = 0",
        "unbalanced",
    ),
    ("DELETE FROM ledger_posting WHERE leg_no = 0", "legs_missing"),
    ("UPDATE ledger_transaction SET narration = 'x'", "content_changed"),
    ("UPDATE ledger_balance SET posted_in = posted_in + 1", "balance_differs"),
    ("UPDATE attendance SET points = points + 1 WHERE points > 0", "paper_differs"),
    ("UPDATE attendance SET counted_minutes = counted_minutes - 1", "paper_differs"),
    ("UPDATE attendance SET confirmed_at = NULL", "paper_differs"),
    ("UPDATE donation SET piece_count = 2 WHERE points = 0", "paper_differs"),
    ("UPDATE redemption SET total_points = total_points + 1", "paper_differs"),
    ("UPDATE redemption_line SET quantity = 2, sum_points = 2", "pieces_differ"),
    ("DELETE FROM refund", "pieces_differ"),
    ("UPDATE refund SET transaction_id = id", "refund_differs"),
    ("DELETE FROM redemption_line", "paper_differs"),
    ("DELETE FROM certificate WHERE number = 1", "number_missing"),
    ("UPDATE certificate_register SET last_number = 9", "number_missing"),
    ("UPDATE certificate_register SET last_number = 1", "number_beyond"),
    ("UPDATE community SET last_receipt_number = 3", "number_missing"),
    ("UPDATE certificate SET content = '{}'", "certificate_changed"),
    ("UPDATE attendance SET occasion_id = id", "paper_differs"),
    ("UPDATE attendance SET member_id = id", "paper_differs"),
    ("UPDATE attendance SET slot_id = id", "paper_differs"),
    ("UPDATE attendance SET out_at = in_at", "paper_differs"),
    ("UPDATE donation SET item_id = id", "paper_differs"),
    ("UPDATE donation SET donor_member_id = id WHERE points > 0", "paper_differs"),
    ("UPDATE redemption SET member_id = id", "paper_differs"),
    ("UPDATE redemption_line SET item_id = redemption_id WHERE line_no = 1", "paper_differs"),
    ("DELETE FROM refund", "reversal_without_paper"),
    ("UPDATE certificate SET member_id = commendation_id", "certificate_differs"),
]


def test_damage_is_named(story: Story, database: Database, owner_database: Database) -> None:
    named = {damage: _named(owner_database, damage) for damage, _ in DAMAGES}

    assert [(damage, code) for damage, code in DAMAGES if code not in named[damage]] == []
    assert _verified(database).finding_count == 0  # each damage stood alone


def test_a_reversal_behind_a_standing_attendance_is_named(story: Story, database: Database) -> None:
    with database.begin() as session:
        served = sa.select(Attendance.transaction_id).where(
            Attendance.member_id == story.world.dora.id
        )
        transaction_id = session.scalars(served).one()
        assert transaction_id is not None
        reverse(
            session,
            story.world.community.community_id,
            transaction_id,
            reason="nothing",
            idempotency_key="back",
            actor="system:test",
            occurred_on=date(2026, 11, 20),
            source="attendance:none",
        )

    assert _codes(database) == {"reversal_without_paper"}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("damage", "checks"),
    [
        (
            "UPDATE ledger_account SET code = 'x' WHERE code = 'Issuance:Points'",
            {"attendances_are_posted", "donations_are_posted"},
        ),
        ("UPDATE points_policy SET rule = '{'", {"attendances_are_posted"}),
        ("UPDATE points_policy SET rule = '[]'", {"attendances_are_posted"}),
        ("UPDATE certificate SET content = 'x' WHERE number = 1", {"certificates_are_whole"}),
        (
            "UPDATE ledger_transaction SET occurred_on = 'x' WHERE reverses_id IS NOT NULL",
            {"transaction:"},
        ),
        ("UPDATE ledger_transaction SET recorded_at = 'x'", {"transaction:"}),
        ("UPDATE attendance SET id = 'x' WHERE rowid = 1", {"attendances_are_posted"}),
        ("UPDATE community SET community_id = 'x'", {"communities"}),
        (
            "UPDATE ledger_account SET community_id = 'x' WHERE code = 'Issuance:Points'",
            {"books_of_nobody", "donations_are_posted"},
        ),
    ],
)
def test_what_cannot_be_read_is_a_finding_and_hides_no_other(
    story: Story, database: Database, owner_database: Database, damage: str, checks: set[str]
) -> None:
    with _unguarded(owner_database) as connection:
        assert connection.exec_driver_sql(damage).rowcount > 0
        connection.exec_driver_sql("UPDATE ledger_balance SET posted_in = posted_in + 1")

    found = _verified(database)
    findings = [*found.database_findings, *(each for book in found.books for each in book.findings)]
    unreadable = [each.subject for each in findings if each.code == "unreadable"]
    assert all(any(subject.startswith(check) for subject in unreadable) for check in checks)
    assert "trigger_missing" in {each.code for each in findings}
    assert not found.books or "balance_differs" in _codes(database)


@pytest.mark.databases("sqlite")
def test_a_reference_that_leads_nowhere_is_named(
    story: Story, database: Database, owner_database: Database
) -> None:
    with _unguarded(owner_database) as connection:
        connection.exec_driver_sql("UPDATE certificate SET commendation_id = id")

    dangling = [
        finding
        for finding in _verified(database).database_findings
        if finding.code == "reference_dangling"
    ]
    assert dangling
    assert "of certificate refers to a row of commendation" in dangling[0].message


def test_a_dropped_guard_is_named(
    story: Story, database: Database, owner_database: Database
) -> None:
    with owner_database.engine.begin() as connection:
        if database.is_sqlite:
            name = connection.exec_driver_sql(GUARDS + " AND tbl_name = 'ledger_posting'").scalar()
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        else:
            connection.exec_driver_sql("ALTER TABLE ledger_posting DISABLE TRIGGER ALL")

    assert _verified(database).database_findings != ()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("statements", "finding"),
    [
        (
            ["DROP TRIGGER refund_refuses_delete"],
            ("guard_missing", "trigger refund_refuses_delete"),
        ),
        (
            [
                "DROP TRIGGER refund_refuses_delete",
                "CREATE TRIGGER refund_refuses_delete BEFORE DELETE ON refund BEGIN SELECT 1; END",
            ],
            ("guard_changed", "trigger refund_refuses_delete"),
        ),
        (
            ["CREATE TRIGGER gift AFTER INSERT ON attendance BEGIN SELECT 1; END"],
            ("guard_unknown", "trigger gift"),
        ),
        (
            ["DROP INDEX ix_attendance_occasion"],
            ("guard_missing", "index ix_attendance_occasion"),
        ),
        (
            ["ALTER TABLE refund ADD COLUMN gift INTEGER"],
            ("guard_changed", "table refund"),
        ),
    ],
)
def test_a_changed_guard_of_an_area_is_named(
    owner_database: Database, statements: list[str], finding: tuple[str, str]
) -> None:
    with owner_database.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)

    found = _verified(owner_database).database_findings
    assert [(each.code, each.subject) for each in found] == [finding]


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        (
            "DROP TRIGGER refund_refuses_delete ON refund",
            ("guard_missing", "trigger refund.refund_refuses_delete"),
        ),
        (
            "ALTER TABLE refund DISABLE TRIGGER refund_refuses_delete",
            ("guard_changed", "trigger refund.refund_refuses_delete"),
        ),
        (
            "CREATE OR REPLACE FUNCTION history_is_kept() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            ("guard_changed", "trigger audit_event.audit_event_refuses_update"),
        ),
        (
            "CREATE TRIGGER gift BEFORE INSERT ON attendance FOR EACH ROW"
            " EXECUTE FUNCTION history_is_kept()",
            ("guard_unknown", "trigger attendance.gift"),
        ),
    ],
)
def test_a_changed_guard_of_an_area_is_named_on_a_server(
    database: Database, owner_database: Database, statement: str, finding: tuple[str, str]
) -> None:
    with owner_database.engine.begin() as connection:
        connection.exec_driver_sql(statement)

    found = _verified(database).database_findings
    assert finding in {(each.code, each.subject) for each in found}


def test_a_book_of_nobody_is_named(
    story: Story, database: Database, owner_database: Database
) -> None:
    with _unguarded(owner_database) as connection:
        connection.exec_driver_sql("DELETE FROM community")

    found = _verified(database)
    assert found.books == ()
    assert [finding.code for finding in found.database_findings if "book" in finding.code] == [
        "book_of_nobody"
    ]


def test_only_those_who_read_the_books_verify_one(story: Story, database: Database) -> None:
    with database.reading() as session:
        report = verify_book(session, story.auditor)
        with pytest.raises(NotAllowed):
            verify_book(session, story.world.actor(story.world.charlie))

    assert report.findings == ()
