"""Alembic's environment."""

from alembic import context
from links_models import Base
from sqlalchemy import engine_from_config, pool

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
