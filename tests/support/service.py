"""The service inside the test's process: its database, connected and closed again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from app.config import Settings
from app.models import close_db, init_db
from bilayer.runtime import Database


def settings_for(database_url: str, folder: Path) -> Settings:
    """Return settings for a test: this database, and a folder of its own."""
    return Settings(database_url=SecretStr(database_url), data_dir=folder)


@contextmanager
def connected(settings: Settings) -> Iterator[Database]:
    """Make a database the one of this process until the block ends."""
    close_db()
    try:
        yield init_db(settings)
    finally:
        close_db()
