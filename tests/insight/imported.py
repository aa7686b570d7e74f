"""Makers of the import's tests: a file, a book to put it into, both passes."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from ledger.database import Database
from tests.ledger.makers import NINTH
from timebank.actors import Actor
from timebank.insight import bare_books, imports
from timebank.insight.file_lines import RefusedLine
from timebank.insight.import_items import Transfers
from timebank.insight.imports import FileRefused, Imported, Source

HEADER = "key,occurred_on,kind,account,amount,narration"


@dataclass
class Importing:
    """A database, the book in it, and a folder for files."""

    database: Database
    community_id: UUID
    folder: Path
    refused: list[RefusedLine] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        return Actor.system(self.community_id, "test")

    def transactions(self, *lines: str) -> Imported:
        return self.run(Source(self.written("\n".join((HEADER, *lines, "")).encode())))

    def transfers(self, content: bytes) -> Imported:
        return self.run(self.source(content))

    def source(self, content: bytes, decimal_places: int = 3) -> Source:
        how = Transfers("SRF", NINTH, "transfers:check")
        return Source(self.written(content), how, decimal_places)

    def written(self, content: bytes) -> Path:
        path = self.folder / "import"
        path.write_bytes(content)
        return path

    def run(self, source: Source) -> Imported:
        with self.database.reading() as session:
            checked = imports.check(
                session, self.actor, source, self.refused.append, lambda _done, _total: None
            )
        with self.database.begin() as session:
            return imports.post(session, self.actor, source, checked, lambda _done, _total: None)

    def refusals(self, source: Source) -> list[tuple[int, str, str]]:
        """Return line, column and code of everything that is refused."""
        try:
            self.run(source)
        except FileRefused:
            return [refused[:3] for refused in self.refused]
        return []


def bare_book(database: Database, folder: Path, name: str = "Sarafu") -> Importing:
    with database.begin() as session:
        found = bare_books.found_book(session, name=name)
    return Importing(database, found.community_id, folder)
