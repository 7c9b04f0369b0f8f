"""Rows of PyDAL whose conversions to dicts and JSON lose nothing."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import decimal
import json
import uuid
from typing import Any, Final

from bilayer.runtime.errors import InvalidValue
from bilayer.runtime.pydal_compat import (
    LazySet,
    PyDALField,
    RecordUpdater,
    Reference,
    Row,
    Rows,
)


class NativeRow(Row):  # type: ignore[misc]
    """A row whose conversions lose nothing."""

    def as_dict(
        self,
        datetime_to_str: bool = False,  # noqa: FBT001, FBT002 - PyDAL's signature
        custom_types: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Give all values of the row, with their types; PyDAL would drop UUIDs and bytes."""
        found: dict[str, Any] = {}
        for key, value in self.items():
            if isinstance(value, Row):
                found[key] = value.as_dict(datetime_to_str)
            elif isinstance(value, Reference):
                found[key] = int(value)
            elif not callable(value) and not isinstance(value, LazySet):
                temporal = isinstance(value, dt.date | dt.time)
                found[key] = value.isoformat() if datetime_to_str and temporal else value
        return found

    def as_json(self, mode: str = "object", default: Any = None, **_options: Any) -> str:
        """Write the row as JSON; decimals and UUIDs as text, bytes in base64."""
        del mode
        return json.dumps(self.as_dict(), default=default or json_value)


class StrictUpdater(RecordUpdater):  # type: ignore[misc]
    """``row.update_record(...)`` that knows its columns."""

    def __call__(self, **fields: Any) -> Any:
        """Update the row.

        Raises:
            InvalidValue: There is no such column; PyDAL would drop the name silently.
        """
        table = self.db[self.tablename]
        if not fields:  # PyDAL would write back every value it once read
            raise InvalidValue("say which columns to update", self.tablename)
        for name in fields:
            if name not in table.fields:
                raise InvalidValue("no such column", self.tablename, name)
        return super().__call__(**fields)


class NativeRows(Rows):  # type: ignore[misc]
    """Rows whose JSON loses nothing."""

    def as_json(self, mode: str = "object", default: Any = None) -> str:
        """Write the rows as a JSON array; see ``NativeRow.as_json``."""
        del mode
        return json.dumps(self.as_list(), default=default or json_value)

    def export_to_csv_file(
        self,
        ofile: Any,
        null: str = "<NULL>",
        *,
        write_colnames: bool = True,
        **format_options: Any,
    ) -> None:
        """Write the rows as CSV; values are spelled as in ``as_json``, NULL as ``null``.

        PyDAL would cut datetimes to whole seconds without a zone.
        """
        writer = csv.writer(ofile, **format_options)
        names = [name.translate(_NO_QUOTES).rpartition(" AS ")[2] for name in self.colnames]
        if write_colnames:
            writer.writerow(names)
        for record in self:
            cells = map(_cell, [record] * len(names), names, self.colnames_fields)
            writer.writerow([null if cell is None else _spelled(cell) for cell in cells])


_NO_QUOTES: Final = str.maketrans("", "", '"`')


def _cell(record: Any, name: str, field: Any) -> Any:
    """Find a column's value in a row of one table, of a join, or among the expressions."""
    if isinstance(field, PyDALField):
        part = record.get(field.tablename)
        return (part if isinstance(part, Row) else record)[field.name]
    extra = record.get("_extra") or {}
    return extra[name] if name in extra else record.get(name)


def _spelled(value: Any) -> str:
    if isinstance(value, str):
        return value
    plain = isinstance(value, bool | dict | list)
    return json.dumps(value, default=json_value) if plain else _text(value)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, int | float) else json_value(value)


def json_value(value: Any) -> str:
    """Spell a value JSON has no word for.

    Raises:
        TypeError: There is no agreed spelling.
    """
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")
