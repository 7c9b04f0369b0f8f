"""Tell Alembic which schema and which database; how it migrates them is ``bilayer.migrate``'s."""

from alembic import context

from app.config import get_settings
from app.db.models import metadata
from bilayer.migrate import run_env

run_env(context, metadata, default_url=lambda: get_settings().migration_url)
