"""A database's catalog as a schema. Only reads; decides nothing about differences."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector

from bilayer.drift.constraints import Check, ForeignKey, Index, Unique
from bilayer.drift.readers import catalogs, sqlite
from bilayer.drift.readers.describe import describe
from bilayer.drift.snapshot import Column, Schema, Table, Type
from bilayer.urls import engine_name

_SERVER_SCHEMAS: Final = frozenset(
    {"information_schema", "pg_catalog", "mysql", "performance_schema", "sys"}
)
_DOCUMENT: Final = Type("json", "JSON")
_UNIQUE_OPTION: Final = re.compile(
    r"NULLS NOT DISTINCT|INCLUDE \([^)]*\)|DEFERRABLE(?: INITIALLY DEFERRED)?"
)
_Key = tuple[str | None, str]


def read_catalog(connection: sa.Connection) -> Schema:
    """Read every table of the default schema, and of the other schemas on PostgreSQL.

    Tables that belong to an extension are left out.
    """
    inspector = sa.inspect(connection)
    engine = engine_name(connection.dialect.name)
    tables: dict[str, Table] = {}
    for schema in _list_schemas(inspector, engine):
        tables |= _read_schema(connection, inspector, schema)
    for owned in catalogs.list_extension_tables(connection, engine):
        tables.pop(owned, None)
    return Schema(engine, tables)


def _list_schemas(inspector: Inspector, engine: str) -> list[str | None]:
    if engine != "postgresql":
        return [None]
    names = set(inspector.get_schema_names()) - _SERVER_SCHEMAS - {inspector.default_schema_name}
    return [None, *sorted(name for name in names if not name.startswith("pg_"))]


def _read_schema(
    connection: sa.Connection, inspector: Inspector, schema: str | None
) -> dict[str, Table]:
    parts = _Parts(connection, inspector, schema)
    return {_full_name(key): parts.read(key) for key in parts.columns}


class _Parts:
    """Everything the inspector tells about one schema, asked for once for all tables."""

    def __init__(self, connection: sa.Connection, inspector: Inspector, schema: str | None) -> None:
        self.dialect = connection.dialect
        self.engine = engine_name(self.dialect.name)
        self.columns: Mapping[_Key, Any] = inspector.get_multi_columns(schema=schema)
        self.keys: Mapping[_Key, Any] = inspector.get_multi_pk_constraint(schema=schema)
        self.links: Mapping[_Key, Any] = inspector.get_multi_foreign_keys(schema=schema)
        self.comments = _read_comments(inspector, schema, self.engine)
        self.definitions = catalogs.read_index_definitions(connection, schema, self.engine)
        self.constraints = catalogs.read_constraint_definitions(connection, schema, self.engine)
        self.natives = catalogs.read_native_types(connection, schema, self.engine)
        self.statements: Mapping[str, str] = {}
        self.types: dict[str, Type] = {}
        self.indexes: Mapping[_Key, Any]
        self.checks: Mapping[_Key, Any]
        with sqlite.without_index_warnings():
            self.uniques: Mapping[_Key, Any] = inspector.get_multi_unique_constraints(schema=schema)
        if self.engine == "sqlite":
            self.indexes = sqlite.read_indexes(connection)
            self.statements = sqlite.read_statements(connection)
            self.checks = {
                (None, name): sqlite.list_checks(text) for name, text in self.statements.items()
            }
        else:
            self.indexes = inspector.get_multi_indexes(schema=schema)
            self.checks = inspector.get_multi_check_constraints(schema=schema)
        self.documents: frozenset[tuple[str, str]] = frozenset()
        if self.engine == "mysql" and getattr(self.dialect, "is_mariadb", False):
            self.checks, self.documents = catalogs.read_mariadb_checks(connection)

    def read(self, key: _Key) -> Table:
        """Put one table together."""
        name = _full_name(key)
        primary_key = tuple(self.keys[key]["constrained_columns"]) if key in self.keys else ()
        uniques, indexes = self._read_indexes(key)
        return Table(
            name=name,
            columns=tuple(
                self._read_column(key[1], primary_key, info) for info in self.columns[key]
            ),
            primary_key=primary_key,
            uniques=uniques,
            indexes=indexes,
            foreign_keys=tuple(
                self._read_foreign_key(key, info) for info in self.links.get(key, ())
            ),
            checks=tuple(
                Check(info["sqltext"], info.get("name")) for info in self.checks.get(key, ())
            ),
            comment=self.comments.get(key),
        )

    def _read_column(self, table: str, primary_key: tuple[str, ...], info: Any) -> Column:
        type_ = self._describe(info["type"])
        if (table, info["name"]) in self.documents:
            type_ = _DOCUMENT
        elif type_.family != "enum":
            # The words of an enum are compared; what its type is called means nothing.
            native = self.natives.get((table, info["name"]), "")
            type_ = dataclasses.replace(type_, native=native)
        default = info.get("default")
        autoincrement = self._is_autoincrement(primary_key, info, type_.family)
        return Column(
            name=info["name"],
            type=type_,
            nullable=bool(info["nullable"]),
            default=None if autoincrement else default,
            autoincrement=autoincrement,
            generated=self._read_generated(table, info),
            comment=info.get("comment") or None,
            is_always_numbered=bool((info.get("identity") or {}).get("always")),
            is_persisted=bool((info.get("computed") or {}).get("persisted")),
        )

    def _read_generated(self, table: str, info: Any) -> str | None:
        if not info.get("computed"):
            return None
        found = sqlite.find_generated(self.statements.get(table, ""), info["name"])
        return found or str(info["computed"]["sqltext"])

    def _describe(self, type_: Any) -> Type:
        """Describe a reflected type once; a catalog has few, and their text says everything."""
        text = repr(type_)
        if text not in self.types:
            self.types[text] = describe(type_, self.dialect)
        return self.types[text]

    def _is_autoincrement(self, primary_key: tuple[str, ...], info: Any, family: str) -> bool:
        if info.get("identity"):
            return True
        if self.engine == "postgresql":
            return str(info.get("default") or "").startswith("nextval(")
        if self.engine == "mysql":
            return info.get("autoincrement") is True
        declared = str(info["type"]).upper()
        return primary_key == (info["name"],) and family == "integer" and declared == "INTEGER"

    def _read_indexes(self, key: _Key) -> tuple[tuple[Unique, ...], tuple[Index, ...]]:
        uniques: dict[tuple[tuple[str, ...], str], Unique] = {}
        for info in self.uniques.get(key, ()):
            columns, name = tuple(info["column_names"]), info.get("name")
            options = _unique_options(self.constraints.get((key[1], name or ""), ""))
            uniques[columns, options] = Unique(columns, name, options)
        indexes: list[Index] = []
        for info in self.indexes.get(key, ()):
            if info.get("duplicates_constraint"):
                continue
            index = self._read_index(key, info)
            if index.unique and _is_plain(info, index):
                options = _unique_options(index.definition)
                unique = Unique(index.columns, index.name, options, is_index=True)
                uniques.setdefault((index.columns, options), unique)
            else:
                indexes.append(index)
        return tuple(uniques.values()), tuple(indexes)

    def _read_index(self, key: _Key, info: Any) -> Index:
        parts = info.get("expressions") or info["column_names"]
        included = info.get("include_columns") or ()
        columns = tuple(name for name in info["column_names"] if name and name not in included)
        definition = info.get("definition") or self.definitions.get((key[1], info["name"]))
        definition = definition or ", ".join(map(str, parts))
        return Index(definition, columns, info["name"], bool(info["unique"]))

    def _read_foreign_key(self, key: _Key, info: Any) -> ForeignKey:
        link = _read_foreign_key(info)
        is_full = " MATCH FULL" in self.constraints.get((key[1], link.name or ""), "")
        return dataclasses.replace(link, match="MATCH FULL" if is_full else "")


def _full_name(key: _Key) -> str:
    return f"{key[0]}.{key[1]}" if key[0] else key[1]


def _read_comments(inspector: Inspector, schema: str | None, engine: str) -> dict[_Key, str]:
    if engine == "sqlite":
        return {}
    found = inspector.get_multi_table_comment(schema=schema)
    return {key: info["text"] for key, info in found.items() if info["text"]}


def _read_foreign_key(info: Any) -> ForeignKey:
    options = info.get("options") or {}
    schema = info.get("referred_schema")
    target = f"{schema}.{info['referred_table']}" if schema else info["referred_table"]
    deferrable = "DEFERRABLE" if options.get("deferrable") else ""
    if deferrable and options.get("initially"):
        deferrable += f" INITIALLY {options['initially'].upper()}"
    return ForeignKey(
        columns=tuple(info["constrained_columns"]),
        target=target,
        target_columns=tuple(info["referred_columns"]),
        ondelete=_action(options.get("ondelete")),
        onupdate=_action(options.get("onupdate")),
        deferrable=deferrable,
        name=info.get("name"),
    )


def _action(action: str | None) -> str:
    """Leave out NO ACTION, which is what every engine does when told nothing."""
    return "" if not action or action.upper() == "NO ACTION" else action.upper()


def _is_plain(info: Any, index: Index) -> bool:
    """Tell a unique index over whole columns of all rows, which is a constraint in all but name."""
    has_expression = bool(info.get("expressions")) or None in info["column_names"]
    is_partial = info.get("is_partial", " WHERE " in index.definition)
    return not has_expression and not is_partial


def _unique_options(definition: str) -> str:
    """Keep what PostgreSQL says of a unique constraint or index beyond its columns."""
    found = _UNIQUE_OPTION.findall(definition)
    return " ".join(sorted(re.sub(r"\s+", " ", option) for option in found))
