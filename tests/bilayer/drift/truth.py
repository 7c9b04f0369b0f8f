"""What an engine and a real adapter do with values: the truth the check's verdicts are held to.

A table for each kind of column is made by SQLAlchemy. Each PyDAL type is put over each of them,
and rows are written and read through both layers. Nothing here knows a verdict of the check.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import uuid
import warnings
from collections.abc import Iterator
from typing import Any, Final

import pydal
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from bilayer import types as shared
from bilayer.drift.values.layers import open_dal

FINE, SURVIVED, BROKEN = "fine", "survived", "broken"
RANK: Final = (FINE, SURVIVED, BROKEN)

UID: Final = uuid.UUID("0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b")
MOMENT: Final = dt.datetime(2024, 2, 29, 12, 30, 15)
AWARE: Final = MOMENT.replace(tzinfo=dt.timezone(dt.timedelta(hours=-5)))

_NUMBERS: Final = (int, float, decimal.Decimal)
_DOCUMENTS: Final = (dict, list)
# What PyDAL writes, by its type.
FIELDS: Final[dict[str, list[Any]]] = {
    "string": ["hello", "007"],
    "text": ["hello", "007"],
    "password": ["hello", "007"],
    "upload": ["hello", "007"],
    "boolean": [True, False],
    "integer": [1, 0],
    "bigint": [2**40, 1, 0],
    "reference p": [1],
    "big-reference p": [1],
    "float": [1.5],
    "double": [1.5],
    "decimal(10,2)": [decimal.Decimal("1.10")],
    "decimal(12,4)": [decimal.Decimal("1.2345")],
    "date": [MOMENT.date()],
    "time": [MOMENT.time()],
    "datetime": [MOMENT],
    "json": [{"a": [1, "b"]}, ["a"]],
    "jsonb": [{"a": [1, "b"]}, ["a"]],
    "blob": [b"\x00\xff", b"text"],
    "uuid": [str(UID)],
    "list:string": [["a", "b"], []],
    "list:integer": [[1, 2], []],
    "list:reference p": [[1]],
}

# Kinds of columns, with the values SQLAlchemy writes to them.
COLUMNS: Final[dict[str, tuple[TypeEngine[Any], list[Any]]]] = {
    "boolean": (sa.Boolean(), [True, False]),
    "smallint": (sa.SmallInteger(), [5, 1]),
    "integer": (sa.Integer(), [5, 1]),
    "bigint": (sa.BigInteger(), [5, 1]),
    "float": (sa.Float(), [1.5]),
    "double": (sa.Double(), [1.5]),
    "numeric": (sa.Numeric(10, 2), [decimal.Decimal("1.25")]),
    "whole": (sa.Numeric(10, 0), [decimal.Decimal(5)]),
    "long_numeric": (
        sa.Numeric(20, 4),
        [decimal.Decimal("1234567890123456.7891"), decimal.Decimal("1.2345")],
    ),
    "string": (sa.String(100), []),
    "text": (sa.Text(), []),
    "enum": (sa.Enum("hello", "007", name="truth_words"), ["hello"]),
    "date": (sa.Date(), [MOMENT.date()]),
    "time": (sa.Time(), [MOMENT.time()]),
    "datetime": (sa.DateTime(), [MOMENT]),
    "zoned": (sa.DateTime(timezone=True), [AWARE]),
    "interval": (sa.Interval(), [dt.timedelta(hours=25)]),
    "uuid": (sa.Uuid(), [UID]),
    "json": (sa.JSON(), [{"a": [1, "b"]}, ["a"]]),
    "binary": (sa.LargeBinary(), [b"\x00\xff", b"text", b"abcd"]),
    "our_datetime": (shared.UTCDateTime(), [AWARE]),
    "our_numeric": (shared.ExactNumeric(10, 2), [decimal.Decimal("1.25")]),
    "our_json": (shared.JSONDocument(), [{"a": [1, "b"]}, ["a"]]),
    "our_uuid": (shared.UUID(), [UID]),
}
# Our adapters take no naive times, and no text for a UUID.
_NATIVE_FIELDS: Final = FIELDS | {"datetime": [AWARE.astimezone(dt.UTC)], "uuid": [UID]}
_OF_ONE_ENGINE: Final[dict[str, dict[str, tuple[TypeEngine[Any], list[Any]]]]] = {
    "sqlite": {},
    "postgresql": {
        "jsonb": (postgresql.JSONB(), [{"a": [1, "b"]}, ["a"]]),
        "words": (sa.ARRAY(sa.Text()), [["a", "b"]]),
        "numbers": (sa.ARRAY(sa.Integer()), [[1, 2]]),
        "address": (postgresql.INET(), ["10.0.0.1"]),
    },
    "mysql": {"exact_time": (mysql.DATETIME(fsp=6), [MOMENT])},
}


def list_columns(engine: str) -> dict[str, tuple[TypeEngine[Any], list[Any]]]:
    """List the kinds of columns an engine has."""
    return COLUMNS | _OF_ONE_ENGINE[engine]


def make_models(engine: str) -> sa.MetaData:
    """Make a table for each kind of column: a key, and the column as x."""
    metadata = sa.MetaData()
    for name, (type_, _) in list_columns(engine).items():
        key: sa.Column[int] = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table(f"c_{name}", metadata, key, sa.Column("x", type_))
    return metadata


@contextlib.contextmanager
def open_both(url: str, adapter: str) -> Iterator[tuple[sa.Connection, Any]]:
    """Open both layers on one database, each statement a transaction of its own."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with open_dal(sa.make_url(url), adapter) as db, engine.connect() as core:
        if adapter == "sqlite":
            db._adapter.connection.isolation_level = None
            db.executesql("PRAGMA synchronous=OFF")
            core.exec_driver_sql("PRAGMA synchronous=OFF")
        elif adapter.startswith("postgres"):
            db._adapter.connection.rollback()
            db._adapter.connection.autocommit = True
            # In another zone a stock adapter moves instants, which no definition tells: BL402.
            db.executesql("SET timezone TO 'UTC'")
            core.exec_driver_sql("SET timezone TO 'UTC'")
        elif adapter == "mysql":
            db._adapter.connection.autocommit(True)  # noqa: FBT003 - the driver's own argument
        yield core, db


_OWN: Final = ("select", "insert", "own", "read own", "update")


def _kinds(values: list[Any]) -> tuple[type, ...]:
    """Tell which classes a reader expects, by what it would write; all numbers are one kind."""
    first = values[0]
    if isinstance(first, dict | list):
        return _DOCUMENTS
    is_number = isinstance(first, float | decimal.Decimal)
    return _NUMBERS if is_number else (type(first),)


class Truth:
    """What happens to values between one PyDAL type and one kind of column."""

    def __init__(
        self, core: sa.Connection, db: Any, table: sa.Table, written: list[Any], field_type: str
    ) -> None:
        self.core, self.db, self.table, self.written = core, db, table, written
        self.reasons: list[tuple[str, str]] = []
        name = f"{table.name}_{field_type}"
        name = "".join(letter if letter.isalnum() else "_" for letter in name)
        mark = "`" if core.dialect.name in ("mysql", "mariadb") else '"'
        field = type_of_field(db)("x", field_type, requires=None)
        rname = f"{mark}{table.name}{mark}"
        self.defined = db.define_table(name, field, rname=rname, redefine=True)
        self.field_type, self.engine = field_type, core.dialect.name
        is_native = getattr(db._adapter, "bilayer_native", False)
        self.values = (_NATIVE_FIELDS if is_native else FIELDS)[field_type]
        type_ = table.c.x.type
        self.is_text = isinstance(type_, sa.String) and not isinstance(type_, sa.Enum)

    @property
    def fate(self) -> str:
        """The worst that happened."""
        return max((fate for fate, _ in self.reasons), key=RANK.index, default=FINE)

    def find(self) -> Truth:
        """Write and read through both layers."""
        self._note("select", lambda: self.db(self.defined).select(limitby=(0, 1)))
        for value in self.values:
            self._write_pydal(value)
        written = self.written
        if self.is_text and not self._carries_text():
            written = ["hello"]
        for value in written:
            self._write_core(value)
        return self

    @property
    def own(self) -> str:
        """The worst that happened to what PyDAL itself wrote and read."""
        own = [fate for fate, reason in self.reasons if reason.startswith(_OWN)]
        return max(own, key=RANK.index, default=FINE)

    def _carries_text(self) -> bool:
        """PyDAL itself keeps such values as text, and text of another form is nobody's mistake."""
        if getattr(self.db._adapter, "bilayer_native", False):
            return self.field_type in ("string", "text", "password", "upload")
        kinds = self.db._adapter.types
        word = self.field_type.partition("(")[0].partition(" ")[0]
        made = str(kinds.get(word, "TEXT")).upper()
        return made.startswith(("CHAR", "VARCHAR", "TEXT", "LONGTEXT", "LONGBLOB", "BLOB"))

    def _write_pydal(self, value: Any) -> None:
        key = self._note("insert", lambda: self.defined.insert(x=value))
        if key is None:
            return
        own = self._note("read own", lambda: [self.defined(int(key)).x])
        if own is not None:
            self._weigh("own", own[0], value, _kinds(self.values))
        if not (self.is_text and self._carries_text()):
            read = self._note("Core reads", lambda: [self._read_core(int(key))])
            if read is not None:
                kinds = _kinds(self.written or [""])
                # SQLite keeps fractions in any column.
                self._weigh("Core", read[0], value, _NUMBERS if kinds == (int,) else kinds)
        self._note("update", lambda: self.db(self.defined.id == int(key)).update(x=value))
        self._forget(int(key))

    def _write_core(self, value: Any) -> None:
        statement = sa.insert(self.table).values(x=value)
        key = self.core.execute(statement).inserted_primary_key[0]
        is_kept = weigh(self._read_core(key), value, (object,)) == FINE
        read = self._note("PyDAL reads", lambda: [self.defined(key).x])
        if read is not None and (is_kept or isinstance(value, dt.datetime | dt.timedelta)):
            self._weigh("PyDAL", read[0], value, _kinds(self.values))
        self._forget(key)

    def _read_core(self, key: int) -> Any:
        statement = sa.select(self.table.c.x).where(self.table.c.id == key)
        return self.core.execute(statement).scalar_one()

    def _forget(self, key: int) -> None:
        self.core.execute(sa.delete(self.table).where(self.table.c.id == key))

    def _note(self, what: str, step: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return step()
        except Exception as error:  # noqa: BLE001 - whatever fails is what is looked for
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:80]
            self.reasons.append((BROKEN, f"{what}: {reason}"))
            return None

    def _weigh(self, what: str, out: Any, value: Any, kinds: tuple[type, ...]) -> None:
        fate = weigh(out, value, kinds)
        if fate != FINE:
            self.reasons.append((fate, f"{what}: {value!r} -> {out!r}"))


def type_of_field(db: Any) -> Any:
    """Choose the class of fields that goes with a DAL."""
    if getattr(db._adapter, "bilayer_native", False):
        from bilayer.runtime import Field  # noqa: PLC0415 - the stock DALs do without it

        return Field
    return pydal.Field


def weigh(out: Any, value: Any, kinds: tuple[type, ...]) -> str:
    """Weigh what came back against what was written, and against what the reader expects."""
    out = bytes(out) if isinstance(out, memoryview | bytearray) else out
    if {type(out), type(value)} == {str, uuid.UUID}:
        return SURVIVED if str(out) == str(value) else BROKEN
    if not isinstance(out, kinds):
        return BROKEN
    if isinstance(value, dt.datetime | dt.time):
        return _weigh_time(out, value)
    if isinstance(value, decimal.Decimal) and isinstance(out, float):
        return SURVIVED if decimal.Decimal(repr(out)) == value else BROKEN
    if out != value:
        return BROKEN
    is_same_kind = isinstance(out, bool) == isinstance(value, bool) and isinstance(out, type(value))
    return FINE if is_same_kind else SURVIVED


def _weigh_time(out: Any, value: Any) -> str:
    """Lost microseconds and zones are survived; an instant that moved is not."""
    if type(out) is not type(value):
        return BROKEN
    if isinstance(value, dt.datetime) and value.tzinfo and out.tzinfo:
        return FINE if out == value else BROKEN
    bare = value.replace(tzinfo=None)
    in_utc = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else bare
    if out.replace(microsecond=0, tzinfo=None) not in (bare, in_utc):
        return BROKEN
    return FINE if out == value else SURVIVED
