"""The env.py of `alembic init`, shortened."""

from alembic import context
from sqlalchemy import engine_from_config
from traps_models import metadata  # type: ignore[import-not-found]  # found by prepend_sys_path

config = context.config
section = config.get_section(config.config_ini_section) or {}
with engine_from_config(section).connect() as connection:
    context.configure(connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
