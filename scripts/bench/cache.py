"""A cached answer beside one row that is read by its key: called in this process, and over HTTP.

Both documents are the same, and so is the way to the database. What is compared with is the
cheapest read of a whole row that the runtime has: a statement that was prepared.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import uuid_utils.compat

from app import deadline
from app.models import get_db, release
from app.usecases import query_cache
from app.usecases.history import record_action
from app.usecases.query_cache import Key, get_or_compute, hash_query
from app.vocabulary import CacheScope
from bilayer.runtime import Param, prepared, select
from scripts.bench.accounts import Credits, Person, make_people, write_targets
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import Bench, CannotMeasure, Comparison, Goal, Options, Turn, compare
from scripts.bench.servers import Load, service
from tests.support.run import Run
from tests.support.service import connected, settings_for

PEOPLE: Final = 500
GOAL: Final = Goal("cost", 1.3)
_TTL: Final = 86_400
_RESULT: Final = {
    "answer": "A walk in the park, then dinner. " * 30,
    "sources": [{"id": number, "score": number / 7} for number in range(20)],
}
_LOOKS_AT_THE_CLOCK_AFTER: Final = 20

_ROW = prepared(
    lambda db: select(
        (db.history.user_id == Param("user_id")) & (db.history.id == Param("id")),
        db.history.ALL,
    )
)


@dataclass(frozen=True, slots=True)
class Calls:
    """A function, called in this process again and again, as a request would."""

    name: str
    functions: Sequence[Callable[[], object]]

    def take_turn(self, seconds: int) -> Turn:
        """Call for so long."""
        functions = cycle(self.functions)
        count, begun, used = 0, time.perf_counter(), time.process_time()
        while (passed := time.perf_counter() - begun) < seconds:
            for _ in range(_LOOKS_AT_THE_CLOCK_AFTER):
                deadline.begin()
                next(functions)()
                release()
                deadline.end()
            count += _LOOKS_AT_THE_CLOCK_AFTER
        return Turn(count, passed, time.process_time() - used)


@dataclass(frozen=True, slots=True)
class Entry:
    """The same document in both places.

    Attributes:
        person: Whose it is.
        row_id: The key of the row.
        private: The key of their own answer.
        public: The key of the same answer for everybody.
    """

    person: Person
    row_id: UUID
    private: Key
    public: Key


def measure(run: Run, options: Options) -> Bench:
    """Measure hits on the engine that was asked for."""
    bench = Bench("cache")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        people = make_people(url, PEOPLE, Credits(daily=20, prepaid=0))
        with connected(settings_for(url, Path(folder))):
            entries = [_store(person) for person in people]
            rows = Calls("row", [_reading(entry) for entry in entries])
            for scope in ("private", "public"):
                hits = Calls("hit", [_hitting(getattr(entry, scope)) for entry in entries])
                comparison = Comparison(f"cache hit, {scope}, called", (hits, rows), GOAL)
                bench.results.append(compare(comparison, options))
        bench.results.append(_compare_requests(url, entries, Path(folder), options))
    return bench


def _compare_requests(url: str, entries: Sequence[Entry], folder: Path, options: Options) -> Any:
    """Compare what clients wait for."""
    tokens = [entry.person.token.text for entry in entries]
    paths = {
        "hit": [f"/api/v1/query-cache/{entry.private.query_hash}" for entry in entries],
        "row": [f"/api/v1/history/{entry.row_id}" for entry in entries],
    }
    with service(url) as server:
        loads = [
            Load(
                server,
                write_targets(folder / name, zip(tokens, chosen, strict=True)),
                label=name,
            )
            for name, chosen in paths.items()
        ]
        return compare(Comparison("cache hit, HTTP", loads, GOAL), options)


def _store(person: Person) -> Entry:
    row_id = uuid_utils.compat.uuid7()
    record_action(person.user_id, action_id=row_id, action_type="ASK", payload=_RESULT)
    digest = hash_query({"prompt": str(row_id)})
    entry = Entry(person, row_id, Key(person.user_id, CacheScope.USER, digest), Key.public(digest))
    for key in (entry.private, entry.public):
        query_cache.put(key, _RESULT, ttl=_TTL)
    release()
    return entry


def _reading(entry: Entry) -> Callable[[], object]:
    user_id, row_id = entry.person.user_id, entry.row_id
    return lambda: _ROW.one(get_db(), user_id=user_id, id=row_id)


def _hitting(key: Key) -> Callable[[], object]:
    return lambda: get_or_compute(key, _miss, ttl=_TTL)


def _miss() -> None:
    raise CannotMeasure("an answer that was just stored is not there")
