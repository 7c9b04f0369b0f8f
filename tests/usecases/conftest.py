"""The database of this process, on each engine in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bilayer.runtime import Database
from tests.support.service import connected, settings_for


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """The service's database: migrated, empty, connected."""
    with connected(settings_for(database_url, tmp_path)) as database:
        yield database
