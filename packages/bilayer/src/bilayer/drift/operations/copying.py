"""What Alembic's copy of a SQLite table would lose: it keeps what SQLAlchemy reflects, no more.

Makes text only; applies nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from bilayer.drift.operations.wishes import Wish
from bilayer.drift.snapshot import Column, Table

_BATCH: Final = ") as batch_op:"
_PLAIN: Final = re.compile(r"\(\w+(?:, ?\w+)*\)")
_TYPE: Final = re.compile(r"(\w+)(?:\(([\d, ]+)\))?")
_BESIDE: Final = ("view", "trigger")
_KEPT: Final = {"WITHOUT ROWID": "sqlite_with_rowid", "STRICT": "sqlite_strict"}
_LEAVING: Final = ("BL202", "BL203", "BL215")
# What is there when the fix runs: an earlier one may have mended it.
_KEEP: Final = """\
kept = op.get_bind().exec_driver_sql(
    \"\"\"SELECT type, name, sql FROM sqlite_master WHERE name IN ({names})\"\"\"
).all()
"""
_GIVE: Final = """
for kind, name, statement in kept:
    op.get_bind().exec_driver_sql(f'DROP {kind} IF EXISTS "{name}"')
    op.get_bind().exec_driver_sql(statement)"""


# Alembic makes the copy under this name, and a copy that failed stays.
_LEFT: Final = "_alembic_tmp_{table}"
_REASON: Final = "  # bilayer: safe[ban-drop-table] a copy that failed"


class CannotCopy(ValueError):
    """A table has what no copy of Alembic's can be told to keep."""


def keep_all(text: str, wish: Wish) -> str:
    """Let a copy of a table keep its triggers, views, numbering, collations and all indexes.

    Raises:
        CannotCopy: It has more than that.
    """
    table = wish.there.tables.get(wish.difference.table or "") if wish.there else None
    if wish.there is None or table is None or _BATCH not in text:
        return _drop_left(wish) + text if _BATCH in text else text
    if any(option.startswith("ON CONFLICT") for option in table.options):
        message = f"a copy of {table.name} would forget what its keys do on a conflict"
        raise CannotCopy(message)
    text = text.replace(_BATCH, f"{_write_options(table, wish)}{_BATCH}", 1)
    text += "".join(_renew_generated(table, wish))
    if any(each.kind in _BESIDE for each in wish.there.objects):  # These name the absent table.
        text = f"{_legacy('ON')}\n{text}\n{_legacy('OFF')}"
    names = sorted(_list_lost(table, wish))
    text = _drop_left(wish) + text
    return f"{_KEEP.format(names=', '.join(names))}{text}{_GIVE}" if names else text


def _drop_left(wish: Wish) -> str:
    """Drop what a run that failed has left, so that the fix may be run again."""
    name = wish.quote(_LEFT.format(table=wish.name))
    return f"op.execute({f'DROP TABLE IF EXISTS {name}'!r}){_REASON}\n"


def _write_options(table: Table, wish: Wish) -> str:
    columns = [
        written
        for column in table.columns
        if not _is_leaving(column, wish)
        and column.type.collation is not None
        and column.generated is None
        and (written := _write_column(column, table, wish))
    ]
    options = f", reflect_args=[{', '.join(columns)}]" if columns else ""
    kept = {_KEPT[each]: each != "WITHOUT ROWID" for each in table.options if each in _KEPT}
    if any(column.numbering == "AUTOINCREMENT" for column in table.columns):
        kept["sqlite_autoincrement"] = True
    return f"{options}, table_kwargs={kept}" if kept else options


def _write_column(column: Column, table: Table, wish: Wish) -> str | None:
    """Write a column that is not reflected as it is, to stand for the reflected one."""
    type_ = _TYPE.match(column.type.text)
    if type_ is None or not hasattr(sa, type_[1]):
        return None
    arguments = [type_[2]] if type_[2] else []
    if column.type.collation:
        arguments.append(f"collation={column.type.collation!r}")
    wanted = wish.table.columns.get(column.name) if wish.table is not None else None
    computed = wanted.computed if wanted is not None else None
    expression = column.generated if computed is None else str(computed.sqltext)
    parts = [repr(column.name), f"sa.{type_[1]}({', '.join(arguments)})"]
    if column.generated is not None:
        parts.append(f"sa.Computed({expression!r}, persisted={column.is_persisted})")
    elif column.default is not None:
        parts.append(f"server_default=sa.text({column.default!r})")
    if column.name in table.primary_key:
        parts.append("primary_key=True")
    parts.append(f"nullable={column.nullable}")
    return f"sa.Column({', '.join(parts)})"


def _renew_generated(table: Table, wish: Wish) -> Iterator[str]:
    """Take the generated columns off and put them on: Alembic would copy values into them."""
    before = None
    for column in table.columns:
        written = _write_column(column, table, wish) if column.generated is not None else None
        if written is not None and not _is_leaving(column, wish):
            place = f", insert_after={before!r}" if before else ""
            yield f"\n    batch_op.drop_column({column.name!r})"
            yield f"\n    batch_op.add_column({written}{place})"
        if column.generated is None and not _is_leaving(column, wish):
            before = column.name


def _is_leaving(column: Column, wish: Wish) -> bool:
    return wish.difference.code in _LEAVING and column.name == wish.difference.column


def _list_lost(table: Table, wish: Wish) -> Iterator[str]:
    """List the triggers, and the indexes over expressions, in an order or for some rows."""
    gone = wish.difference.column if wish.difference.code in _LEAVING else None
    for index in table.indexes:
        is_gone = gone is not None and re.search(rf"\b{re.escape(gone)}\b", index.definition)
        if not is_gone and not _PLAIN.fullmatch(index.definition):
            yield _literal(str(index.name))
    for unique in table.uniques:
        if unique.is_index and unique.options:
            yield _literal(str(unique.name))
    for each in wish.there.objects if wish.there else ():
        if each.kind == "trigger" and each.table == table.name:
            yield _literal(each.name)


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _legacy(state: str) -> str:
    return f"op.execute('PRAGMA legacy_alter_table = {state}')"
