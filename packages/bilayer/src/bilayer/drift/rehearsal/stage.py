"""The scratch database a rehearsal happens in: run in it, fill it, read it, or begin it anew.

Judges nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic.config import Config

from bilayer.drift.readers.migrations import ReplayFailed
from bilayer.drift.rehearsal.catalog import Catalog, read_objects
from bilayer.drift.rehearsal.filling import Filler
from bilayer.drift.rehearsal.player import Player, Ran, Step, playing
from bilayer.drift.rehearsal.rows import Rows, read_rows
from bilayer.drift.scratch.connecting import connect
from bilayer.drift.scratch.databases import Scratch
from bilayer.urls import EngineName


class Stage:
    """One scratch database after another, each with a child that runs revisions in it."""

    def __init__(self, config: Config, scratch: Scratch) -> None:
        self._config = config
        self._scratch = scratch
        self._count = 0
        self._stack = contextlib.ExitStack()
        self._player: Player | None = None
        self._catalog: Catalog | None = None
        self._version_tables: tuple[str, ...] = ("alembic_version",)

    @property
    def engine(self) -> EngineName:
        """The engine of its databases."""
        return self._scratch.engine

    @property
    def player(self) -> Player:
        """The child of the database in use."""
        if self._player is None:
            message = "no database has been made yet"
            raise ReplayFailed(message)
        return self._player

    @property
    def steps(self) -> tuple[Step, ...]:
        """All revisions, oldest first."""
        return self.player.steps

    def close(self) -> None:
        """End the child."""
        self._stack.close()

    def rebuild(self, count: int) -> str | None:
        """Begin anew, in a database without rows, after the first revisions.

        Returns:
            Why that many cannot be run; None if they were.
        """
        self.close()
        if self._player is not None:
            # With a million rows in each, a server does not have room for them all.
            self._scratch.drop(self._player.url)
        self._count += 1
        self._catalog = None
        url = self._scratch.create(f"rehearse{self._count}")
        self._player = self._stack.enter_context(playing(self._config, url))
        return self.run([step.revision for step in self.steps[:count]]).error if count else None

    def run(self, revisions: Sequence[str], *, is_upgrade: bool = True) -> Ran:
        """Run revisions; see ``Player.run``."""
        self._catalog = None
        ran = self.player.run(revisions, is_upgrade=is_upgrade)
        self._version_tables = ran.version_tables or self._version_tables
        return ran

    def fill(self, filler: Filler, more: Sequence[str] = ()) -> dict[str, str]:
        """Put rows into every table; give the reasons of those that have none."""
        schema = self.read_catalog().schema
        with self.connected() as connection:
            return filler.fill(connection, schema, more)

    def read_catalog(self) -> Catalog:
        """Read the catalog as the last revision left it."""
        if self._catalog is None:
            with self.connected() as connection:
                self._catalog = read_objects(connection, self._version_tables)
        return self._catalog

    def read_rows(self, catalog: Catalog) -> dict[str, Rows]:
        """Read every row."""
        with self.connected() as connection:
            return read_rows(connection, catalog.schema)

    @contextlib.contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """Lend a connection of its own."""
        with connect(self.player.url).connect() as connection:
            yield connection
