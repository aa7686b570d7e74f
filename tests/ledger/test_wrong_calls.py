"""The functions of the PostgreSQL door, called by hand with what no caller of ours would send.

Each must raise, or answer with a refusal, and leave every row as it was.
"""

from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from ledger.ids import new_id
from tests.ledger.makers import World
from tests.ledger.test_raw_sql import DATABASE_ERRORS, Facts, facts, spent

__all__ = ["facts", "spent"]  # fixtures

pytestmark = pytest.mark.databases("postgresql")
ZEROS = bytes(32)

# Accounts and amounts: one is wrong in each.
WRONG_LEGS = (
    ("{alice,bob}", "{-5,6}"),
    ("{alice,bob}", "{-31,31}"),
    ("{alice}", "{-5}"),
    ("{}", "{}"),
    ("{alice,bob}", "{-5}"),
    ("{alice}", "{-5,5}"),
    ("{alice,bob,bob}", "{-5,5}"),
    ("{alice,bob}", "{-5,5,5}"),
    ("{alice,bob}", "{0,0}"),
    ("{alice,bob}", "{NULL,NULL}"),
    ("{issuance,alice}", "{-5,NULL}"),
    ("{NULL,bob}", "{-5,5}"),
    ("{alice,bob}", "{-1000000000000001,1000000000000001}"),
    ("{issuance,alice}", "[0:1]={-1,1000}"),
    ("{issuance,alice}", "[5:6]={-1,1000}"),
    ("{issuance,alice}", "{{-1,1000}}"),
    ("{issuance,alice}", "[2:2][1:2]={{-1,1000}}"),
    ("[0:1]={issuance,alice}", "{-1,1000}"),
    ("{{issuance,alice}}", "{{-1,1000}}"),
    ("{alice,box}", "{-1,1}"),
    ("{issuance,minutes}", "{-1,1}"),
)
# One field of a good call is changed.
WRONG_FIELDS: tuple[tuple[str, Any], ...] = (
    *(("kind", kind) for kind in (None, "", "x" * 33, "hold", "hold_post", "hold_void")),
    *(("kind", kind) for kind in ("hold_expire", "reversal")),
    *(("day", day) for day in (None, "infinity", "-infinity", "10000-01-01", "0001-01-01 BC")),
    *(("moment", moment) for moment in (None, "infinity", "-infinity")),
    *(("key", key) for key in (None, "", "x" * 121)),
    *(("request", hash_) for hash_ in (None, b"", bytes(31))),
    *(("content", hash_) for hash_ in (None, b"", bytes(33))),
    *(("actor", text) for text in (None, "", "x" * 121)),
    *(("source", text) for text in (None, "", "x" * 121)),
    *(("narration", text) for text in (None, "x" * 501)),
    *(("book", None), ("id", None)),
)
SINGLE = (
    "SELECT ledger_post(:book, :id, :kind, CAST(:day AS date), CAST(:moment AS timestamptz), NULL,"
    " :key, :request, :content, :actor, :source, :narration, CAST(:accounts AS uuid[]),"
    " CAST(:amounts AS bigint[]))"
)
MANY = (
    "SELECT ledger_post_many(:book, ARRAY[CAST(:id AS uuid)], ARRAY[:kind],"
    " ARRAY[CAST(:day AS date)], ARRAY[CAST(:moment AS timestamptz)], ARRAY[:key],"
    " ARRAY[CAST(:request AS bytea)], ARRAY[CAST(:content AS bytea)], ARRAY[:actor],"
    " ARRAY[:source], ARRAY[:narration], array_fill(1, ARRAY[cardinality("
    "CAST(:accounts AS uuid[]))]), CAST(:accounts AS uuid[]), CAST(:amounts AS bigint[]))"
)
PLACE = (
    "SELECT ledger_place_hold(:book, :id, CAST(:day AS date), CAST(:moment AS timestamptz),"
    " CAST(:until AS timestamptz), :key, :request, :content, :actor, :source, :narration,"
    " CAST(:accounts AS uuid[]), CAST(:amounts AS bigint[]))"
)
RESOLVE = (
    "SELECT ledger_resolve_hold(:book, :id, :kind, CAST(:day AS date),"
    " CAST(:moment AS timestamptz), :hold, :key, :request, :content, :actor, :source, :narration,"
    " CAST(:amounts AS bigint[]))"
)
WRONG_RESOLUTIONS = (
    ("hold_post", "{-6,6}"),
    ("hold_post", "{5,-5}"),
    ("hold_post", "{-5,4}"),
    ("hold_post", "{-5}"),
    ("hold_post", "{-5,5,0}"),
    ("hold_post", "{0,0}"),
    ("hold_post", "{NULL,NULL}"),
    ("hold_post", "{-5,NULL}"),
    ("hold_post", "[5:6]={-10,10}"),
    ("hold_post", "{{-10,10}}"),
    ("hold_post", "{}"),
    ("hold_void", "{-5,5}"),
    ("hold_void", "{0}"),
    ("hold_void", "{NULL,NULL}"),
    ("hold_expire", "{0,0}"),
    ("service", "{-5,5}"),
    ("hold", "{-5,5}"),
    (None, "{-5,5}"),
)
# Lists of a batch of two: ids, kinds, headers of the legs.
WRONG_BATCHES = (
    ("{one,one}", "{a,b}", "{1,1,2,2}"),
    ("{one,two}", "[0:2]={hold_post,a,b}", "{1,1,2,2}"),
    ("{one,two}", "{a}", "{1,1,2,2}"),
    ("{one,two}", "{a,b,c}", "{1,1,2,2}"),
    ("{one,two}", "{a,b}", "{1,1,1,1}"),
    ("{one,two}", "{a,b}", "{1,1,2,3}"),
    ("{one,two}", "{a,b}", "{0,0,1,1}"),
    ("{one,two}", "{a,b}", "{1,1,NULL,NULL}"),
    ("{one,two}", "{a,b}", "{1,1}"),
    ("{one,two}", "{a,b}", "{1,2,2,1,1}"),
    ("[0:1]={one,two}", "{a,b}", "{1,1,2,2}"),
)
WRONG_ACTS: tuple[tuple[str | None, str | None, str | None], ...] = (
    ("account_closed", None, None),
    ("account_closed", "issuance", None),
    ("account_closed", "bob", "2026-01-01"),
    ("account_emptied", "bob", None),
    ("period_closed", "bob", "2026-01-01"),
    ("period_closed", None, None),
    ("period_closed", None, "infinity"),
    ("period_reopened", None, "2026-01-01"),
    ("period_reopened", None, None),
    (None, None, "2026-01-01"),
    (None, "bob", None),
)
# Number of the block, items, root, hash before it; `last` is the hash of the last block.
WRONG_BLOCKS = (
    (1, "{waiting}", ZEROS, "last"),
    (3, "{waiting}", ZEROS, "last"),
    (2, "{waiting}", ZEROS, "zeros"),
    (2, "{waiting}", ZEROS, None),
    (2, "{waiting}", b"short", "last"),
    (2, "{waiting}", None, "last"),
    (2, "{}", ZEROS, "last"),
    (2, None, ZEROS, "last"),
    (2, "{waiting,waiting}", ZEROS, "last"),
    (2, "{transaction}", ZEROS, "last"),
    (2, "{waiting,transaction}", ZEROS, "last"),
    (2, "{fresh}", ZEROS, "last"),
    (2, "{NULL}", ZEROS, "last"),
    (None, "{waiting}", ZEROS, "last"),
)


def _good(facts: Facts) -> Facts:
    return {
        **facts,
        "id": new_id(),
        "kind": "service",
        "day": "2026-11-09",
        "moment": "2026-11-09 08:00:00+00",
        "until": "2027-11-09 08:00:00+00",
        "key": "by hand",
        "request": ZEROS,
        "content": ZEROS,
        "actor": "a",
        "source": "s",
        "narration": "",
        "accounts": "{issuance,alice}",
        "amounts": "{-1,1}",
    }


def _is_refused(world: World, statement: str, facts: Facts) -> bool:
    for name in ("accounts", "items", "ids"):
        for account, id_ in facts.items():
            if isinstance(facts.get(name), str) and account != name:
                facts = {**facts, name: str(facts[name]).replace(account, str(id_))}
    used = {name: value for name, value in facts.items() if f":{name}" in statement}
    try:
        with world.database.begin() as session:
            answer = session.scalar(sa.text(statement), used)
            assert answer is None or set(answer) <= {"code", "details"}
            if answer is None:
                session.rollback()
    except DATABASE_ERRORS:
        return True
    return answer is not None


@pytest.mark.parametrize("statement", [SINGLE, MANY, PLACE])
def test_a_good_call_is_let_in(spent: World, facts: Facts, statement: str) -> None:
    """What the others differ from; taken back by the helper."""
    assert not _is_refused(spent, statement, _good(facts))


@pytest.mark.parametrize("statement", [SINGLE, MANY, PLACE])
def test_wrong_legs_are_refused(spent: World, facts: Facts, statement: str) -> None:
    passed = [
        legs
        for legs in WRONG_LEGS
        if not _is_refused(
            spent, statement, _good(facts) | {"accounts": legs[0], "amounts": legs[1]}
        )
    ]

    assert passed == []


@pytest.mark.parametrize("statement", [SINGLE, MANY])
def test_wrong_fields_are_refused(spent: World, facts: Facts, statement: str) -> None:
    passed = [
        field
        for field in WRONG_FIELDS
        if not _is_refused(spent, statement, _good(facts) | dict([field]))
    ]

    assert passed == []


def test_wrong_resolutions_are_refused(spent: World, facts: Facts) -> None:
    passed = [
        (kind, amounts)
        for kind, amounts in WRONG_RESOLUTIONS
        if not _is_refused(spent, RESOLVE, _good(facts) | {"kind": kind, "amounts": amounts})
    ]

    assert passed == []
    assert not _is_refused(
        spent, RESOLVE, _good(facts) | {"kind": "hold_post", "amounts": "{-4,4}"}
    )


def test_wrong_batches_are_refused(spent: World, facts: Facts) -> None:
    statement = (
        "SELECT ledger_post_many(:book, CAST(:ids AS uuid[]), CAST(:kinds AS text[]),"
        " array_fill(CAST(:day AS date), ARRAY[2]),"
        " array_fill(CAST(:moment AS timestamptz), ARRAY[2]), ARRAY['k1', 'k2'],"
        " array_fill(CAST(:request AS bytea), ARRAY[2]),"
        " array_fill(CAST(:content AS bytea), ARRAY[2]), ARRAY['a', 'a'], ARRAY['s', 's'],"
        " ARRAY['', ''], CAST(:headers AS int[]), CAST(:accounts AS uuid[]),"
        " CAST(:amounts AS bigint[]))"
    )
    good = _good(facts) | {
        "one": new_id(),
        "two": new_id(),
        "accounts": "{issuance,alice,issuance,alice}",
        "amounts": "{-1,1,-2,2}",
    }
    passed = [
        lists
        for lists in WRONG_BATCHES
        if not _is_refused(
            spent, statement, good | dict(zip(("ids", "kinds", "headers"), lists, strict=True))
        )
    ]

    assert passed == []
    lists = {"ids": "{one,two}", "kinds": "{a,b}", "headers": "{1,1,2,2}"}
    assert not _is_refused(spent, statement, good | lists)


def test_wrong_acts_are_refused(spent: World, facts: Facts) -> None:
    statement = (
        "SELECT ledger_act(:book, :id, :kind, CAST(:account AS uuid), CAST(:day AS date), 'x', 'x',"
        " now(), :content)"
    )
    passed = [
        wrong
        for wrong in WRONG_ACTS
        if not _is_refused(
            spent,
            statement,
            _good(facts)
            | {"kind": wrong[0], "account": facts[wrong[1]] if wrong[1] else None, "day": wrong[2]},
        )
    ]

    assert passed == []


def test_wrong_blocks_are_refused(spent: World, facts: Facts) -> None:
    statement = (
        "SELECT ledger_seal(:book, CAST(:number AS bigint), CAST(:items AS uuid[]),"
        " CAST(:root AS bytea), CAST(:before AS bytea), :content, now())"
    )
    with spent.database.reading() as session:
        last = session.scalar(sa.text("SELECT block_hash FROM ledger_seal_block"))
    hashes = {"last": last, "zeros": ZEROS, None: None}
    passed = [
        wrong
        for wrong in WRONG_BLOCKS
        if not _is_refused(
            spent,
            statement,
            _good(facts)
            | {
                "number": wrong[0],
                "items": wrong[1],
                "root": wrong[2],
                "before": hashes[wrong[3]],
            },
        )
    ]

    assert passed == []
    good = {"number": 2, "items": "{waiting}", "root": ZEROS, "before": last}
    assert not _is_refused(spent, statement, _good(facts) | good)


def test_the_words_of_the_door_are_no_way_in(spent: World) -> None:
    """What looks like a refusal of ours from outside is an error like any other."""
    with spent.database.begin() as session, pytest.raises(psycopg.Error):
        session.connection().connection.cursor().execute("SELECT ledger_refuse('x', '{}')")
