"""What PostgreSQL and PyDAL's stock adapter really do with each field over each column.

The models make the tables; then, for each, PyDAL inserts values of the field's type and selects
them, SQLAlchemy reads them, and PyDAL reads what SQLAlchemy wrote. The values are the field's and
the column's own: none is chosen to fit the other side. An error has to be reported where a
statement fails or a value comes back as another one, and none where every value is intact. Where
one comes back in another dress (see ``weigh_value``), or only an insert of what PyDAL requires
fails, at least a warning has to be; an error there is not counted as right or wrong.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import decimal
import functools
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

import pydal
import sqlalchemy as sa
from pydal import Field
from sqlalchemy.dialects import postgresql

import bilayer
from scripts.bench.drift.scoring import Score
from scripts.bench.frame import progress
from tests.support.databases import new_database
from tests.support.run import Run

_NOON: Final = dt.datetime(2026, 5, 4, 12, 30, 15)  # noqa: DTZ001 - what a stock adapter knows
_ID: Final = uuid.UUID("12345678-1234-5678-1234-567812345678")

FIELDS: Final[dict[str, tuple[Any, ...]]] = {
    "string": ("abc", "12"),
    "text": ("a long text", "12"),
    "password": ("secret",),
    "upload": ("file.txt",),
    "boolean": (True, False),
    "integer": (7, 0),
    "bigint": (2**40, 0),
    "double": (1.5, 2.0),
    "decimal(10,2)": (decimal.Decimal("12.34"), decimal.Decimal("5.00")),
    "date": (_NOON.date(),),
    "time": (_NOON.time(),),
    "datetime": (_NOON,),
    "json": ({"a": [1]}, [1, 2]),
    "blob": (b"\x00\xff", b"abc"),
    "list:string": (["a", "b"],),
    "list:integer": ([1, 2],),
    "uuid": (str(_ID),),
}
"""Every type of PyDAL, and values people keep in it."""

COLUMNS: Final[dict[str, tuple[Any, Any]]] = {
    "VARCHAR(80)": (sa.String(80), "abc"),
    "TEXT": (sa.Text(), "a long text"),
    "CHAR(36)": (sa.CHAR(36), "x" * 36),
    "SMALLINT": (sa.SmallInteger(), 7),
    "INTEGER": (sa.Integer(), 7),
    "BIGINT": (sa.BigInteger(), 2**40),
    "BOOLEAN": (sa.Boolean(), True),
    "NUMERIC(10, 2)": (sa.Numeric(10, 2), decimal.Decimal("12.34")),
    "NUMERIC(20, 6)": (sa.Numeric(20, 6), decimal.Decimal("1234567890123.123456")),
    "DOUBLE": (sa.Double(), 1.5),
    "REAL": (sa.REAL(), 1.5),
    "DATE": (sa.Date(), _NOON.date()),
    "TIME": (sa.Time(), _NOON.time()),
    "TIMESTAMP": (sa.DateTime(), _NOON),
    "TIMESTAMPTZ": (sa.DateTime(timezone=True), _NOON.replace(tzinfo=dt.UTC)),
    "INTERVAL": (postgresql.INTERVAL(), dt.timedelta(hours=5)),
    "JSON": (sa.JSON(), {"a": [1]}),
    "JSONB": (postgresql.JSONB(), {"a": [1]}),
    "BYTEA": (sa.LargeBinary(), b"\x00\xff"),
    "UUID": (sa.Uuid(), _ID),
    "TEXT[]": (postgresql.ARRAY(sa.Text()), ["a", "b"]),
    "INTEGER[]": (postgresql.ARRAY(sa.Integer()), [1, 2]),
    "ENUM": (sa.Enum("red", "green", name="colour"), "red"),
    "INET": (postgresql.INET(), "10.0.0.1"),
}
"""Types of columns, and a value SQLAlchemy writes to each."""

_TEXT_COLUMNS: Final = ("VARCHAR(80)", "TEXT", "CHAR(36)")
_OWN_FORM: Final = ("list:string", "list:integer", "json", "blob", "boolean")
"""What PyDAL itself keeps as text of a form of its own."""

ADAPTERS: Final = ("postgres", "postgres2", "postgres3")


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """What happened.

    Attributes:
        fails: A statement failed, or a value came back as another one; how.
        warns: A value came back in another dress, or an insert of what PyDAL requires failed; how.
    """

    fails: str | None = None
    warns: str | None = None


def try_all(run: Run, adapter: str) -> Iterator[Score]:
    """Try every field over every column, through one stock adapter."""
    progress(f"postgresql, {adapter}: {len(FIELDS) * len(COLUMNS)} fields over columns, for real")
    metadata, names = _make_models()
    with new_database(run, "postgresql") as url:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        metadata.create_all(engine)
        report = bilayer.check(
            metadata=metadata, dal=_define, dialect="postgresql", adapter=adapter, url=url
        )
        with opened(url, adapter) as db, engine.connect() as connection:
            _define(db)
            for name, (field, column) in names.items():
                truth = _measure(db, connection, metadata.tables[name], field, column)
                yield from _judge(name, f"{field} over {column}", adapter, truth, report)
        if report.failures:
            reason = "; ".join(map(str, report.failures))
            yield Score("truth", "the check itself", "postgresql", adapter, error=reason)


def _names() -> dict[str, tuple[str, str]]:
    pairs = [(field, column) for field in FIELDS for column in COLUMNS]
    return {f"t{number}": pair for number, pair in enumerate(pairs)}


def _make_models() -> tuple[sa.MetaData, dict[str, tuple[str, str]]]:
    metadata = sa.MetaData()
    for name, (_, column) in _names().items():
        key = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table(name, metadata, key, sa.Column("value", COLUMNS[column][0]))
    return metadata, _names()


def _define(db: Any) -> None:
    for name, (field, _) in _names().items():
        db.define_table(name, Field("value", field), migrate=False)


@contextlib.contextmanager
def opened(url: str, adapter: str) -> Iterator[Any]:
    """Open a database through a stock adapter of PyDAL."""
    parsed = sa.make_url(url)
    password = f":{parsed.password}" if parsed.password else ""
    place = f"{parsed.username}{password}@{parsed.host}:{parsed.port}/{parsed.database}"
    db = pydal.DAL(f"{adapter}://{place}", migrate=False, migrate_enabled=False, attempts=1)
    try:
        yield db
    finally:
        db.rollback()
        db.close()


def _measure(db: Any, connection: sa.Connection, table: sa.Table, field: str, column: str) -> Truth:
    """Write and read each value, both ways."""
    found = []
    is_text = column in _TEXT_COLUMNS
    for value in FIELDS[field]:
        key, failed = _attempt(db, functools.partial(db[table.name].insert, value=value))
        if failed:
            return Truth(fails=failed)
        found.append(_weigh_read(db, table.name, key, value))
        if not (is_text and field in _OWN_FORM):
            row = connection.execute(sa.select(table.c.value).where(table.c.id == int(key)))
            found.append(weigh_value(value, row.scalar_one()))
            connection.rollback()
    value = COLUMNS[column][1]
    key = connection.execute(table.insert().values(value=value)).inserted_primary_key[0]  # type: ignore[index]  # a Row
    connection.commit()
    theirs = _weigh_read(db, table.name, key, value)
    if is_text and field in _OWN_FORM and theirs.fails:
        # Whether SQLAlchemy's side writes PyDAL's form there, no definition tells.
        theirs = Truth(warns=theirs.fails)
    return _worst([*found, theirs])


def _weigh_read(db: Any, name: str, key: int, value: Any) -> Truth:
    got, failed = _attempt(db, lambda: db(db[name].id == key).select().first().value)
    return Truth(fails=failed) if failed else weigh_value(value, got)


def _attempt(db: Any, act: Callable[[], Any]) -> tuple[Any, str | None]:
    """Do it, and say what came of it, or how it failed."""
    try:
        found = act()
    except Exception as error:  # noqa: BLE001 - whatever PyDAL and its driver raise is the truth
        db.rollback()
        return None, f"{type(error).__name__}: {error}".splitlines()[0][:120]
    db.commit()
    return found, None


def _worst(truths: Sequence[Truth]) -> Truth:
    fails = next((each.fails for each in truths if each.fails), None)
    return Truth(fails=fails, warns=next((each.warns for each in truths if each.warns), None))


def weigh_value(value: Any, got: Any) -> Truth:
    """Weigh what came back for a value.

    Another dress is what says the same in another class: a UUID as text, an exact number in
    another class of numbers, an instant with or without its zone, text that CHAR fills with
    blanks, bytes in a buffer. Everything else is another value.
    """
    got = bytes(got) if isinstance(got, memoryview) else got
    if type(value) is type(got) and value == got:
        return Truth()
    told = f"{value!r} as {got!r}"[:120]
    is_same = _undress(value) == _undress(got)
    return Truth(warns=told) if is_same else Truth(fails=told)


def _undress(value: Any) -> Any:
    """Take off what does not change which value it is."""
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, float | decimal.Decimal) or type(value) is int:
        return decimal.Decimal(repr(value) if isinstance(value, float) else value)
    return str(value).rstrip(" ") if isinstance(value, str | uuid.UUID) else value


def _judge(
    name: str, title: str, adapter: str, truth: Truth, report: bilayer.Report
) -> Iterator[Score]:
    for pair in ("models-runtime", "runtime-database"):
        found = [f for f in report.findings if f.table == name and f.pair == pair]
        blank = Score("truth", title, "postgresql", f"{pair} ({adapter})")
        yield dataclasses.replace(blank, **weigh(truth, {each.severity for each in found}))


def weigh(truth: Truth, severities: Collection[str]) -> dict[str, Any]:
    """Weigh what was said against what happened."""
    if truth == Truth():
        return {"wrong": ("an error, where all works",) if "error" in severities else ()}
    enough = {"error"} if truth.fails else {"error", "warning"}
    wanted = f"an error, for {truth.fails}" if truth.fails else f"a warning, for {truth.warns}"
    is_said = bool(enough & set(severities))
    return {"missed": () if is_said else (wanted,), "found": int(is_said)}
