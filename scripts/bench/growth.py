"""What becomes of a request when much is stored, and when many ask.

Databases of each size stand beside each other, each with a service of its own, and these take
turns: with 10,000 actions in the table, and with as many as ``--rows`` says. Who lists has 5,000
actions; who writes has none at first, so that no table is short of people who write at once.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from scripts.bench.accounts import Credits, Person, make_people, write_targets
from scripts.bench.asking import ask
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import (
    Bench,
    CannotMeasure,
    Comparison,
    Goal,
    Options,
    Result,
    judge,
    progress,
    take_turns,
)
from scripts.bench.growth_clients import measure_clients
from scripts.bench.servers import Load, Server, service
from tests.support.run import Run

FEWEST: Final = 10_000
MIDDLE: Final = 1_000_000
LENGTH: Final = 5_000
"""How many actions somebody has who has any."""
WRITERS: Final = 500
GOAL: Final = Goal("cost", 1.2)

_PATH: Final = "/api/v1/history"
_PAGE: Final = 10
_LARGEST_PAGE: Final = 200
_WALKERS: Final = 20
_BODY: Final = json.dumps({"action_type": "TRANSLATE_DOG", "payload": {"text": "wuff", "mood": 3}})
_OWNERS_AT_ONCE: Final = 20
_INSERT: Final = sa.text("""
    INSERT INTO history
        (user_id, id, action_type, payload, created_at, updated_at, is_deleted, version)
    SELECT owner.id, lpad(to_hex(n), 32, '0')::uuid, 'TRANSLATE_DOG',
        jsonb_build_object('text', md5(n::text), 'mood', n % 7), moment, moment, false, n
    FROM unnest(:owners) AS owner(id), generate_series(1, :length) AS n,
        LATERAL (SELECT now() - (:length - n) * interval '1 minute') AS at(moment)""").bindparams(
    sa.bindparam("owners", type_=sa.ARRAY(sa.Uuid))
)


@dataclass(frozen=True, slots=True)
class Stock:
    """A database of one size, and who is in it.

    Attributes:
        rows: How many actions it has.
        url: Where it is.
        owners: Who has actions.
        writers: Who has none.
    """

    rows: int
    url: str
    owners: Sequence[Person]
    writers: Sequence[Person]


def measure(run: Run, options: Options) -> Bench:
    """Measure growth on PostgreSQL.

    Raises:
        CannotMeasure: Another engine was asked for.
    """
    if options.engine != "postgresql":
        raise CannotMeasure("growth makes its rows with PostgreSQL's generate_series")
    bench = Bench("growth")
    sizes = sorted({FEWEST, min(options.rows, MIDDLE), options.rows})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stocks = [
            _fill(stack.enter_context(new_database(run, options.engine)), rows) for rows in sizes
        ]
        bench.facts = {"engine": options.engine, **describe_server(stocks[0].url)}
        with ExitStack() as running:
            servers = [running.enter_context(service(stock.url)) for stock in stocks]
            bench.results += _measure_sizes(stocks, servers, folder, options)
            bench.results.append(_measure_pages(stocks[-1], servers[-1], folder, options))
        endpoints = _endpoints(stocks[-1], folder)
        bench.results += measure_clients(stocks[-1].url, endpoints, options)
    return bench


def _fill(url: str, rows: int) -> Stock:
    """Store so many actions."""
    owners = make_people(url, rows // LENGTH, Credits(daily=20, prepaid=0))
    writers = make_people(url, WRITERS, Credits(daily=20, prepaid=0))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    for start in range(0, len(owners), _OWNERS_AT_ONCE):
        some = [one.user_id for one in owners[start : start + _OWNERS_AT_ONCE]]
        with engine.begin() as connection:
            connection.execute(_INSERT, {"owners": some, "length": LENGTH})
        progress(f"{(start + len(some)) * LENGTH:,} of {rows:,} rows stored")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE)")
    return Stock(rows, url, owners, writers)


def _endpoints(stock: Stock, folder: Path) -> dict[str, Callable[[Server], Load]]:
    """Return what is asked of a service, by name."""

    def ask(path: str, people: Iterable[Person], **how: Any) -> Callable[[Server], Load]:
        name = f"{stock.rows}-{len(list(folder.iterdir()))}"
        targets = write_targets(folder / name, ((one.token.text, path) for one in people))
        return lambda server: Load(server, targets, label=f"{stock.rows:,}", **how)

    return {
        "read a user": ask("/api/v1/users/me", stock.writers),
        "list 20 actions": ask(_PATH, stock.owners),
        "store an action": ask(_PATH, stock.writers, method="POST", body=_BODY),
    }


def _measure_sizes(
    stocks: Sequence[Stock], servers: Sequence[Server], folder: Path, options: Options
) -> list[Result]:
    """Compare each size with the smallest."""
    loads: dict[str, list[Load]] = {}
    for stock, server in zip(stocks, servers, strict=True):
        for name, endpoint in _endpoints(stock, folder).items():
            loads.setdefault(name, []).append(endpoint(server))
    results = []
    for name, (least, *larger) in loads.items():
        turns = take_turns(name, [least, *larger], options)
        for one in larger:
            comparison = Comparison(f"{name}, {one.name} rows", (one, least), GOAL)
            both = {each.name: turns[each.name] for each in (one, least)}
            results.append(judge(comparison, both))
    return results


def _measure_pages(stock: Stock, server: Server, folder: Path, options: Options) -> Result:
    """Compare the last page of a list with its first."""
    people = stock.owners[:_WALKERS]
    first = f"{_PATH}?limit={_PAGE}"
    paths = {
        f"page {LENGTH // _PAGE}": [f"{first}&cursor={_walk(server, one)}" for one in people],
        "page 1": [first] * len(people),
    }
    loads = []
    for name, chosen in paths.items():
        pairs = zip((one.token.text for one in people), chosen, strict=True)
        loads.append(Load(server, write_targets(folder / name, pairs), label=name))
    comparison = Comparison("list 10 actions", loads, GOAL)
    return judge(comparison, take_turns(comparison.name, loads, options))


def _walk(server: Server, person: Person) -> str:
    """Turn the pages up to the last one, which has as many actions as a short page."""
    left, cursor = LENGTH - _PAGE, ""
    while left:
        limit = min(left, _LARGEST_PAGE)
        after = f"&cursor={cursor}" if cursor else ""
        page = _get(server, f"{_PATH}?limit={limit}{after}", person)
        cursor, left = page["next_cursor"], left - limit
    last = _get(server, f"{_PATH}?limit={_PAGE}&cursor={cursor}", person)
    if len(last["items"]) != _PAGE or last["next_cursor"] is not None:
        raise CannotMeasure(f"the last page has {len(last['items'])} actions")
    return cursor


def _get(server: Server, path: str, person: Person) -> Mapping[str, Any]:
    status, body = ask(server.url, path, token=person.token.text)
    if status != HTTPStatus.OK:
        raise CannotMeasure(f"{server.name} answers {path} with {status}")
    found: dict[str, Any] = json.loads(body)
    return found
