"""What numbering a row costs whoever writes it: POST history, beside the same without versions.

Both are the service as it is shipped, on one database; one does not subscribe to writes, see
``scripts.bench.unstamped``. Afterwards the rows must show that this was so.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from scripts.bench.accounts import Credits, make_people, write_targets
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import Bench, CannotMeasure, Comparison, Goal, Options, compare
from scripts.bench.servers import Load, service, unstamped_service
from tests.support.run import Run

ACCOUNTS: Final = 1_000
GOAL: Final = Goal("cost", 1.25)
PATH: Final = "/api/v1/history"
_BODY: Final = json.dumps({"action_type": "TRANSLATE_DOG", "payload": {"text": "wuff", "mood": 3}})
_NUMBERED: Final = "SELECT count(*) FROM history WHERE version > 0"
_UNNUMBERED: Final = "SELECT count(*) FROM history WHERE version = 0"


def measure(run: Run, options: Options) -> Bench:
    """Measure writes on the engine that was asked for."""
    bench = Bench("sync-write")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        people = make_people(url, ACCOUNTS, Credits(daily=20, prepaid=0))
        targets = write_targets(Path(folder, "targets"), ((one.token.text, PATH) for one in people))
        with service(url) as stamped, unstamped_service(url) as unstamped:
            loads = [Load(server, targets, "POST", _BODY) for server in (stamped, unstamped)]
            comparison = Comparison("history write with versions, HTTP", loads, GOAL)
            bench.results.append(compare(comparison, options))
        bench.facts |= _count_rows(url)
    return bench


def _count_rows(url: str) -> dict[str, int]:
    """Count what each of the two has written.

    Raises:
        CannotMeasure: One of them did what the other is there for.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        rows = {
            "numbered": connection.exec_driver_sql(_NUMBERED).scalar_one(),
            "without_version": connection.exec_driver_sql(_UNNUMBERED).scalar_one(),
        }
    if not all(rows.values()):
        raise CannotMeasure(f"both kinds of rows should be there: {rows}")
    return rows
