"""What the audit log costs whoever writes: POST history, beside the same without the log.

Both are the service as it is shipped, on one database; one lets nobody watch writes, see
``scripts.bench.unaudited``. Afterwards the log must show that this was so.
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
from scripts.bench.servers import Load, service, unaudited_service
from tests.support.run import Run

ACCOUNTS: Final = 1_000
GOAL: Final = Goal("cost", 1.6)
PATH: Final = "/api/v1/history"
_BODY: Final = json.dumps({"action_type": "TRANSLATE_DOG", "payload": {"text": "wuff", "mood": 3}})
_AUDITED: Final = "SELECT count(*) FROM audit_log WHERE table_name = 'history'"
_ALL: Final = "SELECT count(*) FROM history"


def measure(run: Run, options: Options) -> Bench:
    """Measure writes on the engine that was asked for."""
    bench = Bench("audit")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        people = make_people(url, ACCOUNTS, Credits(daily=20, prepaid=0))
        targets = write_targets(Path(folder, "targets"), ((one.token.text, PATH) for one in people))
        with service(url) as audited, unaudited_service(url) as unaudited:
            loads = [Load(server, targets, "POST", _BODY) for server in (audited, unaudited)]
            comparison = Comparison("history write with the audit log, HTTP", loads, GOAL)
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
        audited = connection.exec_driver_sql(_AUDITED).scalar_one()
        unaudited = connection.exec_driver_sql(_ALL).scalar_one() - audited
    if not (audited and unaudited > 0):
        raise CannotMeasure(f"both kinds of rows should be there: {audited} and {unaudited}")
    return {"audited": audited, "unaudited": unaudited}
