"""Everything a catalog holds as one flat mapping: a trace left behind is a plain difference.

Reads; judges nothing. The order of columns is not in it: what a downgrade puts back stands last.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from typing import Final

import sqlalchemy as sa

from bilayer.drift.readers.database import read_catalog
from bilayer.drift.rehearsal.catalog_queries import QUERIES
from bilayer.drift.snapshot import Schema, Table

_GIVEN_NAME: Final = re.compile(r".*_ibfk_\d+|CONSTRAINT_\d+|.*_\d+|sqlite_autoindex_.*")


@dataclasses.dataclass(frozen=True, slots=True)
class Catalog:
    """A catalog: its tables as a schema, and everything it holds as text by name."""

    schema: Schema
    objects: Mapping[str, str]


def read_objects(connection: sa.Connection, version_tables: Collection[str]) -> Catalog:
    """Read everything a catalog holds, but for the tables Alembic keeps its revision in."""
    found = read_catalog(connection)
    tables = {name: table for name, table in found.tables.items() if name not in version_tables}
    objects = {key: text for table in tables.values() for key, text in _flatten(table).items()}
    for kind, query in QUERIES[found.engine]:
        for name, text in connection.exec_driver_sql(query):
            if name not in version_tables:
                objects[f"{kind} {name}"] = str(text)
    return Catalog(Schema(found.engine, tables), objects)


def list_differences(before: Catalog, after: Catalog) -> list[str]:
    """Say in words what is in one catalog and not, or not so, in the other."""
    left, right = before.objects, after.objects
    said = [f"{key} is there and was not" for key in sorted(right.keys() - left.keys())]
    said += [f"{key} was there and is not" for key in sorted(left.keys() - right.keys())]
    said += [
        f"{key} was {left[key] or 'unnamed'}, and is {right[key] or 'unnamed'}"
        for key in sorted(left.keys() & right.keys())
        if left[key] != right[key]
    ]
    return said


def list_changed_tables(before: Catalog, after: Catalog) -> set[str]:
    """List the tables that are in both catalogs and differ."""
    both = before.schema.tables.keys() & after.schema.tables.keys()
    return {
        name
        for name in both
        if _flatten(before.schema.tables[name]) != _flatten(after.schema.tables[name])
    }


def _flatten(table: Table) -> dict[str, str]:
    place = f"of table {table.name}"
    flat = {f"table {table.name}": table.comment or ""}
    flat |= {f"column {table.name}.{column.name}": _write(column) for column in table.columns}
    flat[f"primary key {place}"] = ", ".join(table.primary_key)
    for unique in table.uniques:
        key = f"unique ({', '.join(unique.columns)}) {unique.options}".strip()
        flat[f"{key} {place}"] = _name(unique.name)
    for index in table.indexes:
        flat[f"index {index.definition} {place}"] = _name(index.name)
    for link in table.foreign_keys:
        target = f"{link.target} ({', '.join(link.target_columns)})"
        extra = f"{link.ondelete} {link.onupdate} {link.deferrable} {link.match}".strip()
        key = f"foreign key ({', '.join(link.columns)}) to {target} {extra}".strip()
        flat[f"{key} {place}"] = _name(link.name)
    for check in table.checks:
        flat[f"check {check.expression} {place}"] = _name(check.name)
    return flat


def _write(column: object) -> str:
    """Write down what a column is, without what is as usual."""
    parts = []
    for field in dataclasses.fields(column):  # type: ignore[arg-type]  # a snapshot class
        value = getattr(column, field.name)
        if field.name == "type":
            parts += [value.text, *([value.native] if value.native else []), *value.values]
            parts += [value.collation or ""]
        elif field.name != "name" and value != field.default:
            parts.append(field.name if value is True else f"{field.name}={value}")
    return " ".join(part for part in parts if part)


def _name(name: str | None) -> str:
    """Leave out names the engine may have given, which tell nothing."""
    return "" if name is None or _GIVEN_NAME.fullmatch(name) else name
