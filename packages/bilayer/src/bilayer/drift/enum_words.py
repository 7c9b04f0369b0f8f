"""The text of fixes for PostgreSQL's enum types, which take words on and give none back."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from bilayer.drift.findings import Difference


def write_words_operations(difference: Difference, tables: Sequence[sa.Table]) -> str | None:
    """Write the ``op.`` calls that add the missing words, outside a transaction."""
    statements = _list_statements(difference, tables)
    lines = [f'    op.execute("{statement}")' for statement in statements]
    return "\n".join(["with op.get_context().autocommit_block():", *lines]) if lines else None


def write_words_sql(difference: Difference, tables: Sequence[sa.Table]) -> str | None:
    """Write the SQL that adds the missing words."""
    statements = _list_statements(difference, tables)
    return "\n".join(f"{statement};" for statement in statements) or None


def _list_statements(difference: Difference, tables: Sequence[sa.Table]) -> list[str]:
    table = next((table for table in tables if table.fullname == difference.table), None)
    if table is None or difference.column is None:
        return []
    type_ = table.columns[difference.column].type
    if not isinstance(type_, sa.Enum):
        return []
    known = (difference.right or "").removeprefix("ENUM(").removesuffix(")").split(", ")
    missing = [word for word in type_.enums if word not in known]
    return [f"ALTER TYPE {type_.name} ADD VALUE '{word}'" for word in missing]
