"""The two layers say the same: same files, same tables, same columns, same order."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa

import app.dal.tables
import app.db.tables
from app.dal.tables import define_tables
from app.db.base import Base
from app.db.models import metadata
from bilayer.runtime import Database


def domains(package: str) -> list[str]:
    """Name the files of a folder of tables."""
    return sorted(path.stem for path in Path(package).parent.glob("[!_]*.py"))


NEVER_OPENED = "postgresql://nobody@localhost/nothing"
SCHEMA_DOMAINS = domains(app.db.tables.__file__)
RUNTIME_DOMAINS = domains(app.dal.tables.__file__)


def schema_tables(domain: str) -> dict[str, list[str]]:
    """Read a domain's models, in the order in which they are declared."""
    module = f"app.db.tables.{domain}"
    mappers = [m for m in Base.registry.mappers if m.class_.__module__ == module]
    tables = [m.local_table for m in mappers if isinstance(m.local_table, sa.Table)]
    declared = list(metadata.tables)
    tables.sort(key=lambda table: declared.index(table.name))
    return {table.name: list(table.columns.keys()) for table in tables}


def runtime_tables(domain: str) -> dict[str, list[str]]:
    """Read a domain's PyDAL tables, in the order in which they are defined."""
    database = Database.connect(NEVER_OPENED)
    define = getattr(import_module(f"app.dal.tables.{domain}"), f"define_{domain}")
    define(database.dal)
    return {name: list(database.dal[name].fields) for name in database.dal.tables}


def test_each_file_of_tables_has_its_twin() -> None:
    assert SCHEMA_DOMAINS == RUNTIME_DOMAINS


@pytest.mark.parametrize("domain", SCHEMA_DOMAINS)
def test_twins_declare_the_same_tables_and_columns_in_the_same_order(domain: str) -> None:
    schema = schema_tables(domain)
    runtime = runtime_tables(domain)

    assert list(runtime) == list(schema)
    assert runtime == schema


def test_the_doors_of_both_layers_open_every_table() -> None:
    database = Database.connect(NEVER_OPENED)

    define_tables(database.dal)

    declared = {table for domain in SCHEMA_DOMAINS for table in schema_tables(domain)}
    assert set(database.dal.tables) == declared
    assert set(metadata.tables) == declared
