"""How Alembic reaches the book: through the connection it is given, else through the settings."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, Constraint, Index

from ledger import columns
from ledger.base import is_made_on
from ledger.database import Database
from timebank.settings import read_settings
from timebank.tables import Base

_ALIASES = ("Minor", "Count", "Digest", "Text")


def _render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write a column type of ours by its own name, so that a version reads like the models do."""
    if kind != "type":
        return False
    autogen.imports.add("from ledger import columns")
    if isinstance(item, columns.States):
        return f"columns.States({item.name!r}, {item.values!r})"
    if type(item).__module__ == columns.__name__:
        return f"columns.{type(item).__name__}()"
    for alias in _ALIASES:
        ours = getattr(columns, alias)
        if (
            repr(item) == repr(ours)
            and item._variant_mapping.keys() == ours._variant_mapping.keys()
        ):
            return f"columns.{alias}"
    return False


def _is_compared(item: Any, *_: Any) -> bool:
    """Leave out what the models make on the other database only; Alembic does not ask."""
    is_guard = isinstance(item, Constraint | Index)
    return not is_guard or is_made_on(item, context.get_context().dialect.name)


def _migrate(connection: Connection) -> None:
    """Run the versions inside one transaction: a failed upgrade leaves the book as it was."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        transactional_ddl=True,
        render_item=_render,
        include_object=_is_compared,
    )
    with context.begin_transaction():
        context.run_migrations()


def _main() -> None:
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    with Database(read_settings().database_url).engine.connect() as connection:
        _migrate(connection)


_main()
