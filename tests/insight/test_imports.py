"""Files that become entries: what is taken, what is refused with its line, all or nothing."""

import gzip
import random
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import acts, reports
from ledger.database import Database
from ledger.journal import Leg, post
from ledger.schema import Account, Transaction
from tests.insight.imported import HEADER, Importing, bare_book
from tests.ledger.makers import World, draft, make_world
from timebank.errors import NotAllowed
from timebank.insight import bare_books, imports, verification
from timebank.insight.imports import FileChanged, FileRefused, LineRefused, Source


@pytest.fixture
def world(database: Database) -> World:
    return make_world(database)


@pytest.fixture
def importing(world: World, tmp_path: Path) -> Importing:
    return Importing(world.database, world.community_id, tmp_path)


@pytest.fixture
def sarafu(database: Database, tmp_path: Path) -> Importing:
    return bare_book(database, tmp_path)


def _transaction_count(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Transaction)) or 0


OUT = "a,2026-11-09,,Issuance:Points,"
GOOD = "a,,,Members:V0001:Points,5,"
OTHER = ("b,2026-11-10,,Issuance:Points,-1,", "b,,,Members:V0001:Points,1,")
GIFT = ("a,2026-11-09,service,Issuance:Points,-5,for sweeping", "a,,,Members:V0001:Points,5,")


# ---------------------------------------------------------------- taken


def test_consecutive_lines_of_one_key_are_one_transaction(
    importing: Importing, world: World
) -> None:
    done = importing.transactions(
        *GIFT, "b,2026-11-10,,Members:V0001:Points,-2,", "b,,,Members:V0002:Points,2,"
    )

    assert (done.new_count, done.known_count) == (2, 0)
    assert (world.holds(world.alice), world.holds(world.bob)) == (3, 2)


def test_a_second_run_posts_nothing_and_a_longer_file_only_what_is_new(
    importing: Importing, world: World
) -> None:
    importing.transactions(*GIFT)

    again = importing.transactions(*GIFT)
    longer = importing.transactions(
        *GIFT, "b,2026-11-10,,Issuance:Points,-1,", "b,,,Members:V0001:Points,1,"
    )

    assert (again.new_count, again.known_count) == (0, 1)
    assert (longer.new_count, longer.known_count) == (1, 1)
    assert world.holds(world.alice) == 6


@pytest.mark.parametrize("newline", ["\n", "\r\n", "mixed"])
@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.databases("sqlite")
def test_mark_newlines_and_packing_make_no_difference(
    importing: Importing, newline: str, is_packed: bool
) -> None:
    lines = [HEADER, *GIFT]
    ends = ["\r\n", "\n", "\r\n"] if newline == "mixed" else [newline] * 3
    content = b"\xef\xbb\xbf" + "".join(map("".join, zip(lines, ends, strict=True))).encode()

    done = importing.run(
        Source(importing.written(gzip.compress(content) if is_packed else content))
    )

    assert done.new_count == 1


def test_transfers_make_their_accounts_and_balances(sarafu: Importing) -> None:
    chance = random.Random(7)
    lines, sums = [], {"6": 0, "8": 0, "V9": 0}
    for _ in range(500):
        source, target = chance.sample(list(sums), 2)
        amount_minor = chance.randrange(1, 10**7)
        sums[source] -= amount_minor
        sums[target] += amount_minor
        lines.append(f"{source} {target} {amount_minor // 1000}.{amount_minor % 1000:03}")
    content = "\n".join(lines).encode()

    first = sarafu.transfers(gzip.compress(content))
    second = sarafu.transfers(content)

    assert (first.new_count, second.new_count, second.known_count) == (500, 0, 500)
    with sarafu.database.reading() as session:
        ids = dict(
            session.execute(
                sa.select(Account.code, Account.id).where(
                    Account.community_id == sarafu.community_id
                )
            ).all()
        )
        held = reports.balances(session, sarafu.community_id, list(ids.values()))
        assert {code: held[id_].posted_minor for code, id_ in ids.items()} == {
            f"Accounts:SRF:{name}": sum_minor for name, sum_minor in sums.items()
        }
        found = verification.verify(session)
    assert found.finding_count == 0


def test_more_than_one_chunk_is_one_whole(
    sarafu: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK_COUNT", 3)

    done = sarafu.transfers(b"".join(b"%d 9 1\n" % number for number in range(8)))

    assert done.new_count == 8


def test_the_day_of_the_first_run_is_kept(sarafu: Importing) -> None:
    sarafu.transfers(b"1 2 3\n")
    source = sarafu.source(b"1 2 3\n")
    assert source.transfers is not None
    later = Source(
        source.path, type(source.transfers)("SRF", date(2027, 1, 1), ""), decimal_places=3
    )

    assert sarafu.run(later).known_count == 1


# ---------------------------------------------------------------- refused


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a,2026-11-09,,Nowhere,-5,", GOOD], (2, "account", "unknown_account")),
        ([OUT + "-5,", "a,,,Members:V0001:Points,4,"], (2, "amount", "unbalanced")),
        ([OUT + "-5,"], (2, "", "too_few_legs")),
        ([OUT + "1e9,", GOOD], (2, "amount", "amount_invalid")),
        ([OUT + "NaN,", GOOD], (2, "amount", "amount_invalid")),
        ([OUT + '"-1,000",', GOOD], (2, "amount", "amount_invalid")),
        ([OUT + "-1,000,", GOOD], (2, "", "field_count")),
        ([OUT + "-５,", GOOD], (2, "amount", "amount_invalid")),
        ([OUT + "-5.5,", GOOD], (2, "amount", "amount_too_fine")),
        ([OUT + "0,", GOOD], (2, "amount", "amount_out_of_range")),
        ([OUT + "-1000000000000001,", GOOD], (2, "amount", "amount_out_of_range")),
        ([OUT + "-" + "9" * 5000 + ",", GOOD], (2, "amount", "amount_out_of_range")),
        (["a,2026-13-09,,Issuance:Points,-5,", GOOD], (2, "occurred_on", "day_invalid")),
        (["a,20261109,,Issuance:Points,-5,", GOOD], (2, "occurred_on", "day_invalid")),
        (["a,2026-11-09,hold,Issuance:Points,-5,", GOOD], (2, "", "kind_reserved")),
        (
            [OUT + "-5,", "a,2026-11-10,,Members:V0001:Points,5,"],
            (3, "occurred_on", "differs_within"),
        ),
        (
            [",2026-11-09,,Issuance:Points,-5,", ",,,Members:V0001:Points,5,"],
            (2, "key", "key_missing"),
        ),
        ([OUT + "-5,\x00", GOOD], (2, "", "control_character")),
        ([OUT + '-5,"open', GOOD], (2, "", "quoting_invalid")),
        (["a" * 9000, *GIFT], (2, "", "line_too_long")),
        ([*GIFT, *OTHER, OUT + "-6,", "a,,,Members:V0001:Points,6,"], (6, "key", "key_reused")),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_written(
    importing: Importing, lines: list[str], expected: tuple[int, str, str]
) -> None:
    content = "\n".join((HEADER, *lines, "")).encode()

    assert importing.refusals(Source(importing.written(content))) == [expected]
    assert _transaction_count(importing.database) == 0


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (f"{HEADER}\n".encode(), "file_empty"),
        (b"key;occurred_on;account;amount\n", "header_invalid"),
        (b"key,occurred_on,account\n", "header_invalid"),
        (b"key,key,occurred_on,account,amount\n", "header_invalid"),
        (b"\xff\xfe" + HEADER.encode("utf-16-le"), "not_utf8"),
        (gzip.compress(HEADER.encode() * 1000, mtime=0)[:40], "file_damaged"),
    ],
)
def test_a_file_that_is_none_is_refused_at_once(
    importing: Importing, content: bytes, code: str
) -> None:
    found = importing.refusals(Source(importing.written(content)))

    assert found[-1][2] == code
    assert len(found) <= 2


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"1 2", "field_count"),
        (b"1 2 3 4", "field_count"),
        (b"1,2,3", "field_count"),
        (b"1 1 3", "same_account"),
        (b"alice 2 3", "name_invalid"),
        (b"1 2 -3", "amount_invalid"),
        (b"1 2 3.0001", "amount_too_fine"),
        (b"1 2 1e3", "amount_invalid"),
        (b"1 2 0.000", "amount_out_of_range"),
        (b"1 2 1000000000000.001", "amount_out_of_range"),
    ],
)
def test_a_wrong_transfer_is_named(sarafu: Importing, line: bytes, code: str) -> None:
    found = sarafu.refusals(sarafu.source(b"1 2 3\n" + line + b"\n2 1 3\n"))

    assert [(number, found_code) for number, _, found_code in found] == [(2, code)]
    assert _transaction_count(sarafu.database) == 0


@pytest.mark.databases("sqlite")
def test_every_wrong_line_is_named_and_garbage_ends_soon(sarafu: Importing) -> None:
    garbage = random.Random(3).randbytes(2_000_000)

    with pytest.raises(FileRefused):
        sarafu.transfers(garbage)

    assert sarafu.refused[-1].line_number == garbage.count(b"\n") + 1


def test_a_closed_account_and_a_closed_period_are_named(importing: Importing, world: World) -> None:
    with world.database.begin() as session:
        acts.close_account(
            session, world.community_id, world.alice, reason="moved away", actor="system:test"
        )
        acts.close_period(
            session, world.community_id, through=date(2026, 10, 31), reason="done", actor="system:t"
        )
    content = "\n".join(
        (HEADER, *GIFT, "b,2026-10-31,,Issuance:Points,-5,", "b,,,Members:V0002:Points,5,")
    )

    assert importing.refusals(Source(importing.written(content.encode()))) == [
        (3, "account", "account_closed"),
        (4, "occurred_on", "period_closed"),
    ]


def test_a_line_below_a_floor_is_named_and_nothing_stays(
    importing: Importing, world: World
) -> None:
    with pytest.raises(LineRefused) as refused:
        importing.transactions(
            *GIFT, "b,2026-11-09,,Members:V0001:Points,-6,", "b,,,Members:V0002:Points,6,"
        )

    assert refused.value.details["line"] == 4
    assert "Members:V0001:Points" in str(refused.value)
    assert _transaction_count(world.database) == 0


def test_a_key_of_the_book_with_another_content_is_named(
    importing: Importing, world: World
) -> None:
    importing.transactions(*GIFT)
    content = "\n".join((HEADER, *GIFT)).replace("sweeping", "singing").encode()

    assert importing.refusals(Source(importing.written(content))) == [(2, "key", "key_reused")]


def test_a_file_that_changes_between_the_passes_is_not_imported(importing: Importing) -> None:
    source = Source(importing.written("\n".join((HEADER, *GIFT)).encode()))

    def quiet(_done: int, _total: int) -> None:
        return

    with importing.database.reading() as session:
        checked = imports.check(session, importing.actor, source, importing.refused.append, quiet)
    importing.written("\n".join((HEADER, *GIFT)).replace("sweeping", "singing").encode())

    with pytest.raises(FileChanged), importing.database.begin() as session:
        imports.post(session, importing.actor, source, checked, quiet)
    assert _transaction_count(importing.database) == 0


@pytest.mark.databases("sqlite")
def test_a_unit_keeps_its_decimals(sarafu: Importing) -> None:
    sarafu.transfers(b"1 2 3.5\n")
    source = sarafu.source(b"1 2 4\n", decimal_places=2)

    with pytest.raises(bare_books.CommodityDiffers):
        sarafu.run(source)


@pytest.mark.databases("sqlite")
def test_only_administrators_import(importing: Importing) -> None:
    nobody = type(importing.actor)(importing.community_id, None, frozenset())

    with importing.database.reading() as session, pytest.raises(NotAllowed):
        imports.check(
            session, nobody, Source(importing.folder), importing.refused.append, lambda *_: None
        )


# ---------------------------------------------------------------- verified


@pytest.mark.databases("sqlite")
def test_an_entry_beside_an_import_is_found(sarafu: Importing) -> None:
    sarafu.transfers(b"1 2 3\n2 3 1\n")
    with sarafu.database.begin() as session:
        source = session.scalars(sa.select(Transaction.source)).first()
        ids = session.scalars(sa.select(Account.id).order_by(Account.code)).all()
        forged = draft(Leg(ids[0], -1), Leg(ids[1], 1), source=source or "")
        post(session, sarafu.community_id, forged)

    with sarafu.database.reading() as session:
        found = verification.verify(session)
    assert {finding.code for book in found.books for finding in book.findings} == {"import_differs"}
