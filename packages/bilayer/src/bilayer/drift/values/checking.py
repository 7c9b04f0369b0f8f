"""The values check: tries each pair of types once and reports for every column that has it.

Keys, checks and foreign keys have no part in it: the trial's tables have an integer key and the
column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from bilayer.drift.findings import Difference
from bilayer.drift.scratch import Scratch
from bilayer.drift.snapshot import Runtime
from bilayer.drift.values.boundaries import list_boundaries
from bilayer.drift.values.layers import open_dal
from bilayer.drift.values.pairs import Pair, build_tables, list_pairs
from bilayer.drift.values.trial import Outcome, Trial
from bilayer.errors import BilayerError


def check_values(
    metadatas: Sequence[sa.MetaData], dal: Any, runtime: Runtime, scratch: Scratch
) -> tuple[list[Difference], list[str]]:
    """Try the values of every column that both layers know.

    Args:
        metadatas: The models.
        dal: The DAL whose fields are tried; only their definitions are used.
        runtime: The same, as it was read; says which adapter to use.
        scratch: Where the trial's database is made.

    Returns:
        The differences, and what could not be tried.
    """
    try:
        url = scratch.create("values")
    except BilayerError as error:
        return [], [str(error)]
    # A pool: every value is several short statements.
    engine = sa.create_engine(url)
    try:
        pairs = list(list_pairs(metadatas, dal, runtime, engine))
        tables = build_tables(pairs, engine)
        with open_dal(url, runtime.adapter) as db:
            found = [
                difference
                for pair in pairs
                for difference in _try_pair(engine, tables[pair.name], db, pair)
            ]
    except Exception as error:  # noqa: BLE001 - drivers and adapters fail in their own ways
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return [], [f"the values could not be tried: {reason[0]}"]
    finally:
        engine.dispose()
    return found, []


def _try_pair(engine: sa.Engine, table: sa.Table, db: Any, pair: Pair) -> Iterator[Difference]:
    """Try all values of one pair, and report the first outcome of each code."""
    field = pair.field.clone()
    field.name, field._rname, field._raw_rname = "x", None, None
    db.define_table(pair.name, type(pair.field)("id", "id"), field)
    trial = Trial(engine, table, db, db[pair.name], pair.type)
    outcomes: dict[str, Outcome] = {}
    for value in list_boundaries(pair.type):
        for outcome in trial.run(value):
            outcomes.setdefault(outcome.code, outcome)
    for outcome in outcomes.values():
        for place in pair.places:
            yield _report(outcome, place)


def _report(outcome: Outcome, place: tuple[str, str]) -> Difference:
    table, column = place
    shown = f"{outcome.value!r}, stored as {outcome.stored!r}: {outcome.result!r}"
    message = f"{table}.{column}: {outcome.way} {shown}"
    return Difference(
        outcome.code, outcome.severity, "models-runtime", message, table, column,
        repr(outcome.value), repr(outcome.result),
    )  # fmt: skip
