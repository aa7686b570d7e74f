"""A whole book out of one database and into another: identical to the last hash."""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import acts, clock, holds, seal
from ledger.database import Database
from ledger.holds import Resolution
from ledger.schema import Account, SealBlock, Transaction
from migrations import run as migrations
from tests.insight.imported import bare_book
from tests.ledger.makers import NINTH, World, draft, fresh_key, make_world, move
from tests.servers import APPLICATION, Server
from timebank.actors import Actor
from timebank.insight import book_imports, books, verification
from timebank.insight.book_imports import BookExists, BookFileInvalid, ImportedBook

Make = Callable[[str], Database]


@pytest.fixture
def make(server: Server, postgresql_template: str, tmp_path: Path) -> Make:
    """Make an empty database by the name of its kind."""

    def made(kind: str) -> Database:
        if kind == "postgresql":
            return Database(server.url(server.create(postgresql_template), APPLICATION))
        url = f"sqlite:///{tmp_path}/other.sqlite3"
        migrations.upgrade(url)
        return Database(url)

    return made


def _resolution() -> Resolution:
    return Resolution(NINTH, fresh_key(), "system:test", "order:1")


def _live(world: World) -> None:
    """Let everything happen once: posts, a batch, holds of every end, a reversal, acts, blocks."""
    world.give(world.alice, 40)
    world.give(world.box, 90)
    world.post_many([move(world.alice, world.bob, 3), move(world.bob, world.alice, 1)])
    with world.database.begin() as session:
        expires_at = clock.now() + timedelta(hours=1)
        placed = [
            holds.place(
                session,
                world.community_id,
                draft(*move(world.alice, world.bob, amount_minor).legs, kind="hold"),
                expires_at=expires_at,
            ).transaction_id
            for amount_minor in (5, 6, 7)
        ]
        holds.post(session, world.community_id, placed[0], _resolution(), amounts_minor=[-2, 2])
        holds.void(session, world.community_id, placed[1], _resolution())
    with world.database.begin() as session:
        seal.seal(session, world.community_id)
    world.reverse(world.give(world.bob, 4).transaction_id)
    with world.database.begin() as session:
        acts.close_account(
            session, world.community_id, world.box, reason="full", actor="system:test"
        )
        acts.close_period(
            session,
            world.community_id,
            through=NINTH - timedelta(days=9),
            reason="October is done",
            actor="system:test",
        )
    with world.database.begin() as session:
        seal.seal(session, world.community_id)
    world.give(world.alice, 1)


def _written(world: World, path: Path) -> Path:
    with world.database.reading() as session:
        actor = Actor.system(world.community_id, "test")
        lines = list(books.export_book(session, actor, name="D"))
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _read(database: Database, path: Path, name: str | None = None) -> ImportedBook:
    with database.begin() as session:
        return book_imports.import_book(
            session,
            Actor.system(UUID(int=1), "test"),
            path=path,
            name=name,
            advance=lambda _done, _total: None,
        )


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_book_is_the_same_in_the_other_database(
    database: Database, make: Make, tmp_path: Path, target: str
) -> None:
    world = make_world(database)
    _live(world)
    path = _written(world, tmp_path / "book.jsonl")
    other = make(target)

    made = _read(other, path)

    twin = World(other, *(getattr(world, name) for name in list(World.__annotations__)[1:]))
    assert _written(twin, tmp_path / "again.jsonl").read_bytes() == path.read_bytes()
    assert made.block_count == 2
    for account_id in (world.alice, world.bob, world.box, world.issuance):
        assert twin.holds(account_id) == world.holds(account_id)
    with other.reading() as session:
        assert seal.head(session, world.community_id).block_hash == made.head_hash
        assert verification.verify(session).finding_count == 0
    other.dispose()


@pytest.mark.databases("sqlite")
def test_an_imported_currency_comes_along_with_its_decimals(
    database: Database, make: Make, tmp_path: Path
) -> None:
    sarafu = bare_book(database, tmp_path)
    sarafu.transfers(b"1 2 3.5\n2 9 0.125\n")
    path = tmp_path / "book.gz"
    with database.reading() as session:
        lines = "".join(books.export_book(session, sarafu.actor, name="Sarafu"))
    path.write_bytes(gzip.compress(lines.encode()))
    other = make("sqlite")

    made = _read(other, path, "Kenya")

    assert (made.name, made.transaction_count, made.account_count) == ("Kenya", 2, 3)
    with other.reading() as session:
        again = "".join(books.export_book(session, sarafu.actor, name="Sarafu"))
        assert verification.verify(session).finding_count == 0
    assert again == lines
    assert '"decimals":{"SRF":3}' in lines
    other.dispose()


@pytest.mark.databases("sqlite")
def test_what_the_order_of_the_seal_puts_too_early_is_tried_again(
    database: Database, make: Make, tmp_path: Path
) -> None:
    world = make_world(database)
    moment = clock.now()
    with clock.at(moment + timedelta(seconds=5)):  # another machine, whose clock is ahead
        world.give(world.alice, 10)
    with clock.at(moment + timedelta(seconds=1)):
        world.post(move(world.alice, world.bob, 7))
    path = _written(world, tmp_path / "book.jsonl")
    other = make("sqlite")

    made = _read(other, path)

    assert made.transaction_count == 2
    other.dispose()


@pytest.mark.databases("sqlite")
def test_a_book_that_is_there_is_left_alone(database: Database, tmp_path: Path) -> None:
    world = make_world(database)

    with pytest.raises(BookExists):
        _read(database, _written(world, tmp_path / "book.jsonl"))


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("transaction", "narration", "another"),
        ("transaction", "occurred_on", "2026-11-08"),
        ("transaction", "content_hash", "00" * 32),
        ("account", "code", "Another"),
        ("account", "floor_minor", -5),
        ("act", "reason", "another"),
        ("act", "act_no", 7),
        ("block", "sealed_at", "2026-11-09T00:00:00.000000+00:00"),
        ("block", "merkle_root", "00" * 32),
        ("end", "transaction_count", 1),
        ("end", "head_hash", "00" * 32),
        ("book", "version", 2),
    ],
)
def test_a_file_that_was_changed_makes_no_book(
    database: Database, make: Make, tmp_path: Path, word: str, name: str, value: object
) -> None:
    world = make_world(database)
    _live(world)
    path = _written(world, tmp_path / "book.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith(f'{{"{word}"'))
    document = json.loads(lines[place])
    document[word][name] = value
    lines[place] = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    other = make("sqlite")

    with pytest.raises(BookFileInvalid):
        _read(other, path)

    with other.reading() as session:
        for table in (Account, Transaction, SealBlock):
            assert session.scalars(sa.select(table)).first() is None
    other.dispose()


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("kept_count", [0, 1, 5, -1])
def test_a_file_that_breaks_off_makes_no_book(
    database: Database, make: Make, tmp_path: Path, kept_count: int
) -> None:
    world = make_world(database)
    _live(world)
    path = _written(world, tmp_path / "book.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:kept_count]), encoding="utf-8")
    other = make("sqlite")

    with pytest.raises(BookFileInvalid):
        _read(other, path)
    other.dispose()
