"""PyDAL definitions written new from the models: one module, or one for each of the models' files.

Writes text; the caller writes files. What PyDAL has no type for is left out and named.
"""

from __future__ import annotations

import dataclasses
import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bilayer.drift.config import ConfigurationError, Project
from bilayer.drift.definitions.lines import VALIDATORS, Target, write_field, write_table
from bilayer.drift.definitions.locate import map_models
from bilayer.drift.definitions.naming import write_names, write_table_name
from bilayer.drift.readers import sqlalchemy as models_reader
from bilayer.drift.readers.pydal import STOCK_ADAPTERS
from bilayer.drift.snapshot import Schema, Table
from bilayer.urls import engine_name

_NATIVE = "native"


@dataclasses.dataclass(frozen=True, slots=True)
class Generated:
    """Definitions that were written.

    Attributes:
        modules: The text of each file, by its name.
        left_out: Columns that no field of PyDAL can stand for, as ``table.column``.
    """

    modules: dict[str, str]
    left_out: tuple[str, ...]


def generate(project: Project, *, dialect: str | None = None, is_split: bool = False) -> Generated:
    """Write the definitions of a project's models.

    Args:
        project: ``[tool.bilayer]``; ``runtime_adapter`` says how values are to travel.
        dialect: The engine they are for; the project's first if None.
        is_split: Write a file for each file of models, and an ``__init__.py`` that calls them.

    Raises:
        BilayerError: The project has no models, or they cannot be imported.
    """
    metadatas = project.load_metadata()
    if not metadatas:
        message = "[tool.bilayer] names no models: there is nothing to write definitions from"
        raise ConfigurationError(message)
    engine = engine_name(dialect or project.dialects[0])
    schema = models_reader.read_models(metadatas, models_reader.load_dialect(engine))
    target = Target(engine, project.runtime_adapter or STOCK_ADAPTERS[engine])
    tables = _ordered(schema)
    names = write_names([table.name for table in tables], write_table_name)
    if is_split:
        modules = _write_package(tables, target, names)
    else:
        modules = {"tables.py": _write_module(tables, target, names, "define_tables", "all tables")}
    return Generated(modules, tuple(_left_out(tables, target)))


def _ordered(schema: Schema) -> list[Table]:
    """Put tables behind those they refer to, as far as that goes."""
    placed: dict[str, Table] = {}
    waiting = dict(sorted(schema.tables.items()))
    while waiting:
        ready = [
            name
            for name, table in waiting.items()
            if all(key.target in placed or key.target not in waiting or key.target == name
                   for key in table.foreign_keys)
        ] or list(waiting)  # fmt: skip
        placed |= {name: waiting.pop(name) for name in ready}
    return list(placed.values())


def _left_out(tables: Iterable[Table], target: Target) -> Iterable[str]:
    for table in tables:
        for column in table.columns:
            if write_field(column, target) is None:
                yield f"{table.name}.{column.name}"


def _write_module(
    tables: Sequence[Table], target: Target, names: Mapping[str, str], function: str, what: str
) -> str:
    bodies = [
        textwrap.indent(write_table(table, target, names[table.name]), "    ") for table in tables
    ]
    used = [name for name in VALIDATORS if any(f"{name}(" in body for body in bodies)]
    imports = [f"from {_library(target)} import DAL, Field"]
    if used:
        imports.append(f"from pydal.validators import {', '.join(used)}")
    lines = "\n".join(sorted(imports))
    return (
        f'"""PyDAL definitions of {what}. The models say what the database is."""\n\n'
        f"{lines}\n\n\n"
        f"def {function}(db: DAL) -> None:\n"
        f'    """Define {what} on a DAL."""\n' + "\n".join(bodies) + "\n"
    )


def _write_package(
    tables: Sequence[Table], target: Target, names: Mapping[str, str]
) -> dict[str, str]:
    """Write a module for each file of models, named like it."""
    places = map_models()
    domains: dict[str, list[Table]] = {}
    for table in tables:
        location = places.find(table.name)
        stem = Path(location.rpartition(":")[0]).stem if location else "tables"
        domains.setdefault(_identifier(stem), []).append(table)
    modules = {
        f"{domain}.py": _write_module(
            members, target, names, f"define_{domain}", f"the tables of {domain}"
        )
        for domain, members in sorted(domains.items())
    }
    imports = "".join(f"from .{domain} import define_{domain}\n" for domain in sorted(domains))
    # In the order in which their first tables may be defined.
    calls = "".join(f"    define_{domain}(db)\n" for domain in domains)
    modules["__init__.py"] = (
        '"""PyDAL definitions, a module for each of the models\'. The models say what the database'
        ' is."""\n\n'
        f"from {_library(target)} import DAL\n\n{imports}\n\n"
        "def define_tables(db: DAL) -> None:\n"
        f'    """Define all tables on a DAL."""\n{calls}'
    )
    return modules


def _library(target: Target) -> str:
    return "bilayer.runtime" if target.adapter == _NATIVE else "pydal"


def _identifier(text: str) -> str:
    bare = re.sub(r"\W", "_", text).strip("_") or "tables"
    if bare[0].isdigit():
        bare = f"of_{bare}"
    return f"{bare}_" if keyword.iskeyword(bare) else bare
