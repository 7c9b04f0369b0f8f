"""Tell Alembic which schema and which database; how it migrates them is ``bilayer.migrate``'s."""

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError

from app.config import SettingsError, get_settings
from app.db.models import metadata
from bilayer.migrate import run_env


def _url_of_the_settings() -> sa.URL:
    try:
        return get_settings().migration_url
    except SettingsError as error:
        raise CommandError(str(error)) from error


run_env(context, metadata, default_url=_url_of_the_settings)
