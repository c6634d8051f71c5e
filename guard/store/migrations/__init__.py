"""Alembic migrations of the store and the log."""
