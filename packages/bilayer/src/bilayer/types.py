"""The column types on which both layers must agree, as SQLAlchemy types.

Each type fixes how a value is stored on each engine; the runtime writes and reads the same form
through PyDAL. Types that mean the same everywhere (``sa.Boolean``, ``sa.Integer``,
``sa.BigInteger``, ``sa.Double``, ``sa.Date``, ``sa.LargeBinary``) are used as they are.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from bilayer import decimals, documents
from bilayer.decimals import EXACT

UTC: Final = dt.UTC
MAX_EXACT_DIGITS: Final = 18
"""The most digits a signed 64-bit integer always holds: what SQLite can store exactly."""


def _is_mysql(dialect: Dialect) -> bool:
    return dialect.name in ("mysql", "mariadb")


def text_collation(*, mariadb: bool) -> str:
    """Name the collation that compares by code point and keeps trailing spaces apart."""
    return "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"


def _collation(dialect: Dialect) -> str:
    return text_collation(mariadb=getattr(dialect, "is_mariadb", True))


class UTCDateTime(TypeDecorator[dt.datetime]):
    """An instant with microseconds; aware UTC in Python.

    Stored as ``timestamptz`` on PostgreSQL, ``DATETIME(6)`` in UTC on MariaDB and MySQL, and as
    ``YYYY-MM-DD HH:MM:SS.ffffff`` in UTC on SQLite, so that the order of the text is the order of
    time. Naive values are refused, because nobody can know which instant they mean.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the engine's own type."""
        if _is_mysql(dialect):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Convert to UTC, and to the naive form where the engine has no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime with a time zone is needed")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: Any, _dialect: Dialect) -> dt.datetime | None:
        """Give back an aware UTC datetime whatever the session's time zone is."""
        if value is None:
            return None
        aware: dt.datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)


class ExactNumeric(TypeDecorator[decimal.Decimal]):
    """A decimal number of fixed scale, exact on every engine.

    ``NUMERIC(precision, scale)`` on PostgreSQL, MariaDB and MySQL. SQLite has no decimals, only
    doubles; there the number is stored as an integer scaled by ``10 ** scale``.

    Args:
        precision: Digits in all, 1 to 18.
        scale: Digits after the point, 0 to ``precision``.
    """

    impl = sa.Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int) -> None:
        if not 1 <= precision <= MAX_EXACT_DIGITS or not 0 <= scale <= precision:
            raise ValueError(f"precision must be 1 to {MAX_EXACT_DIGITS} and scale 0 to precision")
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose NUMERIC, or a 64-bit integer on SQLite."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.Numeric(self.precision, self.scale))

    def process_bind_param(self, value: decimal.Decimal | int | None, dialect: Dialect) -> Any:
        """Refuse digits the column would round away; scale on SQLite."""
        if value is None:
            return None
        fixed = decimals.fix(value, self.precision, self.scale)
        return int(fixed.scaleb(self.scale, EXACT)) if dialect.name == "sqlite" else fixed

    def process_result_value(self, value: Any, dialect: Dialect) -> decimal.Decimal | None:
        """Undo the scaling on SQLite."""
        if value is None:
            return None
        number = decimal.Decimal(value)
        return number.scaleb(-self.scale, EXACT) if dialect.name == "sqlite" else number


class JSONDocument(TypeDecorator[Any]):
    """A JSON document; Python ``None`` is SQL NULL.

    ``JSONB`` on PostgreSQL, ``JSON`` on MariaDB and MySQL. On SQLite the column is declared TEXT:
    the declared type ``JSON`` has numeric affinity there and would turn documents that are plain
    numbers into SQLite numbers (https://www.sqlite.org/datatype3.html, section 3.1).
    """

    impl = sa.JSON
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(none_as_null=True)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the engine's own document type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB(none_as_null=True))
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        return dialect.type_descriptor(sa.JSON(none_as_null=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """Write the text the runtime writes too, on every engine."""
        del dialect
        return _document_text

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Parse where the column is text."""
        return json.loads(value) if value is not None and dialect.name == "sqlite" else value


def _document_text(value: Any) -> str | None:
    if value is None:
        return None
    return "null" if value is sa.JSON.NULL else documents.dump(value)


class UUID(TypeDecorator[uuid.UUID]):
    """A UUID: native on PostgreSQL, 32 lower-case hex digits elsewhere.

    MariaDB and MySQL get an ASCII column, which takes a quarter of the index space of utf8mb4.
    """

    impl = sa.Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the native type, or CHAR(32)."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Uuid())
        if _is_mysql(dialect):
            return dialect.type_descriptor(mysql.CHAR(32, charset="ascii", collation="ascii_bin"))
        return dialect.type_descriptor(sa.CHAR(32))

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> Any:
        """Write hex digits where there is no native type."""
        if value is None or dialect.name == "postgresql":
            return value
        return value.hex

    def process_result_value(self, value: Any, _dialect: Dialect) -> uuid.UUID | None:
        """Give back a UUID object."""
        if value is None or isinstance(value, uuid.UUID):
            return value
        return uuid.UUID(value)


class String(TypeDecorator[str]):
    """Text of at most ``length`` characters that compares by code point on every engine."""

    impl = sa.String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Add the collation that compares code points."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.String(self.length, collation="C"))
        if _is_mysql(dialect):
            collation = _collation(dialect)
            text = mysql.VARCHAR(self.length, charset="utf8mb4", collation=collation)
            return dialect.type_descriptor(text)
        return dialect.type_descriptor(sa.String(self.length))


class Text(TypeDecorator[str]):
    """Text of any length that compares by code point; ``LONGTEXT`` on MariaDB and MySQL."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Add the collation that compares code points."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.Text(collation="C"))
        if _is_mysql(dialect):
            collation = _collation(dialect)
            return dialect.type_descriptor(mysql.LONGTEXT(charset="utf8mb4", collation=collation))
        return dialect.type_descriptor(sa.Text())


class utcnow(FunctionElement[dt.datetime]):  # noqa: N801 - reads as the SQL function it is
    """The present instant, in the form ``UTCDateTime`` stores; for ``server_default=utcnow()``."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(utcnow)
def _compile_utcnow(_element: utcnow, _compiler: Any, **_options: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(utcnow, "mysql", "mariadb")
def _compile_utcnow_mysql(_element: utcnow, _compiler: Any, **_options: Any) -> str:
    return "(UTC_TIMESTAMP(6))"


@compiles(utcnow, "sqlite")
def _compile_utcnow_sqlite(_element: utcnow, _compiler: Any, **_options: Any) -> str:
    """SQLite's clock has milliseconds; the zeros keep the text in the stored form."""
    return "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"
