"""The values check: tries each pair of types once and reports for every column that has it.

Checks and foreign keys have no part in it: a trial's table has the column, and a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bilayer.drift.findings import Difference
from bilayer.drift.scratch.databases import Scratch
from bilayer.drift.snapshot import Runtime
from bilayer.drift.values.boundaries import list_boundaries
from bilayer.drift.values.layers import abandon, open_dal
from bilayer.drift.values.pairs import Pair, build_table, define_table, list_pairs
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
    found: list[Difference] = []
    failures: list[str] = []
    try:
        with open_dal(url, runtime.adapter) as db:
            for pair in list_pairs(metadatas, dal, runtime, engine):
                try:
                    found += _try_pair(engine, db, dal, pair)
                except Exception as error:  # noqa: BLE001 - a type may need what a new database lacks
                    abandon(db)
                    table, column = pair.places[0]
                    failures.append(f"{table}.{column} could not be tried: {_first_line(error)}")
    except Exception as error:  # noqa: BLE001 - drivers and adapters fail in their own ways
        failures.append(f"the values could not be tried: {_first_line(error)}")
    finally:
        engine.dispose()
    return found, failures


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _try_pair(engine: sa.Engine, db: Any, dal: Any, pair: Pair) -> list[Difference]:
    """Try all values of one pair, and report the first outcome of each code."""
    table = build_table(pair, engine)
    trial = Trial(engine, table, db, define_table(pair, db, dal), pair.type)
    outcomes: dict[str, Outcome] = {}
    for value in list_boundaries(pair.type, str(pair.field.type)):
        for outcome in trial.run(value):
            outcomes.setdefault(outcome.code, outcome)
    return [_report(outcome, place) for outcome in outcomes.values() for place in pair.places]


def _report(outcome: Outcome, place: tuple[str, str]) -> Difference:
    table, column = place
    shown = f"{outcome.value!r}, stored as {outcome.stored!r}: {outcome.result!r}"
    message = f"{table}.{column}: {outcome.way} {shown}"
    return Difference(
        outcome.code, outcome.severity, "models-runtime", message, table, column,
        repr(outcome.value), repr(outcome.result),
    )  # fmt: skip
