"""The commands around the seal: anchors, holds, receipts, closed periods, rights of the role."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from ledger import clock, seal
from ledger.database import Database
from ledger.ids import new_id
from ledger.journal import Draft, Leg, post
from tests.conftest import Book
from timebank import chart
from timebank.audit import AuditEvent
from timebank.people import organisations
from web.cli import main

Run = Callable[..., Result]
TODAY = clock.now()


@pytest.fixture
def run(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the book of this test."""
    monkeypatch.setenv("TIMEBANK_DATABASE_URL", book.url)
    monkeypatch.setenv("TIMEBANK_DATA_DIR", str(tmp_path))

    def run_command(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, prog_name="timebank")

    return run_command


@pytest.fixture
def transaction_id(run: Run, database: Database) -> UUID:
    """A community with one posted transaction."""
    assert run("community", "add", "D", "D社区").exit_code == 0
    with database.begin() as session:
        community_id = organisations.find_community(session, code="D").community_id
        accounts = chart.open_member_accounts(session, community_id, 1)
        issuance = chart.points_issuance_id(session, community_id)
        legs = (Leg(issuance, -3), Leg(accounts.points_id, 3))
        draft = Draft("gift", legs, TODAY.date(), "gift", "system:test", "gift:1", "节日礼物")
        return post(session, community_id, draft).transaction_id


def _error(result: Result, exit_code: int = 1) -> str:
    """Return the one line of a command that could not do it."""
    assert result.exit_code == exit_code
    assert isinstance(result.exception, SystemExit)
    return result.stderr.strip().splitlines()[-1]


# ---------------------------------------------------------------- seal, anchor, sweep


def test_sealing_once_seals_everything_and_anchors_the_heads(
    run: Run, database: Database, transaction_id: UUID, tmp_path: Path
) -> None:
    path = tmp_path / "anchors"

    first = run("seal", "--once", "--anchor", str(path))
    second = run("seal", "--once", "--anchor", str(path))

    assert first.output == "Sealed 6 items; 1 books have a seal.\n"
    assert second.output == "Sealed 0 items; 1 books have a seal.\n"
    one, other = path.read_text().splitlines()
    assert one == other
    with database.reading() as session:
        community_id = organisations.find_community(session, code="D").community_id
        digest = seal.head(session, community_id).block_hash.hex()
    assert one.startswith(f"D 1 {digest} ")


def test_an_anchor_that_cannot_be_written_is_one_line(
    run: Run, transaction_id: UUID, tmp_path: Path
) -> None:
    for path in (tmp_path / "none" / "anchors", Path("/proc/none")):
        line = _error(run("seal", "--once", "--anchor", str(path)))
        assert str(path) in line
    assert "is a directory" in _error(run("seal", "--once", "--anchor", str(tmp_path)), 2)
    assert "--anchor goes with --once" in _error(run("seal", "--anchor", "x"), 2)
    assert "Sealed 0 items" in run("seal", "--once").output


def test_a_file_without_a_head_anchors_nothing_and_says_so(
    run: Run, transaction_id: UUID, tmp_path: Path
) -> None:
    path = tmp_path / "anchors"
    path.write_text("\n\n")
    assert f"{path}: no head in it" in _error(run("verify", "--anchor", str(path)))


def test_a_full_disk_is_one_line(run: Run, transaction_id: UUID) -> None:
    assert "/dev/full: No space left" in _error(run("seal", "--once", "--anchor", "/dev/full"))


def test_sweeping_says_how_many_holds_expired(run: Run, transaction_id: UUID) -> None:
    assert run("holds", "sweep").output == "0 holds expired.\n"


# ---------------------------------------------------------------- receipts


@pytest.fixture
def file(run: Run, transaction_id: UUID, tmp_path: Path) -> Path:
    """The receipt of the transaction."""
    assert run("seal", "--once").exit_code == 0
    written = run("receipt", "export", "--community", "D", str(transaction_id))
    assert written.exit_code == 0
    path = tmp_path / "receipt.json"
    path.write_text(written.output, encoding="utf-8")
    return path


def test_a_receipt_is_checked_without_settings_and_without_a_book(
    run: Run, transaction_id: UUID, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMEBANK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("TIMEBANK_PORT", "wrong")
    head = json.loads(file.read_text())["blocks"][-1]["block_hash"]

    alone = run("receipt", "check", str(file))
    compared = run("receipt", "check", str(file), "--head", head)
    spaced = run("receipt", "check", str(file), "--head", f" {head[:32]} {head[32:]}".upper())

    assert alone.exit_code == compared.exit_code == spaced.exit_code == 0
    assert alone.output.startswith(f"Valid: transaction {transaction_id} is item 6 of book ")
    assert f"Compare with the published head: block 1 {head}." in alone.output
    assert "Agrees with the head of block 1." in compared.output
    assert compared.output == spaced.output
    assert compared.output.count("\n") == 1


def test_a_changed_receipt_is_not_valid(run: Run, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for before, after, expected in (
        ('"amount_minor": 3', '"amount_minor": 4', "request hash"),
        ("节日礼物", "节日红包", "request hash"),
        ("Members:V0001:Points", "Members:V0002:Points", "account Members:V0002:Points"),
        ('"first_sequence": 1', '"first_sequence": 2', "block 1"),
        ('"sequence": 6', '"sequence": 5', "is not item 5 of block 1"),
    ):
        assert before in text
        file.write_text(text.replace(before, after), encoding="utf-8")

        result = run("receipt", "check", str(file))

        assert result.exit_code == 1
        assert result.output.startswith("Not valid: ")
        assert expected in result.output
        assert result.output.count("\n") == 1


def test_a_head_that_does_not_agree_is_said(run: Run, file: Path) -> None:
    result = run("receipt", "check", str(file), "--head", "00" * 32)

    assert result.exit_code == 1
    assert "is that of no block in the document, which holds 1 to 1" in result.output
    for text in ("xyz", "00" * 31):
        assert "64 hexadecimal digits" in _error(
            run("receipt", "check", str(file), "--head", text), 2
        )


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\xff", b"[" * 99_999, b'{"format": 1}'])
def test_what_is_no_receipt_is_one_line(run: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    assert _error(run("receipt", "check", str(path)), 2).startswith("No receipt: ")
    assert "No such file" in _error(run("receipt", "check", str(tmp_path / "none")), 2)


def test_what_has_no_receipt_is_one_line(run: Run, transaction_id: UUID) -> None:
    command = ("receipt", "export", "--community", "D")

    assert "not sealed yet" in _error(run(*command, str(transaction_id)))
    assert "There is no transaction" in _error(run(*command, str(new_id())))
    assert "is not a valid UUID" in _error(run(*command, "x"), 2)
    assert "no such community" in _error(
        run("receipt", "export", "--community", "X", str(new_id()))
    )


# ---------------------------------------------------------------- periods


def test_a_period_is_closed_shown_and_reopened_with_a_reason(
    run: Run, database: Database, transaction_id: UUID
) -> None:
    close = ("period", "close", "--community", "D", "--through", "2026-10-31")

    assert run("period", "show").output == "Every day is open.\n"
    closed = run(*close, "--reason", "十月结账", "--by", "V0003")
    assert closed.output == "The books are closed through 2026-10-31.\n"
    assert run("period", "show").output == "The books are closed through 2026-10-31.\n"
    back = run(
        "period", "reopen", "--through", "2026-09-30", "--reason", "漏了一笔", "--by", "V0003"
    )
    assert back.output == "The books are closed through 2026-09-30.\n"
    assert run("period", "reopen", "--reason", "x").output == "Every day is open.\n"

    with database.reading() as session:
        audited = session.scalars(
            sa.select(AuditEvent)
            .where(AuditEvent.action.in_(("close_period", "reopen_period")))
            .order_by(AuditEvent.id)
        ).all()
    assert [(event.action, event.details["through"]) for event in audited] == [
        ("close_period", "2026-10-31"),
        ("reopen_period", "2026-09-30"),
        ("reopen_period", None),
    ]
    assert audited[0].actor == "system:command-line"
    assert audited[0].details["reason"] == "十月结账 (V0003)"


def test_what_cannot_be_closed_or_reopened_is_one_line(run: Run, transaction_id: UUID) -> None:
    close = ("period", "close", "--reason", "x", "--through")
    assert "nothing to reopen" in _error(run("period", "reopen", "--reason", "x"))
    assert run(*close, "2026-10-31").exit_code == 0

    assert "closed through 2026-10-31 already" in _error(run(*close, "2026-10-31"))
    assert "is not over yet" in _error(run(*close, "2999-12-31"))
    assert "does not match the format" in _error(run(*close, "31.10.2026"), 2)
    assert "needs a reason" in _error(run("period", "reopen", "--reason", " "))
    later = ("period", "reopen", "--reason", "x", "--through", "2026-11-01")
    assert "closed through 2026-10-31 already" in _error(run(*later))
    long = run("period", "reopen", "--reason", "x" * 500, "--by", "me")
    assert "at most 500" in _error(long)


def test_nothing_is_posted_into_a_closed_period(
    run: Run, database: Database, transaction_id: UUID
) -> None:
    assert run("period", "close", "--through", "2026-10-31", "--reason", "x").exit_code == 0
    with database.begin() as session:
        community_id = organisations.find_community(session, code="D").community_id
        with pytest.raises(Exception, match="closed through 2026-10-31"):
            post(session, community_id, _gift_of_october(session, community_id))


def _gift_of_october(session: sa.orm.Session, community_id: UUID) -> Draft:
    accounts = chart.open_member_accounts(session, community_id, 1)
    issuance = chart.points_issuance_id(session, community_id)
    legs = (Leg(issuance, -1), Leg(accounts.points_id, 1))
    day = TODAY.date().replace(year=2026, month=10, day=31)
    return Draft("gift", legs, day, "late", "system:test", "gift:2", "")


# ---------------------------------------------------------------- the rights of the role


@pytest.mark.databases("postgresql")
def test_the_rights_are_printed_and_applied_by_the_owner(
    run: Run, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = run("db", "roles")
    assert printed.exit_code == 0
    assert "GRANT SELECT ON ALL TABLES IN SCHEMA public TO timebank_app;\n" in printed.output
    assert "ledger_seal TO timebank_app;" in printed.output
    assert "GRANT INSERT, UPDATE, DELETE ON ledger" not in printed.output
    assert "permission denied" in _error(run("db", "roles", "--apply", "timebank_app"))

    monkeypatch.setenv("TIMEBANK_DATABASE_URL", book.owner_url)

    applied = run("db", "roles", "--apply", "timebank_app")
    assert applied.exit_code == 0
    assert applied.output.startswith(printed.output)


@pytest.mark.databases("sqlite")
def test_an_sqlite_book_has_no_roles(run: Run) -> None:
    assert "an SQLite book has no roles" in _error(run("db", "roles"), 2)
