"""Scratch databases of a server: made, dropped, and swept where a run was killed.

A run has a mark: its databases have it in their names, and a session that is open as long as the
run lives shows it to the whole server. A database whose mark nobody shows was left behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bilayer.drift.scratch.connecting import connect
from bilayer.urls import engine_name

_NAME: Final = re.compile(r"(bilayer_[a-z]+[0-9]*_\d+_([0-9a-f]{8}))_([0-9a-f]{8})")
_LIST: Final = {
    "postgresql": "SELECT datname FROM pg_database",
    "mysql": "SELECT schema_name FROM information_schema.schemata",
}
_SHOW: Final = {
    # The name of an application is shown to every user; MariaDB's locks are the whole server's.
    "postgresql": "SELECT set_config('application_name', 'bilayer_{mark}', false)",
    "mysql": "SELECT GET_LOCK('bilayer_{mark}', 0)",
}
_IS_SHOWN: Final = {
    "postgresql": "SELECT EXISTS (SELECT FROM pg_stat_activity"
    " WHERE application_name = 'bilayer_{mark}')",
    "mysql": "SELECT NOT IS_FREE_LOCK('bilayer_{mark}')",
}
_STAY: Final = {
    "postgresql": "SELECT set_config(name, '0', false) FROM pg_settings"
    " WHERE name = 'idle_session_timeout'",
    "mysql": "SET SESSION wait_timeout = 28800",
}


class ScratchServer:
    """A server on which scratch databases may be made; connects when the first one is.

    Args:
        url: Any database of it.
    """

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self.engine_name = engine_name(url.drivername)
        self.mark = secrets.token_hex(4)
        self._engine = connect(url, isolation_level="AUTOCOMMIT")
        self._session: sa.Connection | None = None

    @property
    def is_reached(self) -> bool:
        """It has answered, so that there may be something to drop."""
        return self._session is not None

    def make_name(self, purpose: str) -> str:
        """Make a name that nobody else gives to a database."""
        return _sign(f"bilayer_{purpose}_{os.getpid()}_{self.mark}")

    def create(self, name: str) -> sa.URL:
        """Make an empty database; before the first one, drop what killed runs left behind.

        Raises:
            SQLAlchemyError: The server cannot be reached, or refuses.
        """
        is_first = self._session is None
        session = self._connect()
        if is_first:
            self._sweep(session)
        characters = " CHARACTER SET utf8mb4" if self.engine_name == "mysql" else ""
        session.exec_driver_sql(f"CREATE DATABASE {name}{characters}")
        return self.url.set(database=name)

    def drop(self, name: str) -> None:
        """Drop a database, whoever still uses it.

        Raises:
            SQLAlchemyError: The server cannot be reached, or refuses.
        """
        session = self._connect()
        if self.engine_name == "mysql":
            self._end_sessions(session, name)
        force = " WITH (FORCE)" if self.engine_name == "postgresql" else ""
        session.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}{force}")

    def close(self) -> None:
        """Show the mark no longer."""
        if self._session is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._session.close()
            self._session = None

    def _connect(self) -> sa.Connection:
        if self._session is None or self._session.invalidated:
            session = self._engine.connect()
            for statement in (_STAY[self.engine_name], _SHOW[self.engine_name]):
                session.exec_driver_sql(statement.format(mark=self.mark))
            self._session = session
        return self._session

    def _sweep(self, session: sa.Connection) -> None:
        """Drop abandoned databases; those of somebody else have no signed name."""
        with contextlib.suppress(SQLAlchemyError):
            for name, mark in _list_signed(session.exec_driver_sql(_LIST[self.engine_name])):
                question = _IS_SHOWN[self.engine_name].format(mark=mark)
                if not session.exec_driver_sql(question).scalar_one():
                    # Another user's, or another check sweeps it at this moment.
                    with contextlib.suppress(SQLAlchemyError):
                        session.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")

    def _end_sessions(self, session: sa.Connection, name: str) -> None:
        """End what a killed child still runs: MariaDB would wait for its locks."""
        query = "SELECT id FROM information_schema.processlist WHERE db = %s"
        for (number,) in session.exec_driver_sql(query, (name,)).all():
            with contextlib.suppress(SQLAlchemyError):
                session.exec_driver_sql(f"KILL CONNECTION {number}")


def _sign(name: str) -> str:
    return f"{name}_{hashlib.blake2s(name.encode(), digest_size=4).hexdigest()}"


def _list_signed(rows: sa.CursorResult[Any]) -> Iterator[tuple[str, str]]:
    """List the scratch databases and the marks of the runs that made them."""
    for name in rows.scalars().all():
        match = _NAME.fullmatch(name)
        if match and name == _sign(match[1]):
            yield name, match[2]
