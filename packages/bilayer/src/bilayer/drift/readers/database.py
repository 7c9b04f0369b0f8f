"""A database's catalog as a schema. Only reads; decides nothing about differences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector

from bilayer.drift.readers.describe import describe
from bilayer.drift.snapshot import Check, Column, ForeignKey, Index, Schema, Table, Type, Unique
from bilayer.urls import engine_name

_SERVER_SCHEMAS: Final = frozenset(
    {"information_schema", "pg_catalog", "mysql", "performance_schema", "sys"}
)
_DOCUMENT: Final = Type("json", "JSON")
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
    for owned in _list_extension_tables(connection, engine):
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
        self.uniques: Mapping[_Key, Any] = inspector.get_multi_unique_constraints(schema=schema)
        self.indexes: Mapping[_Key, Any] = inspector.get_multi_indexes(schema=schema)
        self.links: Mapping[_Key, Any] = inspector.get_multi_foreign_keys(schema=schema)
        self.checks: Mapping[_Key, Any] = inspector.get_multi_check_constraints(schema=schema)
        self.comments = _read_comments(inspector, schema, self.engine)
        self.definitions = _read_index_definitions(connection, schema, self.engine)
        self.types: dict[str, Type] = {}
        self.documents: frozenset[tuple[str, str]] = frozenset()
        if self.engine == "mysql" and getattr(self.dialect, "is_mariadb", False):
            self.checks, self.documents = _read_mariadb_checks(connection)

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
            foreign_keys=tuple(_read_foreign_key(info) for info in self.links.get(key, ())),
            checks=tuple(
                Check(info["sqltext"], info.get("name")) for info in self.checks.get(key, ())
            ),
            comment=self.comments.get(key),
        )

    def _read_column(self, table: str, primary_key: tuple[str, ...], info: Any) -> Column:
        type_ = self._describe(info["type"])
        if (table, info["name"]) in self.documents:
            type_ = _DOCUMENT
        default = info.get("default")
        autoincrement = self._is_autoincrement(primary_key, info, type_.family)
        return Column(
            name=info["name"],
            type=type_,
            nullable=bool(info["nullable"]),
            default=None if autoincrement else default,
            autoincrement=autoincrement,
            generated=info["computed"]["sqltext"] if info.get("computed") else None,
            comment=info.get("comment") or None,
        )

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
        uniques = {
            tuple(info["column_names"]): Unique(tuple(info["column_names"]), info.get("name"))
            for info in self.uniques.get(key, ())
        }
        indexes: list[Index] = []
        for info in self.indexes.get(key, ()):
            index = self._read_index(key, info)
            is_plain = not info.get("expressions") and " WHERE " not in index.definition
            if index.unique and is_plain:
                uniques.setdefault(index.columns, Unique(index.columns, index.name))
            elif not info.get("duplicates_constraint"):
                indexes.append(index)
        return tuple(uniques.values()), tuple(indexes)

    def _read_index(self, key: _Key, info: Any) -> Index:
        parts = info.get("expressions") or info["column_names"]
        columns = tuple(name for name in info["column_names"] if name)
        definition = self.definitions.get((key[1], info["name"])) or ", ".join(map(str, parts))
        return Index(definition, columns, info["name"], bool(info["unique"]))


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


def _read_index_definitions(
    connection: sa.Connection, schema: str | None, engine: str
) -> dict[tuple[str, str], str]:
    """Ask the engine for index definitions, and keep what follows the index's name and table."""
    if engine == "postgresql":
        query = sa.text(
            "SELECT tablename, indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = coalesce(:schema, current_schema())"
        ).bindparams(schema=schema)
        rows: Iterable[Any] = connection.execute(query)
        return {(table, name): text.partition(" USING ")[2] for table, name, text in rows}
    if engine == "mysql":
        return _read_mysql_indexes(connection)
    rows = connection.exec_driver_sql(
        "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    )
    return {(table, name): _sqlite_definition(text) for table, name, text in rows}


def _sqlite_definition(statement: str) -> str:
    """Keep the columns and the predicate, in one spelling of blanks and quotes."""
    body = statement[statement.find("(") :] if "(" in statement else statement
    return re.sub(r"\s+", " ", re.sub(r"[`\"\[\]]", "", body)).strip()


def _read_mysql_indexes(connection: sa.Connection) -> dict[tuple[str, str], str]:
    rows = connection.exec_driver_sql(
        "SELECT table_name, index_name, column_name, sub_part, collation, index_type"
        " FROM information_schema.statistics WHERE table_schema = database()"
        " ORDER BY table_name, index_name, seq_in_index"
    )
    columns: dict[tuple[str, str], list[str]] = {}
    methods: dict[tuple[str, str], str] = {}
    for table, name, column, prefix, direction, method in rows:
        text = f"{column}({prefix})" if prefix else str(column)
        columns.setdefault((table, name), []).append(text + (" DESC" if direction == "D" else ""))
        methods[table, name] = str(method).lower()
    return {key: f"{methods[key]} ({', '.join(texts)})" for key, texts in columns.items()}


def _read_mariadb_checks(
    connection: sa.Connection,
) -> tuple[dict[_Key, Any], frozenset[tuple[str, str]]]:
    """Read all checks: SQLAlchemy leaves out those of a column, which also mark a JSON column."""
    rows = connection.exec_driver_sql(
        "SELECT table_name, constraint_name, check_clause FROM"
        " information_schema.check_constraints WHERE constraint_schema = database()"
        " ORDER BY table_name, constraint_name"
    )
    checks: dict[_Key, Any] = {}
    documents: set[tuple[str, str]] = set()
    for table, name, clause in rows:
        document = re.fullmatch(r"json_valid\(`(.+)`\)", clause)
        if document:
            documents.add((table, document.group(1)))
        else:
            checks.setdefault((None, table), []).append({"name": name, "sqltext": clause})
    return checks, frozenset(documents)


def _list_extension_tables(connection: sa.Connection, engine: str) -> list[str]:
    if engine != "postgresql":
        return []
    rows = connection.exec_driver_sql(
        "SELECT n.nspname = current_schema(), n.nspname, c.relname FROM pg_depend d"
        " JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass"
    )
    return [name if is_default else f"{schema}.{name}" for is_default, schema, name in rows]
