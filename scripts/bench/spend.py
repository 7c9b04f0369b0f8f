"""Spending: the service beside the reference designs' way, over many accounts and on one.

Both serve one database and take turns, so that what a busy machine does to one it does to both.
Afterwards the books must be right.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa

from scripts.bench.accounts import Credits, Person, make_people, read_books, write_targets
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import Bench, Comparison, Goal, Options, Result, compare
from scripts.bench.servers import Load, Server, is_installed, reference, service
from tests.support.run import Run

ACCOUNTS = 10_000
PATH = "/api/v1/credits/spend"
GOAL = Goal("speed", 1.3)
_BODY = json.dumps({"amount": 1})
_PLENTY = 1_000_000_000


def measure(run: Run, options: Options) -> Bench:
    """Measure spending on the engine that was asked for."""
    bench = Bench("spend")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        people = {
            f"spend, {ACCOUNTS:,} accounts": make_people(url, ACCOUNTS, Credits(20, _PLENTY)),
            "spend, one hot account": make_people(url, 1, Credits(0, _PLENTY)),
        }
        note = _reason_to_be_alone(options)
        with _servers(url, is_alone=note is not None) as servers:
            for name, crowd in people.items():
                loads = _loads(servers, crowd, Path(folder))
                bench.results.append(compare(Comparison(name, loads, GOAL, note), options))
        bench.results.append(_audit(url))
    return bench


def _reason_to_be_alone(options: Options) -> str | None:
    """Say why the service is compared with nobody, if so."""
    if not options.has_peers:
        return "--without-peers"
    if options.engine != "postgresql":
        return "asyncpg speaks to PostgreSQL only"
    return None if is_installed() else "there is no .venv/bench"


@contextmanager
def _servers(url: str, *, is_alone: bool) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        servers = [stack.enter_context(service(url))]
        if not is_alone:
            peer_url = sa.make_url(url).set(drivername="postgresql+asyncpg")
            servers.append(stack.enter_context(reference(peer_url)))
        yield servers


def _loads(servers: Sequence[Server], people: Sequence[Person], folder: Path) -> list[Load]:
    targets = write_targets(folder / "targets", ((one.token.text, PATH) for one in people))
    return [Load(server, targets, "POST", _BODY) for server in servers]


def _audit(url: str) -> Result:
    """Compare every balance with its ledger."""
    books = read_books(url)
    sentence = (
        f"ledger: {books.spends} spends, {books.differences} balances that it does not explain"
    )
    figures = {"spends": books.spends, "differences": books.differences}
    return Result("ledger", figures, sentence, books.differences == 0)
