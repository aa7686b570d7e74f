"""Closes tables as history: what is written in them stays, whoever asks, the owner included.

Words: a table is *kept* when no row may go or be written over; it is *closed* when, besides, no row
may change. Every key is named without `community_id`, with which all of them begin.

A book compares its guards with those that the migrations made, and the migrations of old books ran
long ago. So a released migration has to go on making the same guards: a change of what these
functions write is a new function beside them, for new migrations only.

PostgreSQL: one shared function refuses. SQLite: each table has triggers of its own; a REPLACE in a
session without `recursive_triggers` drops the old row in silence, so an INSERT over a row that
stands is refused before it gets there.
"""

from alembic import op

Key = tuple[str, ...]

_FUNCTION = """
CREATE FUNCTION history_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history: rows of % are kept as they are', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""


def make_refusal() -> None:
    """Make what refuses, once, before the first table is closed; SQLite needs nothing."""
    if _is_postgresql():
        op.execute(_FUNCTION)


def drop_refusal() -> None:
    """Drop what refuses, once, after the last closed table was dropped."""
    if _is_postgresql():
        op.execute("DROP FUNCTION history_is_kept()")


def close(table: str, *keys: Key) -> None:
    """Refuse every change of a row, and what `keep` refuses.

    Args:
        table: a table that stands.
        keys: its primary key and every unique key, each without `community_id`.
    """
    _refuse(table, "UPDATE")
    keep(table, *keys)


def keep(table: str, *keys: Key) -> None:
    """Refuse that a row goes or is written over; what may change in it is the caller's to guard.

    Args:
        table: a table that stands.
        keys: its primary key and every unique key, each without `community_id`.
    """
    _refuse(table, "DELETE")
    if _is_postgresql():
        _refuse(table, "TRUNCATE", each="STATEMENT")
    else:
        standing = " OR ".join(_stands(table, key) for key in keys)
        _refuse(table, "INSERT", condition=standing)


def _refuse(table: str, event: str, *, each: str = "ROW", condition: str = "") -> None:
    """Refuse an event, on SQLite only under the condition where one is given."""
    head = f"CREATE TRIGGER {table}_refuses_{event.lower()} BEFORE {event} ON {table}"
    if _is_postgresql():
        op.execute(f"{head} FOR EACH {each} EXECUTE FUNCTION history_is_kept()")
        return
    when = f" WHEN {condition}" if condition else ""
    message = f"history: rows of {table} are kept as they are"
    op.execute(f"{head}{when} BEGIN SELECT RAISE(ABORT, '{message}'); END")


def _stands(table: str, key: Key) -> str:
    same = " AND ".join(f"{column} = NEW.{column}" for column in ("community_id", *key))
    return f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608  # names of ours


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
