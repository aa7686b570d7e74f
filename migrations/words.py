"""Changes the CHECKs of a table that stands, such as the list of the words of a column.

PostgreSQL drops the CHECK and makes it anew. SQLite knows no such statement: the table is made
again beside the old one with the changed text, its rows carried over, its indexes and triggers made
anew. Other tables may refer to it: `migrations.run` lets foreign keys wait until all is done.
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

    remake(table, say_new)


def add_check(table: str, name: str, condition: str) -> None:
    """Give a table a CHECK more, `ck_<table>_<name>`."""
    if op.get_bind().dialect.name == "postgresql":
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
        return

    def with_check(body: str) -> str:
        head, bracket, tail = body.rpartition(")")
        return f"{head}, CONSTRAINT ck_{table}_{name} CHECK ({condition}){bracket}{tail}"

    remake(table, with_check)


def drop_check(table: str, name: str, condition: str) -> None:
    """Take away a CHECK that `add_check` gave; on SQLite as it was written then."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
        return
    written = f", CONSTRAINT ck_{table}_{name} CHECK ({condition})"
    remake(table, lambda body: body.replace(written, ""))


def remake(table: str, change: Callable[[str], str]) -> None:
    """Make a table of SQLite again beside the old one, as its changed text says, with all its rows.

    Args:
        table: whose columns stay as they are, in their order.
        change: gives the new text of CREATE TABLE for the present one.
    """
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
    # Triggers of other tables name this one: they are left as they are while it is away.
    op.execute("PRAGMA legacy_alter_table = ON")
    op.rename_table(f"{table}_new", table)
    op.execute("PRAGMA legacy_alter_table = OFF")
    for statement in made.values():
        op.execute(statement)


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

    remake(table, with_words)


def _listed(column: str, words: list[str]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def add_constraint(table: str, name: str, rule: str) -> None:
    """Give a table a constraint of any kind more.

    Args:
        table: a table that stands.
        name: the whole name.
        rule: as SQL says it, such as `UNIQUE (community_id, nonce)`.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule}")
        return

    def with_rule(body: str) -> str:
        head, bracket, tail = body.rpartition(")")
        return f"{head}, CONSTRAINT {name} {rule}{bracket}{tail}"

    remake(table, with_rule)


def drop_constraint(table: str, name: str, rule: str) -> None:
    """Take away a constraint of any kind; on SQLite as it was written then."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f(name), table)
        return
    pattern = re.compile(rf",\s*CONSTRAINT {name} {re.escape(rule)}")

    def without_rule(body: str) -> str:
        assert len(pattern.findall(body)) == 1, f"{table} has a constraint {name} {rule}"
        return pattern.sub("", body)

    remake(table, without_rule)


def set_nullable(table: str, columns: tuple[str, ...], *, is_nullable: bool) -> None:
    """Let columns of a table be empty, or no more."""
    if op.get_bind().dialect.name == "postgresql":
        for column in columns:
            op.alter_column(table, column, nullable=is_nullable)
        return

    def with_columns(body: str) -> str:
        for column in columns:
            filled, empty = rf"(\b{column} \w+) NOT NULL", rf"(\b{column} \w+)(?=\s*,)"
            pattern, text = (filled, r"\1") if is_nullable else (empty, r"\1 NOT NULL")
            body, count = re.subn(pattern, text, body)
            assert count == 1, f"{table} has one column {column}"
        return body

    remake(table, with_columns)
