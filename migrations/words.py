"""Adds words to the CHECK of a column that holds one of a list, such as a new kind of message.

PostgreSQL drops the CHECK and makes it anew. SQLite knows no such statement: the table is made
again beside the old one with the longer list, its rows carried over, its indexes and triggers made
anew. So only a table that no other refers to can be widened.
"""

import re
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

Change = Callable[[list[str]], list[str]]


def add_words(table: str, column: str, words: tuple[str, ...]) -> None:
    """Let a column hold further words.

    Args:
        table: whose CHECK `ck_<table>_<column>` lists the words.
        column: the column, named like its list.
        words: those not listed yet.
    """
    _rewrite(table, column, lambda known: [*known, *(each for each in words if each not in known)])


def take_words(table: str, column: str, words: tuple[str, ...]) -> None:
    """Take words away again, with the rows that hold them."""
    listed = ", ".join(repr(word) for word in words)
    op.execute(f"DELETE FROM {table} WHERE {column} IN ({listed})")  # noqa: S608  # names of ours
    _rewrite(table, column, lambda known: [each for each in known if each not in words])


def rewrite_check(table: str, name: str, old: str, new: str) -> None:
    """Let another CHECK of a table say something else.

    Args:
        table: whose CHECK `ck_<table>_<name>` it is.
        name: its name.
        old: what it says now, to the letter.
        new: what it is to say.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, new)
        return

    def say_new(body: str) -> str:
        assert body.count(old) == 1, f"{table} has a CHECK that says {old}"
        return body.replace(old, new)

    _remake(table, say_new)


def _rewrite(table: str, column: str, change: Change) -> None:
    if op.get_bind().dialect.name == "postgresql":
        _on_postgresql(table, column, change)
    else:
        _on_sqlite(table, column, change)


def _on_postgresql(table: str, column: str, change: Change) -> None:
    name = f"ck_{table}_{column}"
    made = op.get_bind().scalar(
        sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"),
        {"name": name},
    )
    words = change(re.findall(r"'([a-z_]+)'", str(made)))
    op.drop_constraint(name, table)
    op.create_check_constraint(op.f(name), table, _listed(column, words))


def _on_sqlite(table: str, column: str, change: Change) -> None:
    pattern = re.compile(rf"{column} IN \(([^)]*)\)")

    def with_words(body: str) -> str:
        found = pattern.search(body)
        assert found, f"{table} has a CHECK of the words of {column}"
        words = change(re.findall(r"'([a-z_]+)'", found[1]))
        return pattern.sub(_listed(column, words), body, count=1)

    _remake(table, with_words)


def _remake(table: str, change: Callable[[str], str]) -> None:
    """Make a table again beside the old one, as its changed text says, with all its rows."""
    bind = op.get_bind()
    made: dict[str, str] = dict(
        bind.execute(
            sa.text(
                "SELECT name, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL"
            ),
            {"table": table},
        ).all()
    )
    body = change(made.pop(table))
    fresh = re.sub(rf'CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_new", body, count=1)
    op.execute(fresh)
    op.execute(f"INSERT INTO {table}_new SELECT * FROM {table}")  # noqa: S608  # names of ours
    op.drop_table(table)
    op.rename_table(f"{table}_new", table)
    for statement in made.values():
        op.execute(statement)


def _listed(column: str, words: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"
