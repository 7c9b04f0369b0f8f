"""MariaDB and MySQL: ``mariadb-dump`` and the digests read the same snapshot.

These servers export no snapshot. So writers wait for a moment, in which both transactions begin:
until the dump says so, all tables are locked for reading.
"""

from __future__ import annotations

import os
import select
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa

from app.models import open_verbatim
from app.operations.backup.engines.common import (
    UNFINISHED,
    VERSION_TABLE,
    Snapshot,
    connecting,
)
from app.operations.backup.engines.scratch import Statements, scratch_database
from app.operations.backup.errors import BackupError
from app.operations.backup.tools import Feed, find_tool, reading_from, writing_to

_FILE: Final = "database.sql"
_BEGUN: Final = b"CREATE TABLE"
"""What the dump writes only when its transaction has begun."""
_DUMP: Final = (
    *("--single-transaction", "--quick", "--skip-lock-tables", "--skip-add-locks"),
    *("--skip-add-drop-table", "--hex-blob", "--no-tablespaces", "--no-autocommit"),
    *("--default-character-set=utf8mb4", "--max-allowed-packet=1G"),
)
_LOAD: Final = ("--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--binary-mode")
_TRIES: Final = 5
_CHUNK: Final = 1 << 16
_MEETING: Final = (1205, 1213)
_REVISION: Final = "SELECT version_num FROM alembic_version"
_BEGINNING_SECONDS: Final = 5.0
_PATIENCE: Final = "SET SESSION lock_wait_timeout = 5"
_SCRATCH: Final = Statements(
    list_unused="""SELECT schema_name FROM information_schema.schemata
WHERE LEFT(schema_name, CHAR_LENGTH(:prefix)) = :prefix AND schema_name NOT IN
(SELECT db FROM information_schema.processlist WHERE db IS NOT NULL)""",
    create="CREATE DATABASE NAME CHARACTER SET utf8mb4",
    drop="DROP DATABASE IF EXISTS NAME",
    reason=lambda error: str(error.args[1]),  # PyMySQL's have a number first
)


class MySQL:
    """Backups of a database on a MariaDB or MySQL server."""

    @contextmanager
    def snapshot(self, url: sa.URL, work: Path) -> Iterator[Snapshot]:
        """Begin both transactions at one moment, and let the dump write."""
        program = _find("mariadb-dump", "mysqldump")
        with (
            _client_file(url, work) as options,
            open_verbatim(url) as database,
            connecting(url) as guard,
        ):
            _lock_tables(guard)
            left_out = [
                f"--ignore-table={url.database}.{name}" for name in (VERSION_TABLE, UNFINISHED)
            ]
            command = [program, options, *_DUMP, *left_out]
            with (
                database.transaction("REPEATABLE READ", readonly=True),
                reading_from([*command, str(url.database)], {}) as output,
            ):
                revision = _revision(database)  # The first read is what the transaction sees.
                source = _Begun(output)
                guard.exec_driver_sql("UNLOCK TABLES")
                server = guard.exec_driver_sql("SELECT version()").scalar_one()
                yield Snapshot(database, source, _FILE, server, Path(program).name, revision)
                _refuse_if_migrated(guard, revision)

    def load(self, url: sa.URL, feed: Feed, work: Path, *, dumped_with: str) -> None:  # noqa: ARG002 - SQL is SQL
        """Let the client run the dump."""
        program = _find("mariadb", "mysql")
        with _client_file(url, work) as options:
            writing_to([program, options, *_LOAD, str(url.database)], {}, feed)

    def scratch(self, url: sa.URL, work: Path) -> AbstractContextManager[sa.URL]:  # noqa: ARG002 - on the server
        """Lend a database on the same server."""
        return scratch_database(url, _SCRATCH)


class _Begun:
    """The output of a dump that has begun its transaction.

    Raises:
        BackupError: It does not begin, while all writers wait for it.
    """

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._head = bytearray()
        end = time.monotonic() + _BEGINNING_SECONDS
        while _BEGUN not in self._head:
            ready, _, _ = select.select([output], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                message = "The dump does not begin, perhaps because somebody alters a table"
                raise BackupError(f"{message}: SHOW PROCESSLIST tells who.")
            chunk = output.read1(_CHUNK)  # type: ignore[attr-defined]  # pipes are buffered
            if not chunk:  # It has failed, and says so when it is waited for.
                break
            self._head += chunk

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        if not self._head:
            return self._output.read(size)
        size = len(self._head) if size < 0 else size
        taken, self._head = bytes(self._head[:size]), self._head[size:]
        return taken


def _lock_tables(guard: sa.Connection) -> None:
    """Let writers wait, or give up when somebody does not end what they write."""
    guard.exec_driver_sql(_PATIENCE)
    names = sa.inspect(guard).get_table_names()
    if not names:
        return
    quote = guard.dialect.identifier_preparer.quote
    locks = "LOCK TABLES " + ", ".join(f"{quote(name)} READ" for name in names)
    for tried in range(1, _TRIES + 1):
        try:
            guard.exec_driver_sql(locks)
        except sa.exc.OperationalError as error:
            code = error.orig.args[0]  # type: ignore[union-attr]  # PyMySQL's have one
            if code not in _MEETING:
                raise
            if tried == _TRIES:
                message = "A transaction does not end, so that no snapshot can begin"
                raise BackupError(f"{message}: SHOW PROCESSLIST tells whose it is.") from None
        else:
            return


@contextmanager
def _client_file(url: sa.URL, work: Path) -> Iterator[str]:
    """Say where the server is in a file that only this user can read, and lend its option."""
    arguments = dict(sa.create_engine(url).dialect.create_connect_args(url)[1])
    tls = arguments.get("ssl") or {}
    options = {
        "host": arguments.get("host"),
        "port": arguments.get("port"),
        "user": arguments.get("user") or arguments.get("username"),
        "password": arguments.get("password") or arguments.get("passwd"),
        "socket": arguments.get("unix_socket"),
        # The tools take localhost for a socket of their own choice, and maybe of another server.
        "protocol": None if arguments.get("unix_socket") else "tcp",
        **{f"ssl-{name}": tls.get(name) for name in ("ca", "cert", "key")},
        # As the service itself: older tools would believe any certificate, newer ones want one.
        "loose-ssl-verify-server-cert": "1" if tls.get("ca") else "0",
    }
    lines = [f"{name}={_quote(str(value))}" for name, value in options.items() if value]
    handle, name = tempfile.mkstemp(dir=work, suffix=".cnf")  # Its mode is 0600.
    try:
        with os.fdopen(handle, "w") as file:
            file.write("\n".join(["[client]", *lines, ""]))
        yield f"--defaults-extra-file={name}"
    finally:
        Path(name).unlink()


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _find(*names: str) -> str:
    found = find_tool(*names)
    if found is None:
        raise BackupError(f"There is no {names[0]} here: install mariadb-client.")
    return found


def _revision(database: Any) -> str:
    rows = database.dal.executesql(_REVISION)
    return ",".join(revision for (revision,) in rows)


def _refuse_if_migrated(guard: sa.Connection, revision: str) -> None:
    """Find out whether tables were altered meanwhile: a transaction here does not keep them."""
    found = guard.exec_driver_sql(_REVISION).scalars()
    if ",".join(found) != revision:
        raise BackupError("The database was migrated while it was backed up; begin again.")
