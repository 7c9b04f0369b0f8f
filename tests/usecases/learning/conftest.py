"""What keeps the rows of learning in these tests: each store in turn, on each engine in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.usecases.learning.current import current_store, use_store
from app.usecases.learning.store import Store
from app.usecases.learning.stores.database import DatabaseStore
from app.usecases.learning.stores.dual import DualStore
from app.usecases.learning.stores.files import FilesStore
from bilayer.runtime import Database

MODES = ("database", "dual", "json")


def make_store(mode: str, folder: Path) -> Store:
    """Return the store of a mode, with nothing in it."""
    if mode == "database":
        return DatabaseStore()
    return DualStore(folder) if mode == "dual" else FilesStore(folder)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Return the word of ``STORAGE_MODE``."""
    return str(request.param)


@pytest.fixture
def store(mode: str, database: Database, tmp_path: Path) -> Iterator[Store]:
    """Let the use cases use a store with nothing in it, beside a database with nothing in it."""
    before = current_store()
    use_store(make_store(mode, tmp_path / "learning"))
    yield current_store()
    use_store(before)
