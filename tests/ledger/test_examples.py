"""The examples of docs/ledger.md are what both databases post."""

from ledger.database import Database
from ledger.schema import TransactionKind
from tests.ledger.examples import BEGIN, DOCUMENT, filled, tables


def test_the_examples_of_the_document_are_real(database: Database) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert filled(text, tables(database)) == text


def test_every_kind_of_transaction_has_an_example() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    kinds = set(TransactionKind) - {TransactionKind.TRANSFER}  # the word of imports and gifts

    assert [kind for kind in kinds if BEGIN.format(kind) not in text] == []
