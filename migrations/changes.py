"""Guards of what may change: triggers of our own, written once for both databases.

Words: a *guard* refuses an event on a table under a condition about OLD and NEW. A released
migration has to go on making the same guards: a change here is a new function beside these.
"""

from alembic import op


def refuse(table: str, name: str, event: str, condition: str, message: str) -> None:
    """Refuse an event on a row under a condition.

    Args:
        table: a table that stands.
        name: last part of the trigger's name.
        event: INSERT or UPDATE.
        condition: about OLD and NEW, in words that both databases know.
        message: a sentence for whoever tried.
    """
    head = f"CREATE TRIGGER {table}_{name} BEFORE {event} ON {table}"
    if not _is_postgresql():
        op.execute(f"{head} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{table}: {message}'); END")
        return
    op.execute(
        f"CREATE FUNCTION {table}_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE EXCEPTION '{table}: {message}'"
        " USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
    )
    op.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION {table}_{name}()")


def drop_functions(*names: str) -> None:
    """Drop what the guards of dropped tables called; SQLite has nothing to drop."""
    if _is_postgresql():
        for name in names:
            op.execute(f"DROP FUNCTION {name}()")


def same(*columns: str) -> str:
    """Return the condition that an update leaves the columns as they are."""
    word = "IS NOT DISTINCT FROM" if _is_postgresql() else "IS"
    return " AND ".join(f"OLD.{column} {word} NEW.{column}" for column in columns)


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
