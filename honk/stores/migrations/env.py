"""Run by alembic with the connection (and the transaction and lock) that ``Database`` holds."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
