"""Three requests, login excluded: the service beside the reference designs' way and the limit.

All serve one database and take turns, each with one worker. Before they are measured they must
give the same answers, and refuse the same; afterwards each must have written all of its rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from scripts.bench.accounts import Credits, make_people, write_targets
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import Bench, CannotMeasure, Comparison, Goal, Options, compare
from scripts.bench.http_checks import require_same_answers
from scripts.bench.http_requests import (
    ACCOUNTS,
    READERS,
    ROUTES,
    Tally,
    fill_histories,
    kind_of,
    open_heads,
)
from scripts.bench.http_rows import require_whole_rows
from scripts.bench.servers import Load, Server, is_installed, limit, reference, service
from tests.support.run import Run

GOALS: Final = (
    Goal("speed", 1.3, "reference"),
    Goal("cpu", 0.8, "reference"),
    Goal("speed", 0.85, "limit"),
    # Nothing is promised beside these; they show where the others' time goes.
    Goal("speed", None, "reference-autocommit"),
    Goal("cpu", None, "reference-autocommit"),
    Goal("speed", None, "limit-observed"),
)


def measure(run: Run, options: Options) -> Bench:
    """Measure the requests on PostgreSQL.

    Raises:
        CannotMeasure: Another engine was asked for, or somebody did not do what all do.
    """
    if options.engine != "postgresql":
        raise CannotMeasure("http knows PostgreSQL only: asyncpg and psycopg2 speak to nobody else")
    bench = Bench("http")
    note = _reason_of_absence(options)
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        crowds = {
            "all": make_people(url, ACCOUNTS, Credits(daily=20, prepaid=0)),
            "readers": make_people(url, READERS, Credits(daily=20, prepaid=0)),
        }
        fill_histories(url, crowds["readers"])
        open_heads(url)
        with contestants(url, has_peers=note is None) as servers:
            for route in ROUTES:
                people = crowds[route.crowd]
                able = [server for server in servers if route.fits(server.name)]
                require_same_answers(able, route, people[0])
                path = Path(folder, route.crowd)
                targets = write_targets(path, ((one.token.text, route.path) for one in people))
                loads = [
                    Tally(Load(server, targets, route.method, route.body_of(server.name)))
                    for server in able
                ]
                goal, *more = GOALS
                comparison = Comparison(route.name, loads, goal, note, more)
                bench.results.append(compare(comparison, options))
                if route.method == "POST":
                    answered = {kind_of(load.name): load.answered for load in loads}
                    bench.facts["rows"] = require_whole_rows(url, answered)
    return bench


def _reason_of_absence(options: Options) -> str | None:
    """Say why the reference designs' way is missing, if so."""
    if not options.has_peers:
        return "--without-peers"
    return None if is_installed() else "there is no .venv/bench"


@contextmanager
def contestants(url: str, *, has_peers: bool) -> Iterator[list[Server]]:
    """Run all who are compared, the service first."""
    with ExitStack() as stack:
        peer_url = sa.make_url(url).set(drivername="postgresql+asyncpg")
        servers = [stack.enter_context(service(url))]
        if has_peers:
            servers.append(stack.enter_context(reference(peer_url)))
        servers.append(stack.enter_context(limit(url)))
        servers.append(stack.enter_context(limit(url, is_observed=True)))
        if has_peers:
            servers.append(stack.enter_context(reference(peer_url, isolation="AUTOCOMMIT")))
        yield servers
