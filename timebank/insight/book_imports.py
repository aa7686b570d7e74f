"""Import of a whole book: the file of an export becomes the same book, to the last hash.

Everything goes through the door, which checks it again: ids, moments and hashes are those of the
file, blocks are sealed as they were. Words: what is *early* came before something that it needs,
since the sealed order is not always the order in which things happened; it is put back, and tried
again after what comes next.

Invariant: all of it or nothing, in one database transaction; nothing is taken on trust, every hash
is computed anew, and the whole book is verified before it is kept.
"""

import json
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import verification
from ledger.errors import N_, Invalid, Refusal, Refused
from ledger.hashing import account_hash, act_hash, content_hash, request_hash
from ledger.records import Block
from ledger.schema import Account
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.insight import bare_books, book_file
from timebank.insight.book_file import LINE_BYTES_MAX, Document, Item
from timebank.insight.book_writing import Writing
from timebank.insight.file_lines import Advance, FileReading
from timebank.insight.models import FileImport, ImportKind

NAME: Final = "import_book"


class BookFileInvalid(Invalid):
    """The file is no exported book, or it was changed; nothing was imported."""

    code = "book_file_invalid"
    message = N_("Line %(line)s: %(reason)s Nothing was imported.")


class BookExists(Refused):
    """The book of the file is there already."""

    code = "book_exists"
    message = N_("The book %(book)s is in this database already.")


@dataclass(frozen=True, slots=True)
class ImportedBook:
    """What an import brought."""

    name: str
    account_count: int
    transaction_count: int
    block_count: int
    head_hash: bytes


def import_book(
    session: Session, actor: Actor, *, path: Path, name: str | None, advance: Advance
) -> ImportedBook:
    """Make the book of a file, wholly or not at all.

    Args:
        session: a write session; an exception must roll it back.
        actor: needs `ADMINISTER`.
        path: what `books.export_book` wrote, plain or gzip.
        name: what the book is called here; None takes the name of the file.
        advance: told how far the reading is.

    Raises:
        NotAllowed: `not_allowed`.
        BookExists: `book_exists`.
        BookNameTaken: `book_name_taken`.
        BookFileInvalid: `book_file_invalid`, with the line.
        OSError: the file cannot be read.
    """
    actor.require(Permission.ADMINISTER)
    reading = FileReading(path, advance, line_bytes_max=LINE_BYTES_MAX)
    reader = _Reader(session, name)
    line_number = 0
    for line in reading.lines():
        line_number = line.number
        if line.refused is not None:
            raise BookFileInvalid(line=line.number, reason=line.refused.reason)
        try:
            reader.take(line.text)
        except (BookExists, bare_books.BookNameTaken, bare_books.BookNameInvalid):
            raise
        except Refusal as refused:
            raise BookFileInvalid(line=line.number, reason=str(refused)) from refused
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"it is no line of an exported book ({error})."
            raise BookFileInvalid(line=line.number, reason=reason) from error
    return reader.finished(line_number)


class _Wrong(ValueError):
    """What a line says is not so."""


class _Reader:
    """Takes the lines in their order."""

    def __init__(self, session: Session, name: str | None) -> None:
        self._session = session
        self._name = name
        self._writing: Writing | None = None
        self._community_id = UUID(int=0)
        self._counts: Counter[str] = Counter()
        self._digest = sha256()
        self._end: Document | None = None
        self._head = b""

    def take(self, text: str) -> None:
        """Take one line."""
        if self._end is not None:
            raise _Wrong("something stands behind the end")
        ((word, document),) = json.loads(text).items()
        if word == "end":
            self._take_end(document)
            return
        self._digest.update(f"{text}\n".encode())
        self._counts[word] += 1
        if word == "book" and self._writing is None:
            self._begin(document)
        elif self._writing is None:
            raise _Wrong("it does not begin with a book")
        elif word == "block":
            self._seal(self._writing, book_file.block(self._community_id, document))
        elif word == "file_import":
            self._keep_paper(document)
        else:
            self._take_item(self._writing, word, document)

    def finished(self, line_number: int) -> ImportedBook:
        """Verify the book and return what was imported."""
        if self._end is None or self._writing is None:
            raise BookFileInvalid(line=line_number + 1, reason="the end is missing.")
        findings = verification.check_book(self._session, self._community_id).findings
        if findings:
            raise BookFileInvalid(line=line_number, reason=findings[0].message)
        return ImportedBook(
            self._name or "",
            self._counts["account"],
            self._counts["transaction"],
            self._counts["block"],
            self._head,
        )

    def _begin(self, document: Document) -> None:
        if (document["format"], document["version"]) != (book_file.FORMAT, book_file.VERSION):
            raise _Wrong("another format or version")
        self._community_id = UUID(document["community_id"])
        self._name = self._name or str(document["name"])
        stands = sa.select(Account.id).where(Account.community_id == self._community_id)
        if self._session.scalar(stands.limit(1)) is not None:
            raise BookExists(book=document["name"])
        bare_books.found_book(self._session, name=self._name, community_id=self._community_id)
        for commodity, places in document["decimals"].items():
            bare_books.settle_commodity(self._session, self._community_id, commodity, places)
        self._writing = Writing(self._session, self._community_id)
        actor = Actor.system(self._community_id, NAME)
        audit.record(self._session, actor, NAME, f"book:{self._community_id}")

    def _keep_paper(self, document: Document) -> None:
        moment = book_file.moment(document["imported_at"])
        self._session.add(
            FileImport(
                community_id=self._community_id,
                id=UUID(document["id"]),
                kind=ImportKind(document["kind"]),
                imported_at=moment,
                actor=str(document["actor"]),
                file_digest=bytes.fromhex(document["file_digest"]),
                transaction_count=int(document["transaction_count"]),
                content_digest=bytes.fromhex(document["content_digest"]),
            )
        )
        self._session.flush()

    def _take_item(self, writing: Writing, word: str, document: Document) -> None:
        item: Item
        if word == "account":
            item = book_file.account(self._community_id, document)
            expected = account_hash(item.facts)
        elif word == "act":
            item = book_file.act(self._community_id, document)
            expected = act_hash(item.facts)
        elif word == "transaction":
            item = book_file.transaction(document)
            self._counts["posting"] += len(item.draft.legs)
            request = request_hash(item.draft, item.links)
            expected = content_hash(self._community_id, item.id, item.recorded_at, request)
            if request != item.request_hash:
                raise _Wrong("its request hash is another")
        else:
            raise _Wrong(f"{word} is no part of a book")
        if expected != item.content_hash:
            raise _Wrong("its content hash is another")
        writing.take(item)

    def _seal(self, writing: Writing, block: Block) -> None:
        writing.seal(block)
        self._head = block.block_hash

    def _take_end(self, document: Document) -> None:
        if self._writing is None:
            raise _Wrong("it does not begin with a book")
        self._writing.finish()
        said = {word: document[f"{word}_count"] for word in _COUNTED}
        if said != {word: self._counts[word] for word in _COUNTED}:
            raise _Wrong(f"it counts {said}, found were {dict(self._counts)}")
        found = (self._head.hex(), self._digest.hexdigest())
        if (document["head_hash"], document["digest"]) != found:
            raise _Wrong("its head or its digest is another")
        self._end = document


_COUNTED: Final = ("account", "act", "transaction", "posting", "block")
