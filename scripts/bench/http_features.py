"""What each feature costs whoever writes, over HTTP: an idempotency key, the audit log, versions.

POST history, by the service as it is shipped, without a key and with one, and by the service
without the one or the other; see ``scripts.bench.unaudited`` and ``scripts.bench.unstamped``. All
take turns on one database. Afterwards the rows must show that each did what it is there for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from scripts.bench.accounts import Credits, make_people, write_targets
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import (
    Bench,
    CannotMeasure,
    Comparison,
    Goal,
    Options,
    judge,
    take_turns,
)
from scripts.bench.http_requests import ACCOUNTS, STORE, Tally, kind_of
from scripts.bench.servers import Load, Server, service, unaudited_service, unstamped_service
from tests.support.run import Run

FEATURES: Final = {
    "an idempotency key": ("keyed", "service"),
    "the audit log": ("service", "unaudited"),
    "the version": ("service", "unstamped"),
}
"""Who has the feature, and who has not."""
COST: Final = (Goal("cost"), Goal("cpu"))

_COUNTS: Final = sa.text("""
    SELECT count(*) AS stored, count(*) FILTER (WHERE version > 0) AS numbered,
        (SELECT count(*) FROM audit_log
         WHERE table_name = 'history' AND new_value ->> 'action_type' = :kind) AS audited,
        (SELECT count(*) FROM idempotency_keys
         WHERE body LIKE '%"action_type":"' || :kind || '"%') AS keyed
    FROM history WHERE action_type = :kind""")


def measure(run: Run, options: Options) -> Bench:
    """Measure writes with and without each feature, on PostgreSQL.

    Raises:
        CannotMeasure: Another engine was asked for, or a feature was where it should not be.
    """
    if options.engine != "postgresql":
        raise CannotMeasure("http-features counts its rows as PostgreSQL does")
    bench = Bench("http-features")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        people = make_people(url, ACCOUNTS, Credits(daily=20, prepaid=0))
        targets = write_targets(
            Path(folder, "targets"), ((one.token.text, STORE.path) for one in people)
        )
        with service(url) as shipped, unaudited_service(url) as un, unstamped_service(url) as no:
            loads = _loads((shipped, un, no), targets)
            turns = take_turns("store an action", loads, options)
        for feature, pair in FEATURES.items():
            goal, *more = COST
            asked = [load for name in pair for load in loads if load.name == name]
            comparison = Comparison(f"store an action with {feature}", asked, goal, more=more)
            bench.results.append(judge(comparison, {name: turns[name] for name in pair}))
        bench.facts["rows"] = {load.name: _require_features(url, load) for load in loads}
    return bench


def _loads(servers: Sequence[Server], targets: Path) -> list[Tally]:
    """Ask each server for the same, and the first one also with keys."""

    def ask(server: Server, name: str, *, is_keyed: bool = False) -> Tally:
        body = STORE.body_of(name)
        return Tally(Load(server, targets, STORE.method, body, name, is_keyed=is_keyed))

    plain = [ask(server, server.name) for server in servers]
    return [*plain, ask(servers[0], "keyed", is_keyed=True)]


def _require_features(url: str, load: Tally) -> dict[str, int]:
    """Count what somebody has written.

    Raises:
        CannotMeasure: A row is missing, or lacks a feature, or has one that it should not have.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        row = connection.execute(_COUNTS, {"kind": kind_of(load.name)}).one()
    found: dict[str, int] = row._asdict()
    wanted = {
        "stored": found["stored"],
        "numbered": 0 if load.name == "unstamped" else found["stored"],
        "audited": 0 if load.name == "unaudited" else found["stored"],
        "keyed": found["stored"] if load.name == "keyed" else 0,
    }
    if found != wanted or found["stored"] < load.answered:
        raise CannotMeasure(f"{load.name}: {load.answered} answered, but there are {found}")
    return found
