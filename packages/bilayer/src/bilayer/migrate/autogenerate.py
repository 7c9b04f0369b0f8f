"""What Alembic must know about bilayer's types to compare them and to write them down."""

import inspect
import re
from decimal import Decimal
from typing import Any, Final, Literal

import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext

from bilayer import types

_SPELLINGS: Final = {"true": "1", "false": "0"}
_CAST: Final = re.compile(r"(?<=')::[a-z][a-z ]*$")
_NUMBER: Final = re.compile(r"('?)(-?\d+(?:\.\d+)?)\1")


def render_item(_kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Write a type or default as Python source; leave to Alembic what it writes well.

    Alembic writes defaults as the SQL of the engine it happens to compare with.
    """
    if isinstance(item, sa.DefaultClause):
        item = item.arg
    if isinstance(item, sa.True_ | sa.False_):
        return f"sa.{item}()"
    kind = type(item)
    if kind.__module__ != types.__name__:
        return False
    context.imports.add("from bilayer import types")
    if isinstance(item, types.utcnow):
        return "types.utcnow()"
    parameters = inspect.signature(kind).parameters.values()
    names = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    arguments = ", ".join(f"{name}={getattr(item, name)!r}" for name in names)
    return f"types.{kind.__name__}({arguments})"


def as_declared_for(dialect: str, metadata: sa.MetaData) -> sa.MetaData:
    """Return the models without the indexes that are declared for other dialects only.

    Alembic knows nothing of ``ddl_if(dialect=...)``, and would ask for a revision that makes them.
    """
    if not any(_foreign_indexes(dialect, table) for table in metadata.tables.values()):
        return metadata
    declared = sa.MetaData(schema=metadata.schema, naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        copy = table.to_metadata(declared)
        names = _foreign_indexes(dialect, table)
        copy.indexes -= {index for index in copy.indexes if index.name in names}
    return declared


def _foreign_indexes(dialect: str, table: sa.Table) -> set[str | None]:
    conditions = {index.name: index._ddl_if for index in table.indexes}  # noqa: SLF001 - it has no other name
    return {name for name, one in conditions.items() if one and one.dialect not in (None, dialect)}


def compare_server_default(
    context: MigrationContext,
    _found: sa.Column[Any],
    _wanted: sa.Column[Any],
    found_default: str | None,
    wanted_clause: sa.DefaultClause | None,
    wanted_default: str | None,
) -> bool | None:
    """Tell whether two defaults differ; None leaves it to Alembic, which asks PostgreSQL.

    Engines give back the text of a default in a spelling of their own.
    """
    text = wanted_clause.arg if wanted_clause is not None else None
    if isinstance(text, str):
        wanted_default = _quoted(text)
    if _spelling(found_default) == _spelling(wanted_default):
        return False
    # Alembic pastes the text into its question, and a quote would end it.
    is_askable = context.dialect.name == "postgresql" and "'" not in str(text)
    return None if is_askable else True


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _spelling(default: str | None) -> str | None:
    """Undo what engines add: parentheses, casts, case of functions, quotes and zeros of numbers."""
    if default is None:
        return None
    text = _CAST.sub("", default.strip())
    while text.startswith("(") and text.endswith(")") and _is_one_group(text):
        text = text[1:-1].strip()
    if number := _NUMBER.fullmatch(text):
        return format(Decimal(number[2]).normalize(), "f")
    if not text.startswith("'"):
        text = re.sub(r"('[^']*')|([A-Za-z_]+)", _lower_outside_quotes, text)
    return _SPELLINGS.get(text, text)


def _lower_outside_quotes(match: re.Match[str]) -> str:
    return match[1] if match[1] is not None else match[2].lower()


def _is_one_group(text: str) -> bool:
    """Tell whether the first parenthesis is closed by the last one."""
    depth = 0
    for position, character in enumerate(re.sub(r"'[^']*'", lambda m: "_" * len(m[0]), text)):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return position == len(text) - 1
    return False
