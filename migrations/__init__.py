"""The history of the tables: Alembic versions, the only way in which tables are made or changed."""
