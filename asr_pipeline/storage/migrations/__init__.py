"""Alembic's migrations, shipped with the program. `HEAD` is the newest, so that being up to date costs one query."""

HEAD = "0007"
