"""PyDAL through ``bilayer.runtime`` beside the drivers alone, and beside SQLAlchemy Core.

Reads and writes of one table on each engine, in one process and one thread, each contestant on
connections that it keeps. All give the same dicts of the same Python values, and store the same
rows, which is proven each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final
from uuid import UUID

from scripts.bench.databases import describe_server
from scripts.bench.frame import Bench, Goal, Options, progress
from scripts.bench.runtime_core import Core
from scripts.bench.runtime_ours import Plain, Prepared
from scripts.bench.runtime_raw import DRIVERS
from scripts.bench.runtime_table import MANY, READER, ROWS, Row, Stored, Way, make_change, make_row
from scripts.bench.runtime_turns import Operation, take_turns
from tests.support.databases import new_database
from tests.support.run import Run

_READ: Final = Goal("cost", 1.25)
_WRITE: Final = Goal("cost", 1.4)


def measure(run: Run, options: Options) -> Bench:
    """Measure all operations on each engine that was asked for."""
    bench = Bench("runtime")
    for engine in options.engines:
        progress(f"{engine}: making a database")
        with new_database(run, engine) as url, _ways(engine, url) as ways:
            bench.facts[engine] = describe_server(url)
            stored = Stored(url)
            for operation in OPERATIONS:
                bench.results.append(take_turns(engine, operation, ways, stored, options))
    return bench


@contextmanager
def _ways(engine: str, url: str) -> Iterator[Sequence[Way]]:
    """Lend the contestants, the subject first and the reference last."""
    makers: tuple[Any, ...] = (Prepared, Plain, Core, DRIVERS[engine])
    with ExitStack() as stack:
        ways = [
            stack.enter_context(closing(make(url, UUID(int=place))))
            for place, make in enumerate(makers, 1)
        ]
        yield ways


def _some_key(_owner: UUID, number: int) -> Row:
    return {"user_id": READER, "id": UUID(int=number * 37 % ROWS + 1)}


def _new(owner: UUID, number: int) -> Row:
    return make_row(owner, ROWS + number)


def _many(owner: UUID, number: int) -> list[Row]:
    return [_new(owner, each) for each in range(number * MANY, (number + 1) * MANY)]


def _every_second_new(owner: UUID, number: int) -> Row:
    row = _new(owner, number // 2)
    return row | {"version": number}


def _three(owner: UUID, number: int) -> list[Row]:
    return [_new(owner, 2 * number), make_change(owner, number), _new(owner, 2 * number + 1)]


OPERATIONS: Final = (
    Operation("one row by key", "row", _some_key, writes=False, goal=_READ),
    Operation("one row by key, connection given back", "taken", _some_key, writes=False),
    Operation("100 rows", "rows", _some_key, writes=False, goal=_READ),
    Operation("insert", "insert", _new, goal=_WRITE),
    Operation("1,000-row insert", "insert_many", _many),
    Operation("update by key", "update", make_change, goal=_WRITE),
    Operation("upsert", "upsert", _every_second_new),
    Operation("transaction of three writes", "transaction", _three),
)
