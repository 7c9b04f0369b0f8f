"""SQLAlchemy type objects as ``snapshot.Type``. Shared by what reads metadata and catalogs."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeDecorator, TypeEngine

from bilayer import types as shared
from bilayer.drift.snapshot import Type

# The first class a type is an instance of decides; narrow ones stand before wide ones.
_FAMILIES: Final[tuple[tuple[type[Any], str], ...]] = (
    (sa.Enum, "enum"),
    (mysql.ENUM, "enum"),
    (sa.Boolean, "boolean"),
    (sa.SmallInteger, "integer"),
    (sa.Integer, "integer"),
    (sa.Float, "float"),
    (sa.Numeric, "numeric"),
    (sa.DateTime, "datetime"),
    (sa.Date, "date"),
    (sa.Time, "time"),
    (sa.Interval, "interval"),
    (postgresql.INTERVAL, "interval"),
    (sa.Uuid, "uuid"),
    (sa.JSON, "json"),
    (sa.ARRAY, "array"),
    (mysql.BIT, "bit"),
    (sa.LargeBinary, "binary"),
    (sa.BINARY, "binary"),
    (sa.VARBINARY, "binary"),
    (mysql.TINYBLOB, "binary"),
    (mysql.MEDIUMBLOB, "binary"),
    (mysql.LONGBLOB, "binary"),
    (mysql.YEAR, "integer"),
    (sa.Text, "text"),
    (mysql.TINYTEXT, "text"),
    (mysql.MEDIUMTEXT, "text"),
    (mysql.LONGTEXT, "text"),
    (sa.String, "string"),
)
_SHARED: Final[dict[type[Any], str]] = {
    shared.UTCDateTime: "datetime",
    shared.ExactNumeric: "numeric",
    shared.JSONDocument: "json",
    shared.UUID: "uuid",
    shared.String: "string",
    shared.Text: "text",
}


def describe(type_: TypeEngine[Any], dialect: Dialect) -> Type:
    """Tell what a type means, and what the engine makes of it."""
    physical = _load(type_, dialect)
    stored = _physical_family(physical, dialect)
    family = _SHARED.get(type(type_)) or _declared_family(type_) or _family(physical)
    detailed = type_ if isinstance(type_, shared.ExactNumeric) else physical
    return Type(
        family=family,
        text=render(type_, dialect),
        stored="" if stored == family else stored,
        length=getattr(physical, "length", None) if stored in ("string", "binary") else None,
        precision=_whole(detailed, "precision") if family == "numeric" else None,
        scale=_whole(detailed, "scale") if family == "numeric" else None,
        bits=64 if isinstance(type_, sa.Double) else _bits(physical, dialect),
        timezone=bool(getattr(physical, "timezone", False)),
        unsigned=bool(getattr(physical, "unsigned", False)),
        fraction=_fraction(physical, dialect, family),
        collation=getattr(physical, "collation", None),
        values=tuple(getattr(physical, "enums", None) or ()),
        item=_family(physical.item_type) if isinstance(physical, sa.ARRAY) else "",
    )


def render(type_: TypeEngine[Any], dialect: Dialect) -> str:
    """Write the type down: our own types by name, all others as the engine spells them."""
    if type(type_) in _SHARED:
        return _shared_text(type_)
    if isinstance(type_, sa.Enum):
        return f"ENUM({', '.join(type_.enums)})"
    try:
        return str(type_.compile(dialect=dialect))
    except SQLAlchemyError:
        return repr(type_)


def _shared_text(type_: TypeEngine[Any]) -> str:
    arguments = [getattr(type_, name, None) for name in ("length", "precision", "scale")]
    written = ", ".join(str(argument) for argument in arguments if argument is not None)
    return type(type_).__name__ + (f"({written})" if written else "")


def _load(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """Follow decorators and variants to the type the engine gets."""
    loaded = type_.dialect_impl(dialect)
    while isinstance(loaded, TypeDecorator):
        inner = loaded.load_dialect_impl(dialect)
        if inner is loaded:
            break
        loaded = inner.dialect_impl(dialect) if isinstance(inner, TypeDecorator) else inner
    if isinstance(loaded, sa.Uuid) and render(loaded, dialect) != "UUID":
        return sa.CHAR(32)
    return loaded


def _declared_family(type_: TypeEngine[Any]) -> str:
    """Keep the meaning of a generic type that an engine stores as something else."""
    if isinstance(type_, sa.Interval):
        return "interval"
    return _family(type_) if isinstance(type_, sa.Uuid | sa.Boolean) else ""


def _physical_family(type_: TypeEngine[Any], dialect: Dialect) -> str:
    if isinstance(type_, sa.Enum) and not (type_.native_enum and dialect.supports_native_enum):
        return "string"
    return "jsonb" if isinstance(type_, postgresql.JSONB) else _family(type_)


def _family(type_: TypeEngine[Any]) -> str:
    if isinstance(type_, mysql.TINYINT) and type_.display_width == 1:
        return "boolean"
    return next((name for cls, name in _FAMILIES if isinstance(type_, cls)), "unknown")


def _whole(type_: TypeEngine[Any], name: str) -> int | None:
    value = getattr(type_, name, None)
    return value if isinstance(value, int) else None


def _bits(type_: TypeEngine[Any], dialect: Dialect) -> int | None:
    if isinstance(type_, sa.Float):
        # SQLite has doubles only, whatever they are called.
        return 64 if dialect.name == "sqlite" else _float_bits(type_)
    if isinstance(type_, mysql.TINYINT):
        return 8
    if isinstance(type_, sa.SmallInteger):
        return 16
    if isinstance(type_, sa.BigInteger):
        return 64
    return 32 if isinstance(type_, sa.Integer) else None


def _float_bits(type_: sa.Float[Any]) -> int:
    is_double = isinstance(type_, sa.Double) or (type_.precision or 0) > 24  # noqa: PLR2004 - SQL's limit of a single
    return 64 if is_double else 32


def _fraction(type_: TypeEngine[Any], dialect: Dialect, family: str) -> int | None:
    """Digits of a second: MySQL keeps none unless told, PostgreSQL six."""
    if family not in ("datetime", "time"):
        return None
    if dialect.name in ("mysql", "mariadb"):
        return getattr(type_, "fsp", None) or 0
    precision = getattr(type_, "precision", None)
    return precision if isinstance(precision, int) else None
