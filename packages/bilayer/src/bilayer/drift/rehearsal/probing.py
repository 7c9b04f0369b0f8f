"""Clients that read and write single rows while a revision runs, and note how long they waited.

For PostgreSQL. Knows no revision.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bilayer.drift.rehearsal.filling import Names, is_written
from bilayer.drift.schemas import read_relation
from bilayer.drift.scratch.connecting import connect
from bilayer.drift.snapshot import Table

_PAUSE_SECONDS: Final = 0.005
_PATIENCE_SECONDS: Final = 600
_NAME: Final = "bilayer probe"
MODES: Final = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
"""Of PostgreSQL's locks on tables, the weakest first."""
_LOCKS: Final = (
    "SELECT c.oid::regclass::text, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
    " JOIN pg_stat_activity a ON a.pid = l.pid WHERE a.datname = current_database()"
    " AND a.application_name <> 'bilayer probe' AND a.backend_type = 'client backend'"
    " AND l.locktype = 'relation' AND l.granted AND c.relkind IN ('r', 'p')"
    " AND c.relnamespace <> 'pg_catalog'::regnamespace"
)


class Probe(threading.Thread):
    """One client that sends the same statement again and again.

    Attributes:
        longest: The seconds of its slowest answer since it was told to count.
        ended: Why it stopped before it was told to.
    """

    def __init__(self, url: sa.URL, statement: str) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self.ended: str | None = None
        self.is_ready = threading.Event()
        self._is_over = threading.Event()
        self._began: float | None = None
        self._statement = statement
        self._url = url.update_query_dict({"application_name": _NAME})

    def run(self) -> None:
        """Send the statement until told to stop, or until its table is gone."""
        try:
            with connect(self._url, isolation_level="AUTOCOMMIT").connect() as connection:
                while not self._is_over.is_set():
                    started = time.monotonic()
                    self.see(connection)
                    self.longest = max(self.longest, time.monotonic() - started)
                    self.is_ready.set()
                    time.sleep(_PAUSE_SECONDS)
        except SQLAlchemyError as error:
            self.ended = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        finally:
            self.is_ready.set()

    def see(self, connection: sa.Connection) -> None:
        """Send the statement once."""
        connection.exec_driver_sql(self._statement)

    def begin(self) -> None:
        """Count from now."""
        self.is_ready.wait(_PATIENCE_SECONDS)
        self.longest = 0.0

    def end(self) -> None:
        """Stop after the answer that is being waited for; do not wait for it."""
        self._is_over.set()


class LockWatch(Probe):
    """A client that asks who holds which lock.

    Attributes:
        strongest: Of each table, the strongest lock anybody but a probe held.
    """

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url, _LOCKS)
        self.strongest: dict[str, str] = {}

    def see(self, connection: sa.Connection) -> None:
        """Ask once."""
        note_locks(self.strongest, [(row[0], row[1]) for row in connection.exec_driver_sql(_LOCKS)])


def note_locks(strongest: dict[str, str], locks: Sequence[tuple[str, str]]) -> None:
    """Keep the strongest lock of each table."""
    for quoted, mode in locks:
        table = read_relation(quoted)
        known = strongest.get(table)
        if mode in MODES and (known is None or MODES.index(known) < MODES.index(mode)):
            strongest[table] = mode


@contextlib.contextmanager
def probing(
    url: sa.URL, connection: sa.Connection, tables: Sequence[Table]
) -> Iterator[tuple[Mapping[str, tuple[Probe, Probe]], LockWatch]]:
    """Let a reader and a writer work on one row of each table while the caller does something.

    Yields:
        The two clients of each table, and the watch; what they noted is whole afterwards.
    """
    pairs = {}
    for table in tables:
        where = _find_row(connection, table)
        if where is not None:
            pairs[table.name] = tuple(Probe(url, text) for text in _write(connection, table, where))
    watch = LockWatch(url)
    clients: list[Any] = [watch, *(probe for pair in pairs.values() for probe in pair)]
    connection.rollback()
    try:
        for client in clients:
            client.start()
        for client in clients:
            client.begin()
        yield pairs, watch  # type: ignore[misc]  # two each
    finally:
        for client in clients:
            client.end()
    # Not after an error: what they wait for may never come, and goes with the database.
    for client in clients:
        client.join(_PATIENCE_SECONDS)


def _find_row(connection: sa.Connection, table: Table) -> str | None:
    """Write the condition that names one row, by its key if there is one."""
    names = Names(connection)
    if not table.primary_key:
        first = f"SELECT ctid FROM {names.quote_table(table.name)} LIMIT 1"  # noqa: S608 - quoted names
        return f"ctid = ({first})" if any(map(is_written, table.columns)) else None
    columns = [names.quote(name) for name in table.primary_key]
    texts = ", ".join(f"quote_literal({column}::text)" for column in columns)
    query = f"SELECT {texts} FROM {names.quote_table(table.name)} LIMIT 1"  # noqa: S608 - quoted names
    row = connection.exec_driver_sql(query).first()
    if row is None:
        return None
    return " AND ".join(
        f"{column} = {str(value).replace('%', '%%')}"
        for column, value in zip(columns, row, strict=True)
    )


def _write(connection: sa.Connection, table: Table, where: str) -> tuple[str, str]:
    names = Names(connection)
    target = names.quote_table(table.name)
    plain = [each for each in table.columns if is_written(each)]
    first = (plain or table.columns)[0]
    inner = {name for link in table.foreign_keys for name in link.columns} | {*table.primary_key}
    column = names.quote(next((c for c in plain if c.name not in inner), first).name)
    read = f"SELECT 1 FROM {target} WHERE {where}"  # noqa: S608 - quoted names and literals
    return read, f"UPDATE {target} SET {column} = {column} WHERE {where}"  # noqa: S608 - as above
