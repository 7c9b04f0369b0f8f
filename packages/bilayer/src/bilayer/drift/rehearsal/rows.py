"""What is in the tables, in a form in which the same value of two types is the same text.

Compares two such readings; knows no revision.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from bilayer.drift.rehearsal.filling import Names
from bilayer.drift.snapshot import Schema

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d(:?\d\d)?|Z)?")
_EXAMPLES: Final = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table, each a mapping of column to text."""

    key: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str | None], ...]

    def values(self, column: str) -> Counter[str | None]:
        """Count the values of a column."""
        return Counter(row[column] for row in self.rows)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What became of the rows of a table.

    Attributes:
        kind: ``table-gone``, ``column-gone``, ``rows-gone`` or ``value-changed``.
        detail: Of a changed value, what it was and is.
    """

    kind: str
    table: str
    column: str | None = None
    detail: str = ""


def read_rows(connection: sa.Connection, schema: Schema) -> dict[str, Rows]:
    """Read every row of every table."""
    names = Names(connection)
    found = {}
    for table in schema:
        columns = tuple(column.name for column in table.columns)
        if not columns:
            continue
        listed = ", ".join(map(names.quote, columns))
        query = f"SELECT {listed} FROM {names.quote_table(table.name)}"  # noqa: S608 - quoted names
        rows = [
            dict(zip(columns, map(_write, row), strict=True))
            for row in connection.exec_driver_sql(query)
        ]
        found[table.name] = Rows(table.primary_key, columns, tuple(rows))
    return found


def compare_rows(before: Mapping[str, Rows], after: Mapping[str, Rows]) -> Iterator[Change]:
    """Tell what is not there any more; what got another name is still there."""
    new = [
        rows.values(column)
        for table, rows in after.items()
        for column in rows.columns
        if table not in before or column not in before[table].columns
    ]
    for table, old in before.items():
        if not old.rows:
            continue
        if table not in after:
            kept = [column for column in old.columns if old.values(column) in new]
            if len(kept) < len(old.columns):
                yield Change("table-gone", table)
            continue
        yield from _compare_table(table, old, after[table], new)


def _compare_table(
    table: str, old: Rows, now: Rows, new: list[Counter[str | None]]
) -> Iterator[Change]:
    for column in old.columns:
        values = old.values(column)
        if column not in now.columns and set(values) != {None} and values not in new:
            yield Change("column-gone", table, column)
    both = [column for column in old.columns if column in now.columns]
    missing = len(old.rows) - len(now.rows)
    if missing > 0:
        yield Change("rows-gone", table, None, f"{missing} of {len(old.rows)} rows are gone")
        return
    for column in both:
        pairs = _pair(column, old, now)
        changed = next(((a, b) for a, b in pairs if a != b), None)
        if changed is not None:
            yield Change(
                "value-changed", table, column, f"{_cut(changed[0])} became {_cut(changed[1])}"
            )


def _pair(column: str, old: Rows, now: Rows) -> Iterator[tuple[str | None, str | None]]:
    """Pair the values of a column, row by row if the rows can be told apart by their key."""
    key = [name for name in old.key if name in now.columns]
    if key and len(key) == len(old.key):
        later = {tuple(row[name] for name in key): row for row in now.rows}
        matches = [(row, later.get(tuple(row[name] for name in key))) for row in old.rows]
        if all(match is not None for _, match in matches):
            yield from ((row[column], match[column]) for row, match in matches if match is not None)
            return
    lost = sorted((old.values(column) - now.values(column)).elements(), key=str)
    extra = sorted((now.values(column) - old.values(column)).elements(), key=str)
    yield from ((value, extra[n] if n < len(extra) else None) for n, value in enumerate(lost))


def _cut(value: str | None) -> str:
    return "NULL" if value is None else repr(value[:_EXAMPLES])


def _write(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, memoryview | bytes | bytearray):
        return "bytes " + bytes(value).hex()
    if isinstance(value, dt.datetime):
        aware = value.astimezone(dt.UTC) if value.tzinfo else value
        return aware.replace(tzinfo=None).isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, bool | int | float | decimal.Decimal):
        return _write_number(decimal.Decimal(str(int(value) if isinstance(value, bool) else value)))
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, default=str)
    if isinstance(value, uuid.UUID):
        return value.hex
    return _write_text(str(value))


def _write_number(value: decimal.Decimal) -> str:
    return (
        f"{value.normalize():f}"
        if value.is_finite() and value
        else "0"
        if not value
        else str(value)
    )


def _write_text(text: str) -> str:
    """Give a text the form its value has in a column of its own type."""
    bare = text.rstrip(" ")
    if _NUMBER.fullmatch(bare):
        return _write_number(decimal.Decimal(bare))
    if _UUID.fullmatch(bare):
        return bare.replace("-", "").lower()
    if _MOMENT.fullmatch(bare):
        return str(_write(dt.datetime.fromisoformat(bare)))
    if bare[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(bare), sort_keys=True)
        except ValueError:
            return bare
    return bare
