"""Tables as projects have them, and what PostgreSQL does when PyDAL selects and inserts.

Each scene is a table of the models and what PyDAL knows of it. An insert of every field and a
select either work or fail; so does an insert of what PyDAL requires. ``truth`` says what has to be
reported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import sqlalchemy as sa
from pydal import Field

import bilayer
from scripts.bench.drift.scoring import Score
from scripts.bench.drift.truth import Truth, opened, weigh
from scripts.bench.frame import progress
from tests.support.databases import new_database
from tests.support.run import Run

_VALUES: Final = {
    "string": "abc",
    "integer": 7,
    "bigint": 7,
    "double": 1.5,
    "decimal(10,2)": decimal.Decimal("1.50"),
    "boolean": True,
    "date": dt.date(2026, 5, 4),
    "uuid": str(uuid.UUID(int=7)),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """A table: what the models say and what PyDAL is told."""

    name: str
    columns: Callable[[], list[Any]]
    fields: Callable[[], list[Any]]
    primary_key: tuple[str, ...] = ()
    table: str = ""


def _key() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _one(name: str, column: Callable[[], Any], *fields: tuple[str, dict[str, Any]]) -> Scene:
    """Make a scene of a key, one column, and the fields over them."""
    return Scene(
        name,
        lambda: [_key(), column()],
        lambda: [Field("value", kind, **options) for kind, options in fields],
    )


SCENES: Final = (
    _one("a plain column", lambda: sa.Column("value", sa.Integer), ("integer", {})),
    _one("a required column and a required field",
         lambda: sa.Column("value", sa.Integer, nullable=False), ("integer", {"notnull": True})),
    _one("a required column and a free field",
         lambda: sa.Column("value", sa.Integer, nullable=False), ("integer", {})),
    _one("a required column and a field with a default",
         lambda: sa.Column("value", sa.Integer, nullable=False), ("integer", {"default": 1})),
    _one("a required column that the engine fills",
         lambda: sa.Column("value", sa.Integer, nullable=False, server_default="1"),
         ("integer", {})),
    _one("a required column that SQLAlchemy fills",
         lambda: sa.Column("value", sa.Integer, nullable=False, default=1), ("integer", {})),
    _one("a required column PyDAL does not know",
         lambda: sa.Column("value", sa.Integer, nullable=False)),
    _one("one that SQLAlchemy fills",
         lambda: sa.Column("value", sa.Integer, nullable=False, default=1)),
    _one("one that the engine fills",
         lambda: sa.Column("value", sa.Integer, nullable=False, server_default="1")),
    _one("a column PyDAL does not know", lambda: sa.Column("value", sa.Integer)),
    _one("a generated column",
         lambda: sa.Column("value", sa.Integer, sa.Computed("id + 1", persisted=True)),
         ("integer", {})),
    _one("a field without a column", lambda: sa.Column("other", sa.Integer), ("integer", {})),
    _one("a column in capitals", lambda: sa.Column("Value", sa.Integer), ("integer", {})),
    _one("a column in capitals, with its name",
         lambda: sa.Column("Value", sa.Integer), ("integer", {"rname": '"Value"'})),
    Scene("a key of two columns and an id", lambda: [
        sa.Column("left", sa.Integer, primary_key=True),
        sa.Column("right", sa.Integer, primary_key=True),
    ], lambda: [Field("left", "integer"), Field("right", "integer")]),
    Scene("a key of two columns", lambda: [
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("two", sa.Integer, primary_key=True, autoincrement=False),
    ], lambda: [Field("one", "integer"), Field("two", "integer")], ("one", "two")),
    Scene("a key that nobody numbers", lambda: [
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Integer),
    ], lambda: [Field("value", "integer")]),
    Scene("a key that insists", lambda: [
        sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
        sa.Column("value", sa.Integer),
    ], lambda: [Field("value", "integer")]),
    Scene("a UUID key and an id", lambda: [
        sa.Column("id", sa.Uuid, primary_key=True,
                  server_default=sa.text("gen_random_uuid()")),
        sa.Column("value", sa.Integer),
    ], lambda: [Field("value", "integer")]),
    Scene("another name", lambda: [_key(), sa.Column("value", sa.Integer)],
          lambda: [Field("value", "integer")], table="another_names"),
)  # fmt: skip


def try_all(run: Run, adapter: str = "postgres") -> Iterator[Score]:
    """Play every scene on PostgreSQL."""
    progress(f"postgresql, {adapter}: {len(SCENES)} tables, for real")
    metadata = sa.MetaData()
    for number, scene in enumerate(SCENES):
        sa.Table(f"t{number}", metadata, *scene.columns())
    with new_database(run, "postgresql") as url:
        metadata.create_all(sa.create_engine(url, poolclass=sa.NullPool))
        report = bilayer.check(
            metadata=metadata, dal=_define, dialect="postgresql", adapter=adapter, url=url
        )
        with opened(url, adapter) as db:
            _define(db)
            for number, scene in enumerate(SCENES):
                name = scene.table or f"t{number}"
                truth = _measure(db, db[name])
                for pair in ("models-runtime", "runtime-database"):
                    said = {
                        f.severity for f in report.findings if (f.pair, f.table) == (pair, name)
                    }
                    blank = Score("truth", scene.name, "postgresql", f"{pair} ({adapter})")
                    yield dataclasses.replace(blank, **weigh(truth, said))


def _define(db: Any) -> None:
    for number, scene in enumerate(SCENES):
        options = {"primarykey": list(scene.primary_key)} if scene.primary_key else {}
        db.define_table(scene.table or f"t{number}", *scene.fields(), migrate=False, **options)


def _measure(db: Any, table: Any) -> Truth:
    fields = [table[name] for name in table.fields if table[name].type != "id"]
    everything = {field.name: _VALUES[field.type] for field in fields}
    required = {field.name: _VALUES[field.type] for field in fields if field.notnull}
    keys = getattr(table, "_primarykey", None) or []
    required |= {name: everything[name] for name in keys}
    failed = _attempt(db, lambda: table.insert(**everything)) or _attempt(
        db, lambda: db(table).select()
    )
    if failed:
        return Truth(fails=failed)
    return Truth(warns=_attempt(db, lambda: table.insert(**required)))


def _attempt(db: Any, act: Callable[[], Any]) -> str | None:
    """Do it, take it back, and say how it failed."""
    with contextlib.ExitStack() as stack:
        stack.callback(db.rollback)
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever PyDAL and its driver raise
            return f"{type(error).__name__}: {error}".splitlines()[0][:120]
    return None
