"""Receipts: what they prove, to whom they are given, and what the offline check finds."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import clock, journal, seal
from ledger.database import Database
from ledger.errors import UnknownTransaction
from ledger.ids import new_id
from ledger.journal import Draft, Leg
from ledger.schema import Transaction
from tests.insight.story import Story
from tests.makers import make_community, make_member
from timebank import chart
from timebank.actors import Actor, Role
from timebank.insight import receipt_document, sealing
from timebank.insight.receipt_check import Verdict, check
from timebank.insight.receipt_document import NotAReceipt, Receipt
from timebank.insight.receipts import NotSealedYet, make_receipt
from timebank.people.models import Member

SEALED_AT = clock.now().replace(year=2026, month=11, day=20, hour=6)


def _transactions(database: Database, kind: str | None = None) -> list[UUID]:
    query = sa.select(Transaction.id).order_by(Transaction.id)
    if kind is not None:
        query = query.where(Transaction.kind == kind)
    with database.reading() as session:
        return list(session.scalars(query))


def _receipt(database: Database, actor: Actor, transaction_id: UUID) -> Receipt:
    with database.reading() as session:
        return make_receipt(session, actor, transaction_id=transaction_id)


def _check(document: object, *heads: bytes) -> Verdict:
    """Check a document as a file would hold it."""
    return check(receipt_document.read(json.dumps(document).encode()), list(heads))


@pytest.fixture
def sealed(database: Database, story: Story) -> Story:
    with clock.at(SEALED_AT):
        sealing.seal_waiting(database)
    return story


@pytest.fixture
def receipt(database: Database, sealed: Story) -> Receipt:
    return _receipt(database, sealed.auditor, _transactions(database, "redemption")[0])


# ---------------------------------------------------------------- what a receipt proves


def test_every_transaction_has_a_receipt_that_proves_it(database: Database, sealed: Story) -> None:
    verdicts = [
        _check(receipt_document.dump(_receipt(database, sealed.auditor, transaction_id)))
        for transaction_id in _transactions(database)
    ]

    assert len(verdicts) > 5
    assert [verdict.sentence for verdict in verdicts if not verdict.is_valid] == []


def test_a_file_is_read_as_it_was_written(receipt: Receipt) -> None:
    text = receipt_document.write(receipt)

    assert receipt_document.read(text.encode()) == receipt
    assert receipt_document.read(text.encode("utf-8-sig")) == receipt
    assert receipt_document.read(text.replace("\n", "\r\n").encode()) == receipt


def test_a_receipt_names_no_person(database: Database, sealed: Story) -> None:
    with database.reading() as session:
        names = set(session.scalars(sa.select(Member.name)))
    texts = [
        receipt_document.write(_receipt(database, sealed.auditor, transaction_id))
        for transaction_id in _transactions(database)
    ]

    assert names
    assert [name for name in names for text in texts if name in text] == []


def test_the_chain_goes_on_to_the_last_block_of_the_day(database: Database, sealed: Story) -> None:
    transaction_id = _transactions(database)[0]
    book = sealed.world.community.community_id
    for later in (timedelta(hours=1), timedelta(hours=9), timedelta(days=1), timedelta(days=2)):
        with clock.at(SEALED_AT + later):
            _bring_one_more(database, sealed)
            sealing.seal_waiting(database)

    receipt = _receipt(database, sealed.auditor, transaction_id)
    with database.reading() as session:
        longer = make_receipt(
            session, sealed.auditor, transaction_id=transaction_id, through_block_no=5
        )
        head = seal.head(session, book)

    # Sealed at 14:00 in Shanghai; an hour later is the same day, nine hours later still is.
    assert [block.block_no for block in receipt.blocks] == [1, 2, 3]
    assert not _check(receipt_document.dump(receipt), head.block_hash).is_valid
    assert (
        "Agrees with the head of block 5."
        in _check(receipt_document.dump(longer), head.block_hash).sentence
    )


def _bring_one_more(database: Database, story: Story) -> None:
    with database.begin() as session:
        number = 9_000 + 24 * clock.now().day + clock.now().hour
        chart.open_member_accounts(session, story.world.community.community_id, number)


def test_accounts_of_an_earlier_day_are_compared_with_its_head(
    database: Database, sealed: Story
) -> None:
    with clock.at(SEALED_AT + timedelta(days=3)):
        _bring_one_more(database, sealed)
        sealing.seal_waiting(database)
        with database.begin() as session:
            posted = journal.post(session, sealed.world.community.community_id, _gift(sealed))
        sealing.seal_waiting(database)

    receipt = _receipt(database, sealed.auditor, posted.transaction_id)
    document = receipt_document.dump(receipt)
    early, late = (block.block_hash for block in receipt.blocks)

    assert [block.block_no for block in receipt.blocks] == [1, 3]
    assert f"head: block 1 {early.hex()}, block 3 {late.hex()}." in _check(document).sentence
    assert f"head: block 1 {early.hex()}." in _check(document, late).sentence
    assert _check(document, late, early).sentence.endswith("Agrees with the head of block 1, 3.")


def _gift(story: Story) -> Draft:
    charlie, dora = story.world.charlie, story.world.dora
    legs = (Leg(dora.points_account_id, -1), Leg(charlie.points_account_id, 1))
    return Draft("transfer", legs, SEALED_AT.date(), "gift", "system:test", "gift:1", "")


def test_a_head_of_another_book_does_not_agree(receipt: Receipt) -> None:
    document = receipt_document.dump(receipt)
    head = receipt.blocks[-1].block_hash

    assert "Compare with the published head: block 1" in _check(document).sentence
    assert "Agrees with the head of block 1." in _check(document, head).sentence
    assert "is that of no block in the document" in _check(document, bytes(32)).sentence


# ---------------------------------------------------------------- what is changed is found


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to every plain value of a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


def _others(value: Any) -> list[Any]:
    """Return values that could be put in the place of one."""
    if isinstance(value, bool):
        return [not value, int(value)]
    if isinstance(value, int):
        return [value + 1, -value - 1, str(value), float(value), 2**63, None]
    if isinstance(value, str):
        last = {"0": "1"}.get(value[-1:], "0")
        return [value + "0", value[:-1] + last, value.upper() + "A", "", None, 7]
    return ["", 0, "2026-11-09", "2026-11-09T00:00:00.000000+00:00", str(new_id())]


def _is_taken(document: Any) -> bool:
    try:
        return _check(document).is_valid
    except NotAReceipt:
        return False


def test_no_value_can_be_changed(receipt: Receipt) -> None:
    document = receipt_document.dump(receipt)
    assert _is_taken(document)
    passed = []
    for path in _leaves(document):
        for other in _others(_at(document, path)):
            changed = deepcopy(document)
            _at(changed, path[:-1])[path[-1]] = other
            if _is_taken(changed) and other != _at(document, path):
                passed.append((path, other))

    assert passed == []


def test_no_entry_of_a_list_can_be_dropped_doubled_or_moved(receipt: Receipt) -> None:
    document = receipt_document.dump(receipt)
    lists = [("transaction", "legs"), ("accounts",), ("transaction", "place", "path"), ("blocks",)]
    passed = []
    for path in lists:
        entries = _at(document, path)
        for other in (entries[1:], entries[:-1], [*entries, entries[0]], entries[::-1]):
            changed = deepcopy(document)
            _at(changed, path[:-1])[path[-1]] = other
            if other != entries and path != ("accounts",) and _is_taken(changed):
                passed.append(path)
            if path == ("accounts",) and len(other) != len(entries) and _is_taken(changed):
                passed.append(path)

    assert passed == []


def test_another_account_cannot_be_put_in_its_place(database: Database, sealed: Story) -> None:
    documents = [
        receipt_document.dump(_receipt(database, sealed.auditor, transaction_id))
        for transaction_id in _transactions(database, "service")[:2]
    ]
    one, other = documents
    one["accounts"] = other["accounts"]

    assert _check(one).sentence == "Not valid: the accounts are not those of the legs."


NO_RECEIPTS = {
    "empty": b"",
    "no JSON": b"points",
    "half": b'{"format": "timebank-receipt-1", ',
    "a list": b"[]",
    "a number": b"1" * 5_000,
    "another document": b'{"format": "other"}',
    "no fields": b'{"format": "timebank-receipt-1"}',
    "too deep": b"[" * 100_000,
    "no UTF-8": b'{"format": "\xff"}',
    "NUL": b"\x00" * 10,
    "a field twice": b'{"format": "x", "format": "timebank-receipt-1"}',
}


@pytest.mark.parametrize("name", NO_RECEIPTS)
def test_what_is_no_receipt_is_said_to_be_none(name: str) -> None:
    with pytest.raises(NotAReceipt):
        receipt_document.read(NO_RECEIPTS[name])


def test_a_field_too_many_and_half_a_character_are_no_receipt(receipt: Receipt) -> None:
    for part, name, value in (
        (("transaction",), "person", "Alice"),
        (("transaction",), "narration", "\ud800"),
        (("transaction", "place"), "path", "00" * 32),
        (("accounts", 0), "name", "Alice"),
        (("blocks", 0), "note", ""),
        ((), "note", ""),
        ((), "blocks", [[]]),
    ):
        document = receipt_document.dump(receipt)
        _at(document, part)[name] = value

        with pytest.raises(NotAReceipt):
            _check(document)


# ---------------------------------------------------------------- who may have it


def test_what_is_not_sealed_yet_has_no_receipt(database: Database, story: Story) -> None:
    with pytest.raises(NotSealedYet):
        _receipt(database, story.auditor, _transactions(database)[0])


def test_a_member_has_the_receipts_of_their_own_accounts(database: Database, sealed: Story) -> None:
    world = sealed.world
    (transaction_id,) = _transactions(database, "donation")[1:]  # Dora exchanged hats for points

    own = _receipt(database, world.actor(world.dora, Role.VOLUNTEER), transaction_id)

    assert _check(receipt_document.dump(own)).is_valid
    with pytest.raises(UnknownTransaction):
        _receipt(database, world.actor(world.charlie, Role.VOLUNTEER), transaction_id)


def test_a_clerk_has_the_receipts_of_the_counter_alone(database: Database, sealed: Story) -> None:
    clerk = sealed.world.actor(sealed.world.bob, Role.CLERK)

    for kind in ("redemption", "reversal"):
        receipt = _receipt(database, clerk, _transactions(database, kind)[-1])
        assert _check(receipt_document.dump(receipt)).is_valid
    with pytest.raises(UnknownTransaction):
        _receipt(database, clerk, _transactions(database, "service")[0])


def test_another_communitys_transactions_are_not_there(database: Database, sealed: Story) -> None:
    with database.begin() as session:
        stranger = make_member(session, make_community(session, code="Z"), "庄", Role.AUDITOR)
    auditor = Actor(stranger.community_id, stranger.id, frozenset({Role.AUDITOR}))

    for transaction_id in (_transactions(database)[0], new_id()):
        with pytest.raises(UnknownTransaction):
            _receipt(database, auditor, transaction_id)
