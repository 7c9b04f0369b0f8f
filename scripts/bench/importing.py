"""The import of JSON files, beside the same rows and their log stored by ``execute_values``.

Both in one process and one thread, into an account of its own each time. The import reads the
files twice, copies them, checks, keeps a journal and writes the log; the other is handed rows that
are ready, and does nothing but store them: psycopg2's own way of storing many, in one transaction.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg2
import psycopg2.extensions
import sqlalchemy as sa
from psycopg2.extras import Json, execute_values

from app.log import configure_logging
from app.models import release
from app.operations.importer.journal import Asked
from app.operations.importer.run import run_import
from app.operations.importer.walking import Watching
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import (
    Bench,
    CannotMeasure,
    Comparison,
    Goal,
    Options,
    Turn,
    compare,
    progress,
)
from tests.factories import make_user
from tests.support.learner_files import REAL, Sizes, write_folder
from tests.support.run import Run
from tests.support.service import connected, settings_for

GOAL: Final = Goal("speed", 0.5)
LEARNER: Final = "anna-muller-0"
"""The id that the files' learner gets by her name."""
TRIAL: Final = Sizes(profiles=1, words=500, grammar=20, cards=20, messages=400)
"""What one round alone imports, which says nothing yet."""
_TABLES: Final = (
    *("learner_profiles", "mastered_words", "mastered_grammar", "approved_cards", "chat_messages"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a table as psycopg2 takes them, each without its owner."""

    insert: str
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Storing:
    """A way to store the same rows again and again.

    Attributes:
        name: Who it is.
        store: Stores them for a new account, and tells how many rows of learners they were.
    """

    name: str
    store: Callable[[UUID], int]

    def take_turn(self, seconds: int) -> Turn:
        """Store them for so long, and at least once."""
        count, spent, used = 0, 0.0, 0.0
        while spent < seconds:
            user_id = make_user()["id"]
            release()
            cpu, begun = time.process_time(), time.perf_counter()
            count += self.store(user_id)
            spent += time.perf_counter() - begun
            used += time.process_time() - cpu
        return Turn(count, spent, used)


def measure(run: Run, options: Options) -> Bench:
    """Measure imports on PostgreSQL.

    Raises:
        CannotMeasure: Another engine was asked for.
    """
    if options.engine != "postgresql":
        raise CannotMeasure("import: execute_values knows PostgreSQL only.")
    configure_logging("error")
    bench = Bench("import")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        progress("import: writing the files")
        files = write_folder(Path(folder, "files"), REAL if options.rounds > 1 else TRIAL)
        with connected(settings_for(url, Path(folder, "data"))):
            imported = _import_of(files, Path(folder, "data"))
            imported(first := make_user()["id"])
            release()
            stored = _read(url, first)
            bench.facts = {
                "engine": options.engine,
                **describe_server(url),
                "bytes": sum(file.stat().st_size for file in files.iterdir()),
                "rows": {name: len(table.rows) for name, table in stored.items()},
            }
            with closing(psycopg2.connect(_address(url))) as connection:
                ways = [
                    Storing("import", imported),
                    Storing("execute_values", _execute_values(connection, stored)),
                ]
                comparison = Comparison("import of JSON files, rows", ways, GOAL)
                bench.results.append(compare(comparison, options))
    return bench


def _import_of(files: Path, data_dir: Path) -> Callable[[UUID], int]:
    def store(user_id: UUID) -> int:
        report = run_import(Asked(user_id, data_dir, files, LEARNER), Watching())
        release()
        return int(sum(report.run["counts"]["rows"].values()))

    return store


def _execute_values(
    connection: psycopg2.extensions.connection, tables: dict[str, Table]
) -> Callable[[UUID], int]:
    def store(user_id: UUID) -> int:
        owner = str(user_id)
        with connection, connection.cursor() as cursor:
            for table in tables.values():
                execute_values(cursor, table.insert, [(owner, *row) for row in table.rows])
        return sum(len(tables[name].rows) for name in _TABLES)

    return store


def _read(url: str, user_id: UUID) -> dict[str, Table]:
    """Read what an import has stored of an account, and what the log has of it."""
    found: dict[str, Table] = {}
    with closing(psycopg2.connect(_address(url))) as connection, connection.cursor() as cursor:
        for name in (*_TABLES, "audit_log"):
            cursor.execute(f"SELECT * FROM {name} WHERE user_id = %s", [str(user_id)])  # noqa: S608 - a name of ours
            columns = [column.name for column in cursor.description or ()]
            owner = columns.index("user_id")
            others = [column for column in columns if column != "user_id"]
            rows = [
                tuple(_adaptable(value) for place, value in enumerate(row) if place != owner)
                for row in cursor.fetchall()
            ]
            head = ", ".join(f'"{column}"' for column in ("user_id", *others))
            found[name] = Table(f"INSERT INTO {name} ({head}) VALUES %s", rows)  # noqa: S608 - likewise
    return found


def _adaptable(value: Any) -> Any:  # Any: psycopg2's, of any column
    return Json(value) if isinstance(value, dict | list) else value


def _address(url: str) -> str:
    """Give the URL as libpq takes it."""
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
