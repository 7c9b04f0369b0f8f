"""What each feature costs whoever writes, over HTTP: an idempotency key, the audit log, versions.

``POST history``, by the service as it is shipped, without a key and with one, and by the service
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
    "an idempotency key": ("keyed", "service", Goal("cost")),
    "the audit log": ("service", "unaudited", Goal("cost", 1.6)),
    "the version": ("service", "unstamped", Goal("cost", 1.25)),
}
"""Who has the feature, who has not, and what is promised."""


_HISTORY: Final = sa.table("history", sa.column("action_type"), sa.column("version"))
_AUDIT_LOG: Final = sa.table("audit_log", sa.column("table_name"), sa.column("new_value"))
_KEYS: Final = sa.table("idempotency_keys", sa.column("body"))


def measure(run: Run, options: Options) -> Bench:
    """Measure writes with and without each feature, on the engine that was asked for.

    Raises:
        CannotMeasure: A feature was where it should not be, or was not where it should.
    """
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
        for feature, (having, lacking, goal) in FEATURES.items():
            asked = [load for name in (having, lacking) for load in loads if load.name == name]
            name = f"store an action with {feature}"
            comparison = Comparison(name, asked, goal, more=(Goal("cpu"),))
            bench.results.append(judge(comparison, {one.name: turns[one.name] for one in asked}))
        bench.facts["rows"] = {load.name: _require_features(url, load) for load in loads}
    return bench


def _loads(servers: Sequence[Server], targets: Path) -> list[Tally]:
    """Ask each server for the same, and the first one also with keys."""

    def ask(server: Server, name: str, *, is_keyed: bool = False) -> Tally:
        body = STORE.body_of(name)
        return Tally(Load(server, targets, STORE.method, body, name, is_keyed=is_keyed))

    plain = [ask(server, server.name) for server in servers]
    return [*plain, ask(servers[0], "keyed", is_keyed=True)]


def _holds(document: sa.ColumnClause[str], text: str) -> sa.ColumnElement[bool]:
    return sa.cast(document, sa.Text).contains(text, autoescape=True)


def _require_features(url: str, load: Tally) -> dict[str, int]:
    """Count what somebody has written.

    Raises:
        CannotMeasure: A row is missing, or lacks a feature, or has one that it should not have.
    """
    kind = kind_of(load.name)
    own = _HISTORY.c.action_type == kind
    counted = {
        "stored": sa.select(sa.func.count()).where(own),
        "numbered": sa.select(sa.func.count()).where(own, _HISTORY.c.version > 0),
        "audited": sa.select(sa.func.count()).where(
            _AUDIT_LOG.c.table_name == "history", _holds(_AUDIT_LOG.c.new_value, kind)
        ),
        "keyed": sa.select(sa.func.count()).where(_holds(_KEYS.c.body, kind)),
    }
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        found = {name: connection.execute(asked).scalar_one() for name, asked in counted.items()}
    wanted = {
        "stored": found["stored"],
        "numbered": 0 if load.name == "unstamped" else found["stored"],
        "audited": 0 if load.name == "unaudited" else found["stored"],
        "keyed": found["stored"] if load.name == "keyed" else 0,
    }
    if found != wanted or found["stored"] < load.answered:
        raise CannotMeasure(f"{load.name}: {load.answered} answered, but there are {found}")
    return found
