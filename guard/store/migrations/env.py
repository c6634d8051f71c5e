"""Alembic's entry: always over a connection that the program hands in."""

from alembic import context

from guard.store.migrating import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    # SQLite changes a table by copying it; PostgreSQL is not affected.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
