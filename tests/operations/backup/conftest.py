"""A database with a row in every table, a folder for its backups, and what an operator does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import clock
from app.config import Settings
from app.health import known_revisions
from app.models import init_db, open_verbatim
from app.operations.backup.creating import Place, columns_of, create_backup
from app.operations.backup.folder import BackupFolder
from app.operations.backup.manifest import Manifest
from app.operations.backup.restoring import Destination, Restored, restore_backup
from app.operations.backup.verifying import verify_backup
from app.operations.digests import TableDigest, digest_tables
from app.usecases.backups import note
from bilayer.urls import parse_url
from tests.migrations.rows import refill
from tests.support.databases import new_database
from tests.support.run import Run
from tests.support.service import connected, settings_for

HEAD = known_revisions()[0]


@dataclass(frozen=True)
class Site:
    """An installation, connected, and what is done to it."""

    url: sa.URL
    settings: Settings
    place: Place

    def create(self) -> Manifest:
        init_db(self.settings)  # Whoever restores, or serves, closes it.
        with self.place.folder.lock():
            made = create_backup(self.url, self.place, at=clock.now(), head=HEAD)
        note(made.name, **columns_of(made))
        return made

    def verify(self, name: str, *, scratch: sa.URL | None = None, **changes: Any) -> Manifest:
        given = {"head": HEAD} | changes
        with self.place.folder.lock():
            return verify_backup(self.path(name), scratch or self.url, self.place, **given)

    def restore(self, name: str, url: str, *, head: str = HEAD, **options: Any) -> Restored:
        settings = settings_for(url, self.settings.data_dir)
        with self.place.folder.lock():
            return restore_backup(
                self.path(name),
                Destination(parse_url(url), settings),
                self.place,
                at=clock.now(),
                head=head,
                **options,
            )

    def path(self, name: str) -> Path:
        return self.place.folder.path / name


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    """An installation on each engine, with rows in every table."""
    fill(database_url)
    settings = settings_for(database_url, tmp_path)
    place = Place(BackupFolder(tmp_path / "backups"))
    with connected(settings):
        yield Site(parse_url(database_url), settings, place)


@pytest.fixture
def other_url(suite_run: Run, engine: str) -> Iterator[str]:
    """URL of an empty database beside the site's."""
    with new_database(suite_run, engine) as url:
        yield url


def fill(url: str) -> None:
    engine = sa.create_engine(parse_url(url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        refill(connection)


def digests_of(url: str | sa.URL) -> dict[str, TableDigest]:
    with open_verbatim(url) as database, database.transaction(readonly=True):
        return digest_tables(database)


def scratches_on(server: str, pid: int) -> set[str]:
    """Name the scratch databases that a process has made on a server."""
    with sa.create_engine(parse_url(server), poolclass=sa.NullPool).connect() as connection:
        if connection.dialect.name == "postgresql":
            found = connection.exec_driver_sql("SELECT datname FROM pg_database")
        else:
            found = connection.exec_driver_sql("SHOW DATABASES")
        return {
            name
            for name in found.scalars()
            if name.startswith("backup_scratch_") and f"_{pid}_" in name
        }


@contextmanager
def running_backend(
    site: Site, *words: str, after: Callable[[int], bool]
) -> Iterator[subprocess.Popen[str]]:
    """Run ``backend backup`` as a process of its own, and lend it as soon as something is so."""
    variables = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    variables |= {
        "DATABASE_URL": site.url.render_as_string(hide_password=False),
        "DATA_DIR": str(site.settings.data_dir),
        "BACKUP_DIR": str(site.place.folder.path),
    }
    command = [sys.executable, "-c", "from app.cli import main; main()", "backup", *words]
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while not after(process.pid):
                if process.poll() is not None:
                    pytest.fail(f"it ended before that: {process.communicate()}")
                time.sleep(0.005)
            yield process
        finally:
            process.kill()
