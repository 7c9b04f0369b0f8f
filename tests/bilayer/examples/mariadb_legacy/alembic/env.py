"""Alembic's environment."""

from alembic import context
from sqlalchemy import engine_from_config, pool
from mariadb_models import metadata

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
