"""What PostgreSQL and PyDAL's stock adapter really do with each field over each column.

The models make the tables; then, for each, PyDAL inserts every field and selects it, inserts only
what it requires, and reads what SQLAlchemy wrote. An error has to be reported for all that fails,
and none for what works with every value intact; where a value came back as another one, something
has to be said; where only the insert of what is required fails, at least a warning.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import decimal
import uuid
from collections.abc import Collection, Iterator
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
    "bigint": (1, 0),
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

_TEXTS: Final = ("string", "text", "password", "upload")
_FITTING: Final = {"INET": "10.0.0.1", "CHAR(36)": "x" * 36}
"""Texts that a column takes and gives back as they are."""

ADAPTERS: Final = ("postgres", "postgres2", "postgres3")


@dataclasses.dataclass(frozen=True, slots=True)
class Truth:
    """What happened.

    Attributes:
        fails: What PyDAL did with all it knows and could not; the reason.
        changes: A value came back as another one; which.
        needs: An insert of what PyDAL requires failed; the reason.
    """

    fails: str | None = None
    changes: str | None = None
    needs: str | None = None


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
    try:
        read = []
        for value in (values := _choose_values(field, column)):
            key = db[table.name].insert(value=value)
            read.append((value, db(db[table.name].id == key).select().first().value))
        db.commit()
        changed = [f"{value!r} as {got!r}" for value, got in read if not _is_same(value, got)]
    except Exception as error:  # noqa: BLE001 - whatever PyDAL and its driver raise is the truth
        db.rollback()
        return Truth(fails=f"{type(error).__name__}: {error}".splitlines()[0][:120])
    changed += _compare_with_core(connection, table, values)
    value = COLUMNS[column][1]
    if field == "list:integer" and isinstance(value, str):
        value = "|1|2|"  # How PyDAL keeps them in text.
    return _read_what_core_wrote(db, connection, table, value, changed)


def _choose_values(field: str, column: str) -> tuple[Any, ...]:
    if field in _TEXTS and column in _FITTING:
        return (_FITTING[column],)
    return FIELDS[field]


def _compare_with_core(
    connection: sa.Connection, table: sa.Table, values: tuple[Any, ...]
) -> list[str]:
    rows = connection.execute(sa.select(table.c.value).order_by(table.c.id)).scalars().all()
    connection.rollback()
    pairs = zip(values, rows, strict=True)
    return [f"{value!r} as {got!r}" for value, got in pairs if not _is_same(value, got)]


def _read_what_core_wrote(
    db: Any, connection: sa.Connection, table: sa.Table, value: Any, changed: list[str]
) -> Truth:
    key = connection.execute(table.insert().values(value=value)).inserted_primary_key
    connection.commit()
    try:
        got = db(db[table.name].id == key[0]).select().first().value  # type: ignore[index]  # a Row
    except Exception as error:  # noqa: BLE001 - as above
        return Truth(fails=f"{type(error).__name__}: {error}".splitlines()[0][:120])
    finally:
        db.rollback()
    if not _is_same(value, got):
        changed = [*changed, f"{value!r} as {got!r}"]
    return Truth(changes="; ".join(changed)[:160] or None)


def _is_same(value: Any, got: Any) -> bool:
    return type(value) is type(got) and bool(value == got)


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
    if truth.fails:
        enough, wanted = {"error"}, f"an error, for {truth.fails}"
    elif truth.changes:
        enough, wanted = {"error", "warning"}, f"anything, for {truth.changes}"
    else:
        enough, wanted = {"error", "warning"}, f"a warning, for {truth.needs}"
    is_said = bool(enough & set(severities))
    return {"missed": () if is_said else (wanted,), "found": int(is_said)}
