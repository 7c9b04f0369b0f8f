"""The trial: each pair of column and field types is tried once, in both directions.

Columns that have the same type in both layers behave alike, so the trial has one table a pair and
reports what it finds for every column of that pair. Values that SQLAlchemy itself cannot keep on
an engine are no matter between the layers and are left out. Keys, checks and foreign keys have no
part in it: the trial's tables have an integer key and the column.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bilayer.drift.findings import Difference
from bilayer.drift.kinds import Severity, kind_of
from bilayer.drift.readers.describe import describe
from bilayer.drift.readers.sqlalchemy import list_tables
from bilayer.drift.scratch import Scratch
from bilayer.drift.snapshot import Runtime, Type
from bilayer.drift.values.boundaries import list_boundaries
from bilayer.drift.values.layers import abandon, open_dal, settle
from bilayer.errors import BilayerError

_UNSEARCHABLE = frozenset({"json", "array", "binary", "float"})
"""Families whose values ``==`` does not find on every engine, whichever layer asks."""


@dataclasses.dataclass(slots=True)
class _Pair:
    """One pair of types, and the columns that have it."""

    name: str
    column: sa.Column[Any]
    field: Any  # a PyDAL field
    type: Type
    places: list[tuple[str, str]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class _Outcome:
    """What went wrong with one value."""

    code: str
    severity: Severity
    way: str
    value: Any
    stored: Any
    result: Any


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
        pairs = list(_list_pairs(metadatas, dal, runtime, engine))
        tables = _build(pairs, engine)
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


def _list_pairs(
    metadatas: Sequence[sa.MetaData], dal: Any, runtime: Runtime, engine: sa.Engine
) -> Iterator[_Pair]:
    """Group the columns both layers know by their types; keys PyDAL numbers are left out."""
    by_table = runtime.by_table()
    pairs: dict[tuple[Any, ...], _Pair] = {}
    for table in list_tables(metadatas):
        defined = by_table.get(table.fullname)
        for column in table.columns if defined else ():
            field = defined.field(column.name) if defined else None
            is_tried = field and kind_of(field.type) and not field.type.startswith(_NOT_TRIED)
            if defined is None or field is None or not is_tried or column.computed is not None:
                continue
            type_ = describe(column.type, engine.dialect)
            key = (type_, repr(column.type), field.type, field.length)
            if key not in pairs:
                original = dal[defined.name][field.name]
                pairs[key] = _Pair(f"trial_{len(pairs)}", column, original, type_)
            pairs[key].places.append((table.fullname, column.name))
    yield from pairs.values()


_NOT_TRIED = ("id", "big-id", "reference", "big-reference", "list:reference", "geo")


def _build(pairs: Sequence[_Pair], engine: sa.Engine) -> Mapping[str, sa.Table]:
    metadata = sa.MetaData()
    for pair in pairs:
        # A copy of the type: a native enum is created with the one table that has it.
        type_ = pair.column.type.copy() if hasattr(pair.column.type, "copy") else pair.column.type
        sa.Table(
            pair.name,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("x", type_),
        )
    metadata.create_all(engine)
    return metadata.tables


def _try_pair(engine: sa.Engine, table: sa.Table, db: Any, pair: _Pair) -> Iterator[Difference]:
    """Try all values of one pair, and report the first outcome of each code."""
    field = pair.field.clone()
    field.name, field._rname, field._raw_rname = "x", None, None
    db.define_table(pair.name, type(pair.field)("id", "id"), field)
    trial = _Trial(engine, table, db, db[pair.name], pair.type)
    outcomes: dict[str, _Outcome] = {}
    for value in list_boundaries(pair.type):
        for outcome in trial.run(value):
            outcomes.setdefault(outcome.code, outcome)
    for outcome in outcomes.values():
        for place in pair.places:
            yield _report(outcome, place)


def _report(outcome: _Outcome, place: tuple[str, str]) -> Difference:
    table, column = place
    shown = f"{outcome.value!r}, stored as {outcome.stored!r}: {outcome.result!r}"
    message = f"{table}.{column}: {outcome.way} {shown}"
    return Difference(
        outcome.code, outcome.severity, "models-runtime", message, table, column,
        repr(outcome.value), repr(outcome.result),
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Trial:
    """One table in which values are tried one by one."""

    engine: sa.Engine
    table: sa.Table
    db: Any
    defined: Any
    type: Type

    def run(self, value: Any) -> Iterator[_Outcome]:
        """Write a value through each layer and read it through the other."""
        if not self._is_kept_by_core(value):
            return
        yield from self._write_core(value)
        yield from self._write_pydal(value)

    def _is_kept_by_core(self, value: Any) -> bool:
        try:
            self._insert_core(value)
            return are_same(self._read_core(), value)
        except Exception:  # noqa: BLE001 - the engine refuses the value itself
            return False

    def _write_core(self, value: Any) -> Iterator[_Outcome]:
        self._insert_core(value)
        stored = self._read_raw()
        way = "PyDAL reads what SQLAlchemy wrote,"
        result, outcome = self._attempt(way, value, stored, self._read_pydal)
        if outcome is not None:
            yield outcome
            return
        if not are_same(result, value):
            yield _Outcome("BL501", _weigh(result, value), way, value, stored, result)
        if self.type.family in _UNSEARCHABLE:
            return
        way = "PyDAL searches with == what SQLAlchemy wrote,"
        count, outcome = self._attempt(way, value, stored, lambda: self._count_pydal(value))
        if outcome is not None:
            yield outcome
        elif not count:
            severity: Severity = "warning" if _is_time(value) else "error"
            yield _Outcome("BL503", severity, way, value, stored, "nothing found")

    def _write_pydal(self, value: Any) -> Iterator[_Outcome]:
        self._clear()
        way = "PyDAL writes"
        _, outcome = self._attempt(way, value, None, lambda: self._insert_pydal(value))
        if outcome is not None:
            yield outcome
            return
        stored = self._read_raw()
        way = "SQLAlchemy reads what PyDAL wrote,"
        result, outcome = self._attempt(way, value, stored, self._read_core)
        if outcome is not None:
            yield outcome
            return
        if not are_same(result, value):
            yield _Outcome("BL501", _weigh(result, value), way, value, stored, result)
            return
        if self.type.family not in _UNSEARCHABLE and not self._count_core(value):
            way = "SQLAlchemy searches with == what PyDAL wrote,"
            yield _Outcome("BL503", "error", way, value, stored, "nothing found")

    def _attempt(
        self, way: str, value: Any, stored: Any, step: Callable[[], Any]
    ) -> tuple[Any, _Outcome | None]:
        try:
            return step(), None
        except Exception as error:  # noqa: BLE001 - a refusal is the outcome that is looked for
            abandon(self.db)
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            return None, _Outcome("BL502", "error", way, value, stored, text)

    def _clear(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.delete(self.table))
        settle(self.db)

    def _insert_core(self, value: Any) -> None:
        self._clear()
        with self.engine.begin() as connection:
            connection.execute(sa.insert(self.table).values(x=value))
        settle(self.db)

    def _read_core(self) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(self.table.c.x)).scalar_one()

    def _read_raw(self) -> Any:
        """Read what the driver gives, without SQLAlchemy's conversion."""
        statement = sa.text(f"SELECT x FROM {self.table.name}")  # noqa: S608 - a name made here
        with self.engine.connect() as connection:
            value = connection.execute(statement).scalar_one()
        return bytes(value) if isinstance(value, memoryview) else value

    def _count_core(self, value: Any) -> int:
        statement = sa.select(sa.func.count()).where(self.table.c.x == value)
        with self.engine.connect() as connection:
            return int(connection.execute(statement).scalar_one())

    def _insert_pydal(self, value: Any) -> None:
        self.defined.insert(x=value)
        settle(self.db)

    def _read_pydal(self) -> Any:
        row = self.db(self.defined.id > 0).select(self.defined.x).first()
        settle(self.db)
        return row["x"]

    def _count_pydal(self, value: Any) -> int:
        count = int(self.db(self.defined.x == value).count())
        settle(self.db)
        return count


def are_same(one: Any, two: Any) -> bool:
    """Compare values and their kinds: 1 is not True, and naive is not aware."""
    if isinstance(one, dt.datetime) and isinstance(two, dt.datetime):
        return (one.tzinfo is None) == (two.tzinfo is None) and one == two
    if isinstance(one, memoryview | bytearray):
        one = bytes(one)
    if type(one) is not type(two):
        return False
    if isinstance(one, list):
        return len(one) == len(two) and all(map(are_same, one, two))
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(are_same(one[key], two[key]) for key in one)
    return bool(one == two)


def _weigh(result: Any, value: Any) -> Severity:
    """Weigh a changed value: lost microseconds and zones are survived, other changes are not.

    A value that comes back as its own text is survived too.
    """
    if isinstance(result, str) and result == str(value):
        return "warning"
    if not _is_time(value) or type(result) is not type(value):
        return "error"
    is_same_wall = result.replace(microsecond=0, tzinfo=None) == value.replace(
        microsecond=0, tzinfo=None
    )
    return "warning" if is_same_wall else "error"


def _is_time(value: Any) -> bool:
    return isinstance(value, dt.datetime | dt.time)
