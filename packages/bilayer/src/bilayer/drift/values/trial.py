"""The trial of one table: each value through each layer, read through the other, searched by both.

Values that SQLAlchemy itself cannot keep on an engine are no matter between the layers.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from bilayer.drift.kinds import Severity
from bilayer.drift.snapshot import Type
from bilayer.drift.values.layers import abandon, settle


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What went wrong with one value."""

    code: str
    severity: Severity
    way: str
    value: Any
    stored: Any
    result: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """One table in which values are tried one by one."""

    engine: sa.Engine
    table: sa.Table
    db: Any
    defined: Any
    type: Type

    def run(self, value: Any) -> Iterator[Outcome]:
        """Write a value through each layer and read it through the other."""
        if not self._is_kept_by_core(value):
            return
        # Not every engine finds documents, bytes and singles, whoever asks.
        is_searched = self._is_found_by_core(value)
        yield from self._write_core(value, is_searched=is_searched)
        yield from self._write_pydal(value, is_searched=is_searched)

    def _is_kept_by_core(self, value: Any) -> bool:
        try:
            self._insert_core(value)
            return are_same(self._read_core(), value)
        except Exception:  # noqa: BLE001 - the engine refuses the value itself
            return False

    def _is_found_by_core(self, value: Any) -> bool:
        try:
            return self._count_core(value) > 0
        except Exception:  # noqa: BLE001 - the engine compares no such values
            return False

    def _write_core(self, value: Any, *, is_searched: bool) -> Iterator[Outcome]:
        self._insert_core(value)
        stored = self._read_raw()
        way = "PyDAL reads what SQLAlchemy wrote,"
        result, outcome = self._attempt(way, value, stored, self._read_pydal)
        if outcome is not None:
            yield outcome
            return
        if not are_same(result, value):
            yield Outcome("BL501", _weigh(result, value), way, value, stored, result)
        if not is_searched:
            return
        way = "PyDAL searches with == what SQLAlchemy wrote,"
        count, outcome = self._attempt(way, value, stored, lambda: self._count_pydal(value))
        if outcome is not None:
            yield outcome
        elif not count:
            severity: Severity = "warning" if _is_time(value) else "error"
            yield Outcome("BL503", severity, way, value, stored, "nothing found")

    def _write_pydal(self, value: Any, *, is_searched: bool) -> Iterator[Outcome]:
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
            yield Outcome("BL501", _weigh(result, value), way, value, stored, result)
            return
        if is_searched and not self._count_core(value):
            way = "SQLAlchemy searches with == what PyDAL wrote,"
            yield Outcome("BL503", "error", way, value, stored, "nothing found")

    def _attempt(
        self, way: str, value: Any, stored: Any, step: Callable[[], Any]
    ) -> tuple[Any, Outcome | None]:
        try:
            return step(), None
        except Exception as error:  # noqa: BLE001 - a refusal is the outcome that is looked for
            abandon(self.db)
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            return None, Outcome("BL502", "error", way, value, stored, text)

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
        row = self.db(self.defined).select(self.defined.x).first()
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
    if isinstance(one, int) and not isinstance(one, bool):
        one = int(one)  # PyDAL reads references as integers of its own kind.
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
