"""A second small schema in both layers: integer keys that refer to each other, and instants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa

from bilayer import types
from bilayer.runtime import Database, Field
from bilayer.urls import parse_url


@contextmanager
def other_tables(url: str) -> Iterator[Database]:
    """Lend a database with integer keys that refer to each other, and columns of instants."""
    tables = sa.MetaData()
    text = partial(sa.Column, "text", types.String(40))
    sa.Table("parents", tables, sa.Column("id", sa.Integer, primary_key=True), text())
    sa.Table(
        "children",
        tables,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("parent", sa.ForeignKey("parents.id")),
        text(),
    )
    instants: list[sa.Column[Any]] = [
        sa.Column(name, types.UTCDateTime()) for name in ("created_at", "updated_at")
    ]
    sa.Table("notes", tables, sa.Column("id", sa.Integer, primary_key=True), text(), *instants)
    core = sa.create_engine(parse_url(url))
    tables.create_all(core)
    core.dispose()
    with Database.connect(url) as database:
        db = database.dal
        db.define_table("parents", Field("id", "id"), Field("text", length=40))
        db.define_table(
            "children", Field("id", "id"), Field("parent", "reference parents"), Field("text")
        )
        db.define_table(
            "notes",
            Field("id", "id"),
            Field("text", length=40),
            Field("created_at", "datetime"),
            Field("updated_at", "datetime"),
        )
        yield database
