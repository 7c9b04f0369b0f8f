"""A database's catalog as a schema. Only reads; decides nothing about differences."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector

from bilayer.drift.constraints import ForeignKey
from bilayer.drift.readers import catalogs, sqlite, sqlite_keys, storage
from bilayer.drift.readers.describe import describe
from bilayer.drift.readers.keys import read_check, read_foreign_key, read_indexes
from bilayer.drift.readers.objects import list_unseen, read_objects
from bilayer.drift.schemas import join_name
from bilayer.drift.snapshot import Column, Schema, Table, Type
from bilayer.drift.words import with_words
from bilayer.urls import engine_name

_SERVER_SCHEMAS: Final = frozenset(
    {"information_schema", "pg_catalog", "mysql", "performance_schema", "sys"}
)
_DOCUMENT: Final = Type("json", "JSON")
_Key = tuple[str | None, str]


def read_catalog(connection: sa.Connection) -> Schema:
    """Read all of the default schema, and of the other schemas on PostgreSQL.

    What belongs to an extension is left out, and so are the partitions of a table.
    """
    inspector = sa.inspect(connection)
    engine = engine_name(connection.dialect.name)
    tables: dict[str, Table] = {}
    with warnings.catch_warnings():
        # What SQLAlchemy cannot read is asked of the catalogs.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        for schema in _list_schemas(inspector, engine):
            tables |= _read_schema(connection, inspector, schema)
    for foreign in catalogs.list_foreign_tables(connection, engine):
        tables.pop(foreign, None)
    objects = read_objects(connection, engine)
    collation = storage.read_collation(connection, engine)
    return Schema(engine, tables, objects, collation, list_unseen(connection, engine))


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

    uniques: Mapping[_Key, Any]
    links: Mapping[_Key, Any]
    indexes: Mapping[_Key, Any]
    checks: Mapping[_Key, Any]

    def __init__(self, connection: sa.Connection, inspector: Inspector, schema: str | None) -> None:
        self.dialect = connection.dialect
        self.engine = engine_name(self.dialect.name)
        self.columns: Mapping[_Key, Any] = inspector.get_multi_columns(schema=schema)
        self.keys: Mapping[_Key, Any] = inspector.get_multi_pk_constraint(schema=schema)
        self.comments = _read_comments(inspector, schema, self.engine)
        self.constraints = catalogs.read_constraint_definitions(connection, schema, self.engine)
        indexes = catalogs.read_index_definitions(connection, schema, self.engine)
        # A constraint says more than its index, which has the same name.
        self.definitions = indexes | self.constraints
        self.invalid = catalogs.list_invalid_indexes(connection, schema, self.engine)
        self.unenforced = catalogs.list_unenforced_links(connection, schema, self.engine)
        self.facts = storage.read_columns(connection, schema, self.engine)
        self.numbering = storage.read_numbering(connection, schema, self.engine)
        self.options = storage.read_options(connection, schema, self.engine)
        self.statements: Mapping[str, str] = {}
        self.types: dict[str, Type] = {}
        if self.engine == "sqlite":
            self.indexes = sqlite.read_indexes(connection)
            self.statements = sqlite.read_statements(connection)
            self.uniques = sqlite_keys.read_uniques(connection, self.statements)
            self.links = sqlite_keys.read_links(connection, self.statements, self.keys)
            self.checks = {
                (None, name): sqlite.list_checks(text) for name, text in self.statements.items()
            }
        else:
            self.indexes = inspector.get_multi_indexes(schema=schema)
            self.uniques = inspector.get_multi_unique_constraints(schema=schema)
            self.links = inspector.get_multi_foreign_keys(schema=schema)
            self.checks = inspector.get_multi_check_constraints(schema=schema)
        self.documents: frozenset[tuple[str, str]] = frozenset()
        if self.engine == "mysql" and getattr(self.dialect, "is_mariadb", False):
            self.checks, self.documents = catalogs.read_mariadb_checks(connection)
            ignored = catalogs.read_ignored_indexes(connection)
            self.indexes = {
                key: [*self.indexes.get(key, ()), *ignored.get(key, ())] for key in self.columns
            }

    def read(self, key: _Key) -> Table:
        """Put one table together."""
        info = self.keys.get(key, {})
        primary_key = tuple(info.get("constrained_columns", ()))
        uniques, indexes = read_indexes(
            key[1],
            self.uniques.get(key, ()),
            self.indexes.get(key, ()),
            self.definitions,
            self.invalid,
        )
        checks = tuple(
            read_check(each, self.constraints.get((key[1], each.get("name") or ""), ""))
            for each in self.checks.get(key, ())
        )
        columns = [self._read_column(key[1], primary_key, i) for i in self.columns[key]]
        return Table(
            name=_full_name(key),
            columns=with_words(columns, checks),
            primary_key=primary_key,
            uniques=uniques,
            indexes=indexes,
            foreign_keys=tuple(self._read_links(key)),
            checks=checks,
            comment=self.comments.get(key),
            key_name=info.get("name"),
            options=self._read_options(key[1]),
        )

    def _read_links(self, key: _Key) -> Iterator[ForeignKey]:
        for info in self.links.get(key, ()):
            place = (key[1], info.get("name") or "")
            definition = info.get("definition") or self.constraints.get(place, "")
            is_enforced = place not in self.unenforced
            yield read_foreign_key(info, definition, is_enforced=is_enforced)

    def _read_options(self, table: str) -> tuple[str, ...]:
        if self.engine == "sqlite":
            return sqlite.list_options(self.statements.get(table, ""))
        return self.options.get(table, ())

    def _read_column(self, table: str, primary_key: tuple[str, ...], info: Any) -> Column:
        name, statement = info["name"], self.statements.get(table, "")
        facts = self.facts.get((table, name), storage.ColumnFacts())
        type_ = self._describe(info["type"])
        if (table, name) in self.documents:
            type_ = _DOCUMENT
        else:
            # The words of an enum are compared; what its type is called means nothing.
            native = facts.native if type_.family != "enum" else ""
            collation = facts.collation or type_.collation or sqlite.find_collation(statement, name)
            type_ = dataclasses.replace(type_, native=native, collation=collation)
        default = (info.get("default") or "").partition(" ON UPDATE ")[0] or None
        autoincrement = self._is_autoincrement(primary_key, info, type_.family)
        return Column(
            name=name,
            type=type_,
            nullable=bool(info["nullable"]),
            default=None if autoincrement else default,
            autoincrement=autoincrement,
            generated=self._read_generated(table, info),
            comment=info.get("comment") or None,
            is_always_numbered=bool((info.get("identity") or {}).get("always")),
            is_persisted=bool((info.get("computed") or {}).get("persisted")),
            on_update=facts.on_update,
            numbering=self._read_numbering(table, name) if autoincrement else "",
            is_invisible=facts.is_invisible,
        )

    def _read_numbering(self, table: str, column: str) -> str:
        if self.engine == "sqlite":
            return sqlite.find_numbering(self.statements.get(table, ""))
        return self.numbering.get((table, column), "")

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
        is_only_key = primary_key == (info["name"],) and family == "integer"
        return is_only_key and str(info["type"]).upper() == "INTEGER"


def _full_name(key: _Key) -> str:
    return join_name(*key)


def _read_comments(inspector: Inspector, schema: str | None, engine: str) -> dict[_Key, str]:
    if engine == "sqlite":
        return {}
    found = inspector.get_multi_table_comment(schema=schema)
    return {key: info["text"] for key, info in found.items() if info["text"]}
