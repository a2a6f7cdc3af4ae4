"""Runs migrations on the connection that registry.storage.database hands over."""

from alembic import context
from sqlmodel import SQLModel

from registry.storage import tables  # noqa: F401 - importing registers the tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
