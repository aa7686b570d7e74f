"""What the PostgreSQL application role may do.

It reads the ledger, calls its door, and works on all other tables.

Run by the owner of the tables after every migration. A role that has these rights and no others
cannot write a ledger table by any statement of its own.
"""

import sqlalchemy as sa

DOOR = (
    *("ledger_post", "ledger_post_many", "ledger_place_hold", "ledger_resolve_hold"),
    *("ledger_open_account", "ledger_act", "ledger_seal"),
)
"""The functions that the application role may call."""

_LEDGER = "ledger\\_%"
_HISTORY = "alembic_version"


def apply(connection: sa.Connection, role: str) -> None:
    """Give the application role exactly its rights on every table; make the role if absent.

    Args:
        connection: of the owner, inside a transaction.
        role: name of the role; it signs in, owns nothing, and its password is set by the operator.
    """
    if connection.dialect.name == "sqlite":
        return  # SQLite has no roles
    quoted = connection.dialect.identifier_preparer.quote(role)
    for statement in _statements(connection, role, quoted):
        connection.exec_driver_sql(statement)


def _statements(connection: sa.Connection, role: str, quoted: str) -> list[str]:
    statements = []
    exists = connection.scalar(
        sa.text("SELECT count(*) FROM pg_roles WHERE rolname = :role"), {"role": role}
    )
    if not exists:
        statements.append(f"CREATE ROLE {quoted} LOGIN")
    statements += [
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quoted}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {quoted}",
        f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {quoted}",
        f"GRANT EXECUTE ON FUNCTION {', '.join(DOOR)} TO {quoted}",
    ]
    for table in _tables_outside_the_ledger(connection):
        statements.append(f"GRANT INSERT, UPDATE, DELETE ON {table} TO {quoted}")
    return statements


def _tables_outside_the_ledger(connection: sa.Connection) -> list[str]:
    """Return the quoted names of the tables that the areas own."""
    return list(
        connection.scalars(
            sa.text(
                "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename NOT LIKE :ledger AND tablename <> :history ORDER BY 1"
            ),
            {"ledger": _LEDGER, "history": _HISTORY},
        )
    )
