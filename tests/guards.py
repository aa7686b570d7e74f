"""Writes timebank/insight/guards.json from freshly migrated databases.

Run as a program (`make reference`) after a migration was added; a whole book with an old list has
findings, which fails the tests of verification.
"""

import json
import tempfile

from ledger.database import Database
from migrations import run as migrations
from tests.servers import OWNER, postgresql
from timebank.insight import guards


def _digests(url: str) -> dict[str, str]:
    migrations.upgrade(url)
    database = Database(url)
    with database.engine.connect() as connection:
        found = guards.digests(connection)
    database.dispose()
    return found


def main() -> None:
    """Write the list for both databases."""
    with tempfile.TemporaryDirectory() as folder, postgresql() as server:
        lists = {
            "postgresql": _digests(server.url(server.create(), OWNER)),
            "sqlite": _digests(f"sqlite:///{folder}/book.sqlite3"),
        }
    text = json.dumps(lists, indent=1, sort_keys=True, ensure_ascii=False)
    guards.PATH.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
