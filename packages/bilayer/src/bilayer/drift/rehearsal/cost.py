"""What a revision costs on large tables of PostgreSQL, and whom it keeps waiting."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from bilayer.drift.rehearsal.bulk import multiply
from bilayer.drift.rehearsal.filling import Filler
from bilayer.drift.rehearsal.player import Step
from bilayer.drift.rehearsal.probing import note_locks, probing
from bilayer.drift.rehearsal.stage import Stage
from bilayer.drift.rehearsal.verdicts import Verdict
from bilayer.drift.schemas import read_relation

_LONG_SECONDS: Final = 1.0
_NODES: Final = (
    "SELECT c.oid::regclass::text, pg_relation_filenode(c.oid) FROM pg_class c"
    " WHERE c.relkind IN ('r', 'm') AND c.relnamespace <> 'pg_catalog'::regnamespace"
)
_SIZES: Final = "SELECT pg_database_size(current_database()), pg_current_wal_insert_lsn()::text"


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """What a revision did to those who used one table meanwhile.

    Attributes:
        lock: The strongest lock that was held on it.
        reader: The longest a reader of one row waited, in seconds; None if nobody could read.
        writer: The same of a writer.
        ended: Why a client stopped early, such as that the table was gone.
    """

    table: str
    lock: str | None
    reader: float | None
    writer: float | None
    is_rewritten: bool = False
    ended: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What one revision cost.

    Attributes:
        rows: How many each of the tables had.
        wal_bytes: What was written to the log of the whole server meanwhile, by the probes too.
        grown_bytes: What the database grew by.
        unfilled: The tables that could not be given so many rows, and why.
        error: Why the revision failed.
    """

    revision: str
    rows: int
    seconds: float
    wal_bytes: int
    grown_bytes: int
    tables: tuple[Waiting, ...]
    unfilled: Mapping[str, str]
    error: str | None = None


def measure(
    stage: Stage,
    touched: Mapping[str, set[str]],
    rows: int,
    tell: Callable[[str], None],
) -> Iterator[Cost]:
    """Run revisions on large tables, each in a new database.

    Args:
        stage: Where the revisions were rehearsed.
        touched: Of each revision, the tables it locks, writes or changes; only they are filled.
        rows: How many rows they get.
        tell: Told of each step.
    """
    for index, step in enumerate(stage.steps):
        tables = sorted(touched.get(step.revision, ()))
        if not tables:
            continue
        tell(f"{step.revision}: filling {', '.join(tables)}")
        if stage.rebuild(index) is not None:
            return
        unfilled = _fill(stage, tables, rows)
        tell(f"{step.revision}: running on {rows:,} rows")
        yield _measure(stage, step, tables, rows, unfilled)


def judge_costs(costs: Sequence[Cost], steps: Sequence[Step]) -> Iterator[Verdict]:
    """Judge what revisions cost."""
    by_name = {step.revision: step for step in steps}
    for cost in costs:
        step = by_name[cost.revision]
        if cost.error is not None:
            message = f"revision {cost.revision} fails on {cost.rows:,} rows: {cost.error}"
            yield Verdict("BL703", "warning", step, message)
        for table, reason in cost.unfilled.items():
            message = f"{table} could not be given {cost.rows:,} rows, so it was small: {reason}"
            yield Verdict("BL712", "warning", step, message, table)
        for each in cost.tables:
            waited = max(each.reader or 0, each.writer or 0)
            who = "readers" if (each.reader or 0) >= _LONG_SECONDS else "writers"
            if waited >= _LONG_SECONDS:
                message = (
                    f"revision {cost.revision} keeps {who} of {each.table} waiting for"
                    f" {waited:.1f} s at {cost.rows:,} rows ({each.lock or 'no lock seen'})"
                )
                yield Verdict("BL713", "warning", step, message, each.table)
            if each.is_rewritten:
                message = f"revision {cost.revision} rewrites {each.table}"
                yield Verdict("BL714", "warning", step, message, each.table)


def _fill(stage: Stage, tables: Sequence[str], rows: int) -> dict[str, str]:
    unfilled = stage.fill(Filler())
    schema = stage.read_catalog().schema
    with stage.connected() as connection:
        unfilled = multiply(connection, schema, tables, rows) | unfilled
    return {name: why for name, why in unfilled.items() if name in tables}


def _measure(
    stage: Stage, step: Step, tables: Sequence[str], rows: int, unfilled: Mapping[str, str]
) -> Cost:
    schema = stage.read_catalog().schema
    with stage.connected() as connection:
        nodes = _read_nodes(connection)
        size, lsn = connection.exec_driver_sql(_SIZES).one()
        known = [schema.tables[name] for name in tables]
        with probing(stage.player.url, connection, known) as (pairs, watch):
            ran = stage.run([step.revision])
        note_locks(watch.strongest, ran.locks)
        new_nodes = _read_nodes(connection)
        after, wal = connection.exec_driver_sql(
            "SELECT pg_database_size(current_database()),"
            f" pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{lsn}')"
        ).one()
    waits = []
    for name in tables:
        reader, writer = pairs.get(name, (None, None))
        waits.append(
            Waiting(
                table=name,
                lock=watch.strongest.get(name),
                reader=reader.longest if reader else None,
                writer=writer.longest if writer else None,
                is_rewritten=name in new_nodes and nodes.get(name) != new_nodes[name],
                ended=(reader and reader.ended) or (writer and writer.ended) or None,
            )
        )
    return Cost(
        step.revision, rows, ran.seconds, int(wal), after - size, tuple(waits), unfilled, ran.error
    )


def _read_nodes(connection: sa.Connection) -> dict[str, int]:
    found = {read_relation(row[0]): row[1] for row in connection.exec_driver_sql(_NODES)}
    connection.rollback()
    return found
