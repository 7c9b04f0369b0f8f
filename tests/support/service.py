"""The service inside the test's process: its database, connected and closed again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.config import Settings
from app.models import close_db, init_db
from bilayer.runtime import Database


def settings_for(database_url: str, folder: Path, **further: Any) -> Settings:
    """Return settings for a test: this database, a folder of its own, and others."""
    return Settings(database_url=SecretStr(database_url), data_dir=folder, **further)


@contextmanager
def connected(settings: Settings) -> Iterator[Database]:
    """Make a database the one of this process until the block ends."""
    close_db()
    try:
        yield init_db(settings)
    finally:
        close_db()
