"""The operations that make and drop a table without the keys that cannot come and go with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import ops

from bilayer.drift.constraints import Check, ForeignKey, LateKey
from bilayer.drift.operations.constraints import (
    find_made,
    is_childless,
    write_dropped,
    write_made,
)
from bilayer.drift.operations.wishes import Wish
from bilayer.drift.schemas import split_name


def create_table(table: sa.Table, wish: Wish) -> ops.CreateTableOp:
    """Make a table without the keys that are made later, and the checks that are made apart."""
    operation = ops.CreateTableOp.from_table(table)
    late: list[ForeignKey | Check] = [
        each.key for each in wish.difference.along if each.table == wish.difference.table
    ]
    late += _list_childless(wish)
    if not late:
        return operation
    taken = {find_made(key, table) for key in late}
    names = {find_made(key, table): key.name for key in wish.difference.item.foreign_keys}
    operation.columns = [
        _with_name(each, names.get(each)) if isinstance(each, sa.ForeignKeyConstraint) else each
        for each in operation.columns
        if each not in taken
    ]
    return operation


def add_checks(table: sa.Table, wish: Wish) -> list[ops.MigrateOperation]:
    """Make the checks that hold for a table and not for those that inherit from it."""
    made = [write_made(check, table) for check in _list_childless(wish)]
    return list(filter(None, made))


def _list_childless(wish: Wish) -> list[Check]:
    return [check for check in wish.difference.item.checks if is_childless(check)]


def add_late_keys(wish: Wish) -> list[ops.MigrateOperation]:
    """Make the keys of other tables that have waited for this one."""
    owned = [(late.key, wish.find(late.table)) for late in _list_waiting(wish)]
    made = [write_made(key, table) for key, table in owned if table is not None]
    return list(filter(None, made))


def drop_late_keys(wish: Wish) -> list[ops.MigrateOperation]:
    """Drop the keys of other tables that hold this one."""
    return [
        dropped
        for late in _list_waiting(wish)
        for dropped in _drop(late.key, *split_name(late.table))
    ]


def _drop(key: ForeignKey, schema: str, table: str) -> list[ops.MigrateOperation]:
    return write_dropped(key, table, schema or None)


def _list_waiting(wish: Wish) -> list[LateKey]:
    return [each for each in wish.difference.along if each.table != wish.difference.table]


def _with_name(key: sa.ForeignKeyConstraint, name: str | None) -> sa.ForeignKeyConstraint:
    """Name a key as the engine would with all keys there: a number of MariaDB's may be taken."""
    if key.name is not None or name is None:
        return key
    named = key._copy()
    named.name = name
    return named
