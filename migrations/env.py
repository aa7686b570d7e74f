"""How Alembic reaches the book: through the connection it is given, else through the settings."""

from alembic import context
from sqlalchemy import Connection

from ledger.database import Database
from timebank.settings import read_settings
from timebank.tables import Base


def _migrate(connection: Connection) -> None:
    """Run the versions inside one transaction: a failed upgrade leaves the book as it was."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        transactional_ddl=True,
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
