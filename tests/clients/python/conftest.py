"""The service inside the test's process, on each engine, its backups, and devices that talk to it.

A backup is of what syncs, and putting it back is what an operator does: the rows, then a new epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from app import create_app
from app.db.models import metadata
from bilayer.urls import parse_url
from tests.clients.python.devices import Device
from tests.factories import make_user
from tests.support.people import person
from tests.support.service import connected, settings_for

SYNCED = [
    metadata.tables[name]
    for name in ("history", "profiles", "sync_clients", "sync_heads", "sync_mutations")
]


class Backup:
    """What a database held when this was made."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(parse_url(url), poolclass=sa.NullPool)
        with self._engine.connect() as connection:
            self._rows = {
                table: [dict(row) for row in connection.execute(table.select()).mappings()]
                for table in SYNCED
            }

    def live_history(self) -> set[str]:
        """Return the ids of the actions that were not deleted."""
        rows = self._rows[metadata.tables["history"]]
        return {str(row["id"]) for row in rows if not row["is_deleted"]}

    def put_back(self) -> None:
        """Restore it, and say so to every device."""
        epoch = {"epoch": uuid4()}
        with self._engine.begin() as connection:
            for table, rows in self._rows.items():
                connection.execute(table.delete())
                if rows:
                    connection.execute(table.insert(), rows)
            for name in ("installation", "sync_heads"):
                connection.execute(metadata.tables[name].update().values(**epoch))


class Home:
    """Somebody's devices."""

    def __init__(self, app: Any, folder: Path, closing: ExitStack) -> None:
        self.app = app
        self.user = make_user()
        self.owner = person(app.test_client(), self.user)
        self._folder = folder
        self._closing = closing

    def device(self, name: str, **options: Any) -> Device:
        """Return a device of theirs, with a store of its own."""
        device = Device(self.owner, self._folder / f"{name}.db", client_id=name, **options)
        self._closing.callback(device.close)
        return device


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Home]:
    """A new account of the service on this engine."""
    settings = settings_for(database_url, tmp_path)
    with connected(settings), ExitStack() as closing:
        yield Home(create_app(settings), tmp_path, closing)
