"""Scratch databases: empty, on the engine in question, and gone afterwards whatever happens."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from bilayer.drift.live import first_line
from bilayer.drift.waiting import connect_arguments
from bilayer.errors import BilayerError
from bilayer.urls import EngineName, engine_name, parse_url

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ScratchUnavailable(BilayerError):
    """No scratch database can be made: no server was named for it, or it refused."""


class Terminated(SystemExit):
    """A signal asked this process to end; no stranger's ``sys.exit()``."""


@contextlib.contextmanager
def scratch_databases(engine: EngineName, server: sa.URL | None) -> Iterator[Scratch]:
    """Give out empty databases; drop them at the end, after an error and on SIGTERM too.

    Args:
        engine: The engine they are to be on. SQLite's are temporary files.
        server: Where a server engine's are made; any database of that server will do.
    """
    scratch = Scratch(engine, server)
    with _signals_as_exits():
        try:
            yield scratch
        finally:
            with _signals_ignored():
                scratch.drop_all()


class Scratch:
    """The scratch databases of one check."""

    def __init__(self, engine: EngineName, server: sa.URL | None) -> None:
        if server is not None and engine_name(server.drivername) != engine:
            message = f"the scratch URL is for {server.drivername}, and {engine} is to be checked"
            raise ScratchUnavailable(message)
        self.engine = engine
        self._server = server
        self._folder: Path | None = None
        self._names: list[str] = []

    @property
    def is_available(self) -> bool:
        """Databases can be made."""
        return self.engine == "sqlite" or self._server is not None

    def create(self, purpose: str) -> sa.URL:
        """Make an empty database.

        Raises:
            ScratchUnavailable: There is no server for it, or the server refuses.
        """
        if self.engine == "sqlite":
            return parse_url(f"sqlite:///{self._make_folder() / purpose}.db")
        if self._server is None:
            message = f"no scratch_url for {self.engine}"
            raise ScratchUnavailable(message)
        name = f"bilayer_{purpose}_{os.getpid()}_{secrets.token_hex(4)}"
        # Noted first: a signal between the two leaves nothing behind.
        self._names.append(name)
        characters = " CHARACTER SET utf8mb4" if self.engine == "mysql" else ""
        self._execute(f"CREATE DATABASE {name}{characters}")
        return self._server.set(database=name)

    def drop_all(self) -> None:
        """Drop every database made here; try all of them even if one cannot be dropped."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        force = " WITH (FORCE)" if self.engine == "postgresql" else ""
        while self._names:
            with contextlib.suppress(ScratchUnavailable):
                self._execute(f"DROP DATABASE IF EXISTS {self._names[-1]}{force}")
            self._names.pop()

    def _make_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="bilayer_scratch_"))
        return self._folder

    def _execute(self, statement: str) -> None:
        server = self._server
        if server is None:
            return
        engine = connect(server, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
        except sa.exc.SQLAlchemyError as error:
            message = f"the scratch server refused: {first_line(error)}"
            raise ScratchUnavailable(message) from error


def connect(url: sa.URL, **options: Any) -> sa.Engine:
    """Make an engine that keeps no connection open, so that a database can be dropped."""
    arguments = connect_arguments(url)
    engine = sa.create_engine(url, poolclass=NullPool, connect_args=arguments, **options)
    if engine.name == "sqlite":
        sa.event.listen(engine, "connect", _hurry)
    return engine


def _hurry(connection: Any, _record: Any) -> None:
    """Wait for no disk: what is lost in a crash is scratch."""
    connection.execute("PRAGMA synchronous = OFF")


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """Let the second of two signals not end what the first one began."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            # A handler that was not set by Python is not known, and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def _signals_as_exits() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack instead of ending the process on the spot."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watched = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) == signal.SIG_DFL
    ]
    for number in watched:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in watched:
            signal.signal(number, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise Terminated(128 + number)
