"""Scratch databases: empty, on the engine in question, and gone afterwards whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bilayer.drift.live import first_line
from bilayer.drift.remedies import SCRATCH, with_remedy
from bilayer.drift.scratch.folder import ScratchFolder
from bilayer.drift.scratch.server import ScratchServer
from bilayer.drift.scratch.signals import Signals, unwinding
from bilayer.errors import BilayerError
from bilayer.urls import EngineName, engine_name, parse_url

_FOLDER: Final = "no scratch databases can be made in the folder for temporary files"


class ScratchUnavailable(BilayerError):
    """No scratch database can be made: no server was named for it, or it refused."""


@contextlib.contextmanager
def scratch_databases(engine: EngineName, server: sa.URL | None) -> Iterator[Scratch]:
    """Give out empty databases; drop them at the end, after an error and a signal too.

    Args:
        engine: The engine they are to be on. SQLite's are temporary files.
        server: Where a server engine's are made; any database of that server will do.
    """
    with unwinding() as signals:
        scratch = Scratch(engine, server, signals)
        try:
            try:
                yield scratch
            finally:
                # A signal at this very moment still finds the outer block.
                signals.hold()
        finally:
            signals.hold()
            scratch.drop_all()
            signals.release()


class Scratch:
    """The scratch databases of one check.

    Attributes:
        left: What could not be dropped in the end, and why.
    """

    def __init__(self, engine: EngineName, server: sa.URL | None, signals: Signals) -> None:
        if server is not None and engine_name(server.drivername) != engine:
            message = f"the scratch URL is for {server.drivername}, and {engine} is to be checked"
            raise ScratchUnavailable(message)
        self.engine = engine
        self.left: list[str] = []
        self._server = ScratchServer(server) if server is not None else None
        self._folder = ScratchFolder()
        self._names: list[str] = []
        self._signals = signals
        self._refusal: ScratchUnavailable | None = None

    @property
    def is_available(self) -> bool:
        """Databases can be made."""
        return self.engine == "sqlite" or self._server is not None

    def create(self, purpose: str) -> sa.URL:
        """Make an empty database.

        Raises:
            ScratchUnavailable: There is no server for it, or the server refuses. It is asked once.
        """
        if self._refusal is not None:
            raise self._refusal
        try:
            # To its end: a driver that is interrupted does not know whether the database is there.
            with self._signals.held():
                return self._create(purpose)
        except SQLAlchemyError as error:
            reason = with_remedy(f"the scratch server refused: {first_line(error)}", SCRATCH)
            self._refusal = ScratchUnavailable(reason)
            raise self._refusal from error
        except OSError as error:
            reason = with_remedy(f"{_FOLDER}: {error.strerror}", "TMPDIR")
            self._refusal = ScratchUnavailable(reason)
            raise self._refusal from error

    def _create(self, purpose: str) -> sa.URL:
        if self.engine == "sqlite":
            return parse_url(f"sqlite:///{self._folder.make() / purpose}.db")
        if self._server is None:
            message = f"no scratch_url for {self.engine}"
            raise ScratchUnavailable(message)
        name = self._server.make_name(purpose)
        # Noted first: what fails half-way leaves nothing behind.
        self._names.append(name)
        try:
            return self._server.create(name)
        except SQLAlchemyError as error:
            if not getattr(error, "connection_invalidated", False):
                # The server has answered: it did not make it.
                self._names.remove(name)
            raise

    def drop(self, url: sa.URL) -> None:
        """Drop one database before the end; what cannot be dropped is tried again then."""
        name = url.database or ""
        if self.engine == "sqlite":
            Path(name).unlink(missing_ok=True)
        elif self._server is not None and name in self._names:
            with contextlib.suppress(SQLAlchemyError), self._signals.held():
                self._server.drop(name)
                self._names.remove(name)

    def drop_all(self) -> None:
        """Drop every database made here; try all of them even if one cannot be dropped."""
        self._folder.remove()
        server = self._server
        for name in self._names:
            try:
                if server is not None and server.is_reached:
                    server.drop(name)
            except SQLAlchemyError as error:
                self.left.append(
                    f"the database {name} could not be dropped: {first_line(error)}. The next"
                    " check with this --scratch-url drops it, or you."
                )
        self._names.clear()
        if server is not None:
            server.close()
