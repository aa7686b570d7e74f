"""The guards of every area, compared with a list of digests that the migrations gave.

Words: a *guard* is a trigger (on SQLite also a table with its checks, or an index); its *digest* is
taken of its definition. The list, `guards.json`, is made from freshly migrated databases by `make
reference`; after a migration without a new list every book has findings, so a test fails.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.findings import Finding

PATH: Final = Path(__file__).with_name("guards.json")

_SQLITE = """
SELECT type, name, sql FROM sqlite_master
 WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'alembic_version'
"""
_POSTGRESQL = """
SELECT 'trigger', c.relname || '.' || t.tgname,
       concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid), p.prosrc)
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
 WHERE NOT t.tgisinternal AND c.relnamespace = CAST('public' AS regnamespace)
"""


def digests(connection: sa.Connection) -> dict[str, str]:
    """Return the digest of every guard of a database by its kind and name."""
    query = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    return {
        f"{kind} {name}": hashlib.sha256(" ".join(definition.split()).encode()).hexdigest()
        for kind, name, definition in connection.execute(sa.text(query))
    }


def guards_are_unchanged(session: Session) -> Iterator[Finding]:
    """Every guard is there as it was made, and no trigger is there that nobody knows."""
    connection = session.connection()
    expected: dict[str, str] = json.loads(PATH.read_text("utf-8"))[connection.dialect.name]
    found = digests(connection)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            yield Finding("guard_missing", name, "It is not there.")
        elif name in expected and found[name] != expected[name]:
            yield Finding("guard_changed", name, "It is not what the migrations made.")
        elif name not in expected and name.startswith("trigger "):
            yield Finding("guard_unknown", name, "No migration made this trigger.")
