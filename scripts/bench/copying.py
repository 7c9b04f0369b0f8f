r"""From SQLite to PostgreSQL: ``backend db copy`` beside psql's ``\copy`` of the same rows.

Both fill the same tables with their keys, checks and indexes. ``\copy`` has the easier task: its
rows lie in files in the form that PostgreSQL reads, and nobody looks at their values.
"""

from __future__ import annotations

import datetime as dt
import resource
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from app.cli.progress import Silence
from app.db.models import metadata
from app.models import open_verbatim
from app.operations import transfer
from scripts.bench.accounts import Credits, make_people
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import Bench, CannotMeasure, Comparison, Goal, Options, Turn, compare
from tests.support.processes import find_postgresql
from tests.support.run import Run

ACCOUNTS: Final = 100
ROWS: Final = 100_000
ROWS_PER_INSERT: Final = 5_000
GOAL: Final = Goal("speed", 0.1)
TABLES: Final = (
    "users",
    "sessions",
    "user_credits",
    "credit_accounts",
    "credit_transactions",
    "history",
)
"""Those that have rows, in an order in which they can be filled."""
TEXT: Final = 'a dog\'s "wuff" \N{DOG FACE}, once more: ' * 3


def measure(run: Run, options: Options) -> Bench:
    """Measure copies into PostgreSQL."""
    bench = Bench("copying")
    with (
        new_database(run, "sqlite") as source,
        new_database(run, "postgresql") as target,
        tempfile.TemporaryDirectory() as folder,
    ):
        rows = min(options.rows, ROWS)
        _fill(source, rows)
        bench.facts = {"rows": rows, **describe_server(target)}
        copying = Copying(source, target)
        contestants = (copying, PsqlCopying(copying, Path(folder)))
        comparison = Comparison("copy from SQLite to PostgreSQL", contestants, GOAL)
        bench.results.append(compare(comparison, options))
    return bench


class Copying:
    """The copy that ``backend db copy`` makes."""

    name = "copy"

    def __init__(self, source: str, target: str) -> None:
        self._source = source
        self.target = target

    def take_turn(self, seconds: int) -> Turn:
        """Copy again and again, for so long; what is emptied in between takes no time."""
        return _repeat(self.run, self.target, seconds)

    def run(self) -> int:
        """Copy once; tells how many rows."""
        with transfer.open_from(self._source) as here, transfer.open_to(self.target) as there:
            return sum(transfer.copy_tables(here, there, Silence()).values())


class PsqlCopying:
    """The same rows by psql, out of files in which PostgreSQL itself has written them.

    Args:
        copying: The copy that makes the rows.
        folder: Where the files lie.
    """

    name = "\\copy"

    def __init__(self, copying: Copying, folder: Path) -> None:
        self._folder = folder
        self._url = copying.target
        _empty(self._url)
        self._rows = copying.run()
        self._psql(*(f"\\copy {table} TO '{folder / table}'" for table in TABLES))

    def take_turn(self, seconds: int) -> Turn:
        """Copy again and again, for so long."""
        return _repeat(self._run, self._url, seconds)

    def _run(self) -> int:
        self._psql(*(f"\\copy {table} FROM '{self._folder / table}'" for table in TABLES))
        return self._rows

    def _psql(self, *commands: str) -> None:
        program = find_postgresql()
        if program is None:
            raise CannotMeasure("psql is not installed")
        address = sa.make_url(self._url).set(drivername="postgresql")
        given = [part for command in commands for part in ("-c", command)]
        subprocess.run(
            [program / "psql", "-qX", "-v", "ON_ERROR_STOP=1", str(address), *given], check=True
        )


def _repeat(copy: Callable[[], int], url: str, seconds: int) -> Turn:
    rows, elapsed, used = 0, 0.0, 0.0
    while elapsed < seconds:
        _empty(url)
        began, processor = time.perf_counter(), _processor_seconds()
        rows += copy()
        elapsed += time.perf_counter() - began
        used += _processor_seconds() - processor
    return Turn(rows, elapsed, used)


def _processor_seconds() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _empty(url: str) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {', '.join(TABLES)} CASCADE")


def _fill(url: str, rows: int) -> None:
    """Give accounts a history, as a SQLite file has it that was served."""
    with open_verbatim(url) as database:
        database.dal.executesql("SELECT 1")  # puts the file into WAL mode
    owners = [one.user_id for one in make_people(url, ACCOUNTS, Credits(daily=20, prepaid=1))]
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    for start in range(0, rows, ROWS_PER_INSERT):
        numbers = range(start, min(rows, start + ROWS_PER_INSERT))
        with engine.begin() as connection:
            made = [_history(owners[number % ACCOUNTS], number) for number in numbers]
            connection.execute(metadata.tables["history"].insert(), made)


def _history(owner: uuid.UUID, number: int) -> dict[str, Any]:
    at = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC) + dt.timedelta(microseconds=number)
    return {
        "user_id": owner,
        "id": uuid.uuid4(),
        "action_type": "TRANSLATE_DOG",
        "payload": {"text": TEXT, "mood": number % 5, "share": 0.5, "seen": None},
        "created_at": at,
        "updated_at": at,
        "is_deleted": False,
        "version": number + 1,
    }
