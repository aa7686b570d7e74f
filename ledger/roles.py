"""What the PostgreSQL application role may do.

It reads the ledger, calls its door, and works on all other tables.

Run by the owner of the tables after every migration. A role that has these rights and no others
cannot write a ledger table by any statement of its own.
"""

from typing import Final

import sqlalchemy as sa

DOOR = (
    *("ledger_post", "ledger_post_many", "ledger_place_hold", "ledger_resolve_hold"),
    *("ledger_open_account", "ledger_act", "ledger_seal"),
)
"""The functions that the application role may call."""

_LEDGER = "ledger\\_%"
_HISTORY = "alembic_version"

_ATTRIBUTES: Final = """
SELECT 'it is a superuser' WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
UNION ALL SELECT 'it may create roles'
 WHERE (SELECT rolcreaterole AND NOT rolsuper FROM pg_roles WHERE rolname = current_user)
"""
_OWNERSHIP: Final = """
SELECT DISTINCT 'it acts for the owner of ' || tablename FROM pg_tables
 WHERE schemaname = 'public' AND tablename LIKE 'ledger\\_%'
   AND pg_has_role(current_user, tableowner, 'MEMBER') ORDER BY 1
"""
_WRITES: Final = """
SELECT 'it may ' || lower(p.word) || ' ' || c.relname
  FROM pg_class c CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER'])
       AS p (word)
 WHERE c.relnamespace = CAST('public' AS regnamespace) AND c.relkind = 'r'
   AND c.relname LIKE 'ledger\\_%'
   AND (has_table_privilege(current_user, c.oid, p.word)
        OR p.word IN ('INSERT', 'UPDATE')
           AND has_any_column_privilege(current_user, c.oid, p.word))
 ORDER BY 1
"""
_CALLS: Final = """
SELECT 'it may call ' || proname FROM pg_proc
 WHERE pronamespace = CAST('public' AS regnamespace) AND proname LIKE 'ledger\\_%'
   AND proname <> ALL (:door) AND has_function_privilege(current_user, oid, 'EXECUTE') ORDER BY 1
"""
_SCHEMA: Final = """
SELECT 'it may create in the schema public'
 WHERE has_schema_privilege(current_user, 'public', 'CREATE')
"""


def apply(connection: sa.Connection, role: str) -> None:
    """Give the application role exactly its rights on every table; make the role if absent.

    Args:
        connection: of the owner, inside a transaction.
        role: name of the role; it signs in, owns nothing, and its password is set by the operator.
    """
    if connection.dialect.name == "sqlite":
        return  # SQLite has no roles
    for statement in statements(connection, role):
        connection.exec_driver_sql(statement)


def statements(connection: sa.Connection, role: str) -> list[str]:
    """Return the SQL that gives the application role exactly its rights.

    Args:
        connection: to the migrated PostgreSQL database; only read.
        role: name of the role.
    """
    quoted = connection.dialect.identifier_preparer.quote(role)
    exists = connection.scalar(
        sa.text("SELECT count(*) FROM pg_roles WHERE rolname = :role"), {"role": role}
    )
    return [
        *([] if exists else [f"CREATE ROLE {quoted} LOGIN"]),
        # Up to PostgreSQL 14 everybody may create in the schema public.
        f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {quoted}",
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quoted}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {quoted}",
        f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {quoted}",
        f"GRANT EXECUTE ON FUNCTION {', '.join(DOOR)} TO {quoted}",
        *(
            f"GRANT INSERT, UPDATE, DELETE ON {table} TO {quoted}"
            for table in _tables_outside_the_ledger(connection)
        ),
    ]


def excess(connection: sa.Connection) -> list[str]:
    """Return what the connected role could do with the ledger beyond its door, in half-sentences.

    Args:
        connection: of the application; SQLite has no roles, so nothing is in excess there.
    """
    if connection.dialect.name == "sqlite":
        return []
    found = [*connection.scalars(sa.text(_ATTRIBUTES)), *connection.scalars(sa.text(_OWNERSHIP))]
    if found:  # the rest follows from it
        return found
    return [
        *connection.scalars(sa.text(_WRITES)),
        *connection.scalars(sa.text(_CALLS), {"door": list(DOOR)}),
        *connection.scalars(sa.text(_SCHEMA)),
    ]


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
