"""Looks whether the guards are there and kept: triggers, functions, constraints, grants, keys."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import doors
from ledger.base import is_made_on
from ledger.schema import ledger_tables

Fault = tuple[str, str, str]
"""Code, subject, sentence."""

_ROW_GUARDED = ("account", "transaction", "posting", "balance", "act", "seal_block", "seal_item")
_TRIGGERS = """
SELECT t.tgname || ' on ' || c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE NOT t.tgisinternal AND t.tgenabled = 'O' AND c.relname LIKE 'ledger\\_%'
   AND c.relnamespace = CAST('public' AS regnamespace)
"""
_FUNCTIONS = """
SELECT proname, prosrc FROM pg_proc
 WHERE pronamespace = CAST('public' AS regnamespace) AND proname LIKE 'ledger\\_%'
"""
_CONSTRAINTS = """
SELECT conname FROM pg_constraint
 WHERE convalidated AND connamespace = CAST('public' AS regnamespace)
UNION SELECT c.relname
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indisvalid AND c.relnamespace = CAST('public' AS regnamespace)
"""
_GRANTS = """
SELECT DISTINCT grantee || ' may ' || lower(privilege_type) || ' ' || table_name
  FROM information_schema.role_table_grants
 WHERE table_schema = 'public' AND table_name LIKE 'ledger\\_%'
   AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
   AND grantee <> (SELECT tableowner FROM pg_tables
                    WHERE schemaname = 'public' AND tablename = 'ledger_posting')
"""


def faults(session: Session) -> Iterator[Fault]:
    """Give every guard of the door that is missing, changed or switched off."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        yield from _sqlite_faults(connection)
        return
    triggers = set(_words(connection, _TRIGGERS))
    for name in sorted(set(_expected_triggers()) - triggers):
        yield "trigger_missing", name, "The trigger is missing or switched off."
    functions = {row.proname: row.prosrc for row in connection.execute(sa.text(_FUNCTIONS))}
    for name, body in doors.postgresql_functions().items():
        if functions.get(name) != body:
            yield "function_changed", name, "The function is missing or was changed."
    constraints = set(_words(connection, _CONSTRAINTS))
    for name in sorted(set(_expected_constraints("postgresql")) - constraints):
        yield "constraint_missing", name, "The constraint or index is missing."
    for grant in _words(connection, _GRANTS):
        yield "grant_too_wide", grant, "Only the posting functions may write the ledger."


def _words(connection: sa.Connection, query: str) -> Iterator[str]:
    yield from connection.execute(sa.text(query)).scalars()


def _sqlite_faults(connection: sa.Connection) -> Iterator[Fault]:
    stored = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").all()
    triggers = {name: sql for kind, name, sql in stored if kind == "trigger"}
    for statement in doors.sqlite_statements():
        name = statement.split()[2]
        if triggers.get(name) != statement:
            yield "trigger_missing", name, "The trigger is missing or was changed."
    everything = "\n".join(sql or "" for _, _, sql in stored)
    for name in _expected_constraints("sqlite"):
        if name not in everything:
            yield "constraint_missing", name, "The constraint or index is missing."
    # PostgreSQL lets no reference lead nowhere; SQLite does, for whoever opens the file without the
    # pragma.
    for table, row_number, target, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield (
            "reference_dangling",
            f"{table}:{row_number}",
            f"Row {row_number} of {table} refers to a row of {target} that is not there.",
        )


def _expected_triggers() -> Iterator[str]:
    for table in ledger_tables():
        yield f"ledger_door on {table.name}"
        yield f"ledger_whole on {table.name}"
    for name in _ROW_GUARDED:
        yield f"ledger_append_only on ledger_{name}"


def _expected_constraints(dialect_name: str) -> Iterator[str]:
    for table in ledger_tables():
        for item in [*table.constraints, *table.indexes]:
            if item.name is not None and is_made_on(item, dialect_name):
                yield str(item.name)
