"""Sealing in operation: every book in turn, overdue holds, anchors, the thread of the server."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
import structlog

from ledger import clock, holds, ids, journal, reports, seal
from ledger.database import Database
from ledger.errors import Refusal
from ledger.journal import Draft, Leg
from ledger.schema import Outbox, SealBlock
from tests.makers import make_community
from timebank.insight import bare_books, sealing
from timebank.insight.anchors import read_anchors
from timebank.insight.upkeep import Upkeep
from timebank.insight.verification import Scope, verify
from web import logs

POLLS_MAX = 400
NIGHT_IN_SHANGHAI = clock.now().replace(year=2026, month=11, day=9, hour=20, minute=0)
"""Past midnight there: the ninth in Greenwich is the tenth."""


def _found(database: Database, code: str) -> UUID:
    with database.begin() as session:
        return make_community(session, code=code).community_id


def _waiting_count(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Outbox)) or 0


def _sizes(database: Database) -> list[tuple[UUID, int]]:
    """Return book and size of every block, in the order of sealing."""
    with database.reading() as session:
        rows = session.execute(
            sa.select(
                SealBlock.community_id, SealBlock.last_sequence - SealBlock.first_sequence + 1
            ).order_by(SealBlock.sealed_at)
        )
        return [(row[0], row[1]) for row in rows]


def _open_accounts(database: Database, community_id: UUID, count: int) -> None:
    with database.begin() as session:
        for number in range(count):
            journal.open_account(
                session, community_id, code=f"Box:{ids.new_id().hex}:{number}", commodity="POINT"
            )


# ---------------------------------------------------------------- sealing every book


def test_every_book_is_sealed_a_block_in_turn(database: Database) -> None:
    big, small = _found(database, "D"), _found(database, "A")
    _open_accounts(database, big, seal.BLOCK_ITEM_COUNT_MAX)
    waiting_count = _waiting_count(database)

    count = sealing.seal_waiting(database)

    assert count == waiting_count
    assert _waiting_count(database) == 0
    first, second, last = _sizes(database)
    assert last == (big, waiting_count - first[1] - second[1])
    assert {first[0], second[0]} == {big, small}
    assert sealing.seal_waiting(database) == 0


def test_what_is_stopped_waits_for_the_next_time(database: Database) -> None:
    _found(database, "D")
    waiting_count = _waiting_count(database)

    assert sealing.seal_waiting(database, is_stopped=lambda: True) == 0
    assert _waiting_count(database) == waiting_count


def test_a_book_that_cannot_be_sealed_holds_up_no_other(
    database: Database, owner_database: Database
) -> None:
    damaged, whole = _found(database, "D"), _found(database, "A")
    _let_something_wait_that_is_nothing(owner_database, damaged)
    failed: list[UUID] = []

    sealing.seal_waiting(database, failed=lambda book, _failure: failed.append(book))

    assert failed == [damaged]
    assert {book for book, _ in _sizes(database)} == {whole}
    with pytest.raises(AssertionError):
        sealing.seal_waiting(database)


def _let_something_wait_that_is_nothing(owner_database: Database, community_id: UUID) -> None:
    """Put a row into the outbox as somebody could who takes its guards off."""
    with owner_database.begin() as session:
        if owner_database.is_sqlite:
            session.execute(sa.text("DROP TRIGGER ledger_outbox_once"))
        else:
            session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        session.execute(sa.insert(Outbox).values(community_id=community_id, item_id=ids.new_id()))


# ---------------------------------------------------------------- holds


def _hold(database: Database, community_id: UUID) -> UUID:
    """Set five points aside for an hour; return the account."""
    with clock.at(NIGHT_IN_SHANGHAI - timedelta(hours=2)), database.begin() as session:
        full, box = (
            journal.open_account(
                session, community_id, code=code, commodity="POINT", floor_minor=floor
            )
            for code, floor in (("Full", 0), ("Box", None))
        )
        day = clock.today("Asia/Shanghai")
        given = (Leg(box.id, -9), Leg(full.id, 9))
        journal.post(session, community_id, Draft("gift", given, day, "g", "system:t", "t:1", ""))
        held = (Leg(full.id, -5), Leg(box.id, 5))
        draft = Draft("hold", held, day, "h", "system:t", "t:2", "")
        until = clock.now() + timedelta(hours=1)
        holds.place(session, community_id, draft, expires_at=until)
        return full.id


def test_overdue_holds_expire_on_the_day_of_the_community(database: Database) -> None:
    book = _found(database, "D")
    account_id = _hold(database, book)

    with clock.at(NIGHT_IN_SHANGHAI - timedelta(minutes=90)):
        assert sealing.expire_due(database) == 0
    with clock.at(NIGHT_IN_SHANGHAI):
        assert sealing.expire_due(database) == 1
        assert sealing.expire_due(database) == 0

    with database.reading() as session:
        assert reports.balance(session, book, account_id).available_minor == 9
        expiry = sa.text("SELECT CAST(occurred_on AS text) FROM ledger_transaction WHERE kind = :k")
        assert session.scalar(expiry, {"k": "hold_expire"}) == "2026-11-10"


def test_holds_of_a_book_without_a_community_expire_too(database: Database) -> None:
    book = ids.new_id()
    _hold(database, book)

    with clock.at(NIGHT_IN_SHANGHAI):
        assert sealing.expire_due(database) == 1


# ---------------------------------------------------------------- anchors


def test_an_anchor_is_one_line_per_book_that_is_never_rewritten(
    database: Database, tmp_path: Path
) -> None:
    books = {code: _found(database, code) for code in ("D", "A")}
    sealing.seal_waiting(database)
    path = tmp_path / "anchors"
    path.write_text("D 0 cut off in the mid")  # a disk that was full, perhaps

    with database.reading() as session:
        listed = sealing.anchors(session)
        heads = {code: seal.head(session, book) for code, book in books.items()}
    sealing.append(path, listed)
    sealing.append(path, listed)

    lines = path.read_text().splitlines()
    assert lines[0] == "D 0 cut off in the mid"
    assert lines[1:3] == lines[3:]
    for line, code in zip(lines[1:3], ("A", "D"), strict=True):
        word, block_no, digest, sealed_at = line.split(" ")
        assert (word, int(block_no)) == (code, heads[code].block_no)
        assert bytes.fromhex(digest) == heads[code].block_hash
        assert sealed_at.endswith("+00:00")


def test_an_anchor_is_read_back_whatever_the_book_is_called(
    database: Database, tmp_path: Path
) -> None:
    _found(database, "D")
    with database.begin() as session:
        bare = bare_books.found_book(session, name="Sarafu 2021").community_id
    _open_accounts(database, bare, 2)
    sealing.seal_waiting(database)
    with database.reading() as session:
        sealing.append(tmp_path / "anchors", sealing.anchors(session))

    with (tmp_path / "anchors").open() as lines:
        anchors = read_anchors(lines)
    with database.reading() as session:
        findings = verify(session, Scope(anchors=anchors)).database_findings

    assert anchors.keys() == {"D", "Sarafu 2021"}
    assert findings == ()


# ---------------------------------------------------------------- the thread of the server


@pytest.fixture
def log_here() -> Iterator[Callable[[], None]]:
    """Let the test log to the error stream that it reads, from when it calls this."""
    before = structlog.get_config()
    yield logs.configure
    structlog.configure(**before)


def _until_nothing_waits(database: Database) -> bool:
    pause = threading.Event()
    for _ in range(POLLS_MAX):
        if not _waiting_count(database):
            return True
        pause.wait(0.05)
    return False


def _url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def test_the_upkeep_seals_by_itself_and_ends(database: Database) -> None:
    book = _found(database, "D")
    with Upkeep(_url(database)) as upkeep:
        assert _until_nothing_waits(database)
        upkeep.restart()
        _open_accounts(database, book, 3)
        assert _until_nothing_waits(database)

    _open_accounts(database, book, 1)
    assert "upkeep" not in {thread.name for thread in threading.enumerate()}
    assert _waiting_count(database) == 1


def test_several_servers_do_each_other_no_harm(database: Database) -> None:
    book = _found(database, "D")
    with Upkeep(_url(database)), Upkeep(_url(database)), Upkeep(_url(database)):
        for _ in range(20):
            _open_accounts(database, book, 2)
        assert _until_nothing_waits(database)

    with database.reading() as session:
        items = session.scalar(sa.text("SELECT count(*) FROM ledger_seal_item"))
        assert seal.head(session, book).last_sequence == items


def test_a_failing_book_is_one_line_and_the_others_go_on(
    database: Database,
    owner_database: Database,
    log_here: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_here()
    damaged, whole = _found(database, "D"), _found(database, "A")
    _let_something_wait_that_is_nothing(owner_database, damaged)
    with Upkeep(_url(database)):
        assert _sealed(database, whole, 3)
        _open_accounts(database, whole, 1)
        assert _sealed(database, whole, 4)

    (line,) = capsys.readouterr().err.strip().splitlines()
    said = json.loads(line)
    assert (said["event"], said["book"], said["level"]) == ("seal_failed", str(damaged), "error")


def _sealed(database: Database, community_id: UUID, count: int) -> bool:
    pause = threading.Event()
    for _ in range(POLLS_MAX):
        with database.reading() as session:
            if seal.head(session, community_id).last_sequence == count:
                return True
        pause.wait(0.05)
    return False


def test_a_database_that_cannot_be_reached_is_waited_for(
    tmp_path: Path, log_here: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    log_here()
    with Upkeep(f"sqlite:///{tmp_path}/none/none"):
        pause = threading.Event()
        for _ in range(POLLS_MAX):
            if said := capsys.readouterr().err:
                break
            pause.wait(0.05)

    assert json.loads(said.splitlines()[0])["event"] == "upkeep_waits"
    with pytest.raises(Refusal):
        Database(f"sqlite:///{tmp_path}/none/none")
