"""Database servers as the suite sees them: make and drop databases, cut connections, restart.

One class an engine; `Server` is what they share. SQLite is a folder that answers alike.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

from bilayer.urls import parse_url
from tests.support.processes import ServerProcess, mariadb_process, postgresql_process

_START_SECONDS = 30


class Server(ABC):
    """A database server, reached by the URL of its maintenance database as its superuser."""

    engine: str

    def __init__(self, url: str | sa.URL, process: ServerProcess | None = None) -> None:
        self.maintenance = parse_url(url)
        self.process = process

    @property
    def url(self) -> str:
        """URL of the maintenance database, password included."""
        return render(self.maintenance)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """Open a connection to the maintenance database on which each statement commits."""
        engine = sa.create_engine(
            self.maintenance, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            yield connection

    def execute(self, statement: str) -> None:
        """Run one statement on the maintenance database."""
        with self.connect() as connection:
            connection.exec_driver_sql(statement)

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another, and return its URL."""
        self.execute(self._creation(name, template))
        return render(self.maintenance.set(database=name))

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(self._removal(name))

    @abstractmethod
    def kill_connections(self) -> None:
        """Cut every client connection but the one that asks."""

    def restart(self) -> None:
        """Stop the server in its orderly way and start it again on the same port."""
        self._own().stop()
        self.start()

    def prepare(self) -> None:
        """Make the files of a server of our own. Safe to call from any thread."""
        self._own().prepare()

    def start(self) -> None:
        """Start the process, unless it runs, and wait until it answers."""
        process = self._own()
        if not process.is_running():
            process.start()
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except sa.exc.OperationalError as error:
                if not process.is_running() or time.monotonic() > deadline:
                    message = f"The server does not answer:\n{process.log.read_text()}"
                    raise RuntimeError(message) from error
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop the process, if it is ours."""
        if self.process is not None:
            self.process.stop()

    def _own(self) -> ServerProcess:
        if self.process is None:
            message = "This server was lent by its URL; only our own may be stopped."
            raise RuntimeError(message)
        return self.process

    def keep_quiet(self) -> None:
        """Let the superuser's statements out of the server's log, as production does with roles."""
        return

    @abstractmethod
    def _creation(self, name: str, template: str | None) -> str: ...

    @abstractmethod
    def _removal(self, name: str) -> str: ...


class PostgreSQLServer(Server):
    """PostgreSQL; copies a template database by its files."""

    engine = "postgresql"

    def kill_connections(self) -> None:
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def keep_quiet(self) -> None:
        for setting in ("log_min_error_statement = 'panic'", "log_error_verbosity = 'terse'"):
            self.execute(f"ALTER ROLE CURRENT_USER SET {setting}")

    def _creation(self, name: str, template: str | None) -> str:
        return f'CREATE DATABASE "{name}" TEMPLATE "{template or "template1"}"'

    def _removal(self, name: str) -> str:
        return f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'


class MariaDBServer(Server):
    """MariaDB; it has no template databases."""

    engine = "mariadb"

    def kill_connections(self) -> None:
        others = "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
        with self.connect() as connection:
            for (thread,) in connection.exec_driver_sql(others).all():
                with suppress(sa.exc.OperationalError):  # It has ended in the meantime.
                    connection.exec_driver_sql(f"KILL CONNECTION {thread}")

    def _creation(self, name: str, template: str | None) -> str:
        if template is not None:
            raise NotImplementedError(template)
        return f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"

    def _removal(self, name: str) -> str:
        return f"DROP DATABASE IF EXISTS `{name}`"


def new_postgresql(folder: Path) -> PostgreSQLServer:
    """Describe a PostgreSQL of our own in the folder; it is prepared and started by the caller."""
    process = postgresql_process(folder)
    return PostgreSQLServer(f"postgresql://postgres@127.0.0.1:{process.port}/postgres", process)


def new_mariadb(folder: Path) -> MariaDBServer:
    """Describe a MariaDB of our own in the folder; it is prepared and started by the caller."""
    process = mariadb_process(folder)
    return MariaDBServer(f"mysql://root@127.0.0.1:{process.port}/mysql", process)


def render(url: sa.URL) -> str:
    """Return the URL with its password, as programs need it."""
    return url.render_as_string(hide_password=False)
