"""A small schema in both layers, with a column of every type; the tables of the runtime's tests.

``things`` has a key the database makes, ``owners`` one its writer gives, ``members`` one of two
columns, and ``remarks`` point at things without a foreign key. Holds no fixtures and no values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from bilayer import types
from bilayer.runtime import Database, Field
from bilayer.urls import parse_url

metadata = sa.MetaData()

owners = sa.Table(
    "owners",
    metadata,
    sa.Column("id", types.UUID(), primary_key=True),
    sa.Column("name", types.String(40)),
)

things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column(
        "owner",
        types.UUID(),
        sa.ForeignKey("owners.id", name="fk_things_owner", ondelete="CASCADE"),
    ),
    sa.Column("flag", sa.Boolean(create_constraint=False)),
    sa.Column("small", sa.Integer),
    sa.Column("big", sa.BigInteger),
    sa.Column("ratio", sa.Double),
    sa.Column("price", types.ExactNumeric(18, 4)),
    sa.Column("code", types.String(60)),
    sa.Column("title", types.String(60)),
    sa.Column("body", types.Text()),
    sa.Column("day", sa.Date),
    sa.Column("hour", sa.Time().with_variant(mysql.TIME(fsp=6), "mysql", "mariadb")),
    sa.Column("moment", types.UTCDateTime()),
    sa.Column("document", types.JSONDocument()),
    sa.Column("data", sa.LargeBinary().with_variant(mysql.LONGBLOB, "mysql", "mariadb")),
    sa.Column("token", types.UUID()),
    sa.Column("words", types.JSONDocument()),
    sa.Column("numbers", types.JSONDocument()),
    sa.UniqueConstraint("code", name="uq_things_code"),
    sa.CheckConstraint("small <> 13", name="ck_things_small"),
)

members = sa.Table(
    "members",
    metadata,
    sa.Column(
        "owner_id",
        types.UUID(),
        sa.ForeignKey("owners.id", name="fk_members_owner"),
        primary_key=True,
    ),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("label", types.String(40), nullable=False, server_default="none"),
    sa.Column("visits", sa.Integer, nullable=False, server_default="0"),
)


remarks = sa.Table(
    "remarks",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("thing_id", sa.BigInteger),
    sa.Column("title", types.String(60)),
)


def define(db: Any) -> None:
    """Define the same tables for the runtime."""
    db.define_table(
        "owners",
        Field("id", "uuid", notnull=True),
        Field("name", "string", length=40),
        primarykey=["id"],
    )
    define_things(db, Field, Field("owner", "reference owners"))
    db.define_table(
        "members",
        Field("owner_id", "reference owners", notnull=True),
        Field("place", "integer", notnull=True),
        Field("label", "string", length=40, notnull=True, default="none"),
        Field("visits", "integer", notnull=True, default=0),
        primarykey=["owner_id", "place"],
    )


def define_things(db: Any, field: Callable[..., Any], *others: Any) -> None:
    """Define things and remarks, for the runtime or for PyDAL as it is.

    Args:
        db: Either DAL.
        field: Its class of fields.
        *others: Further columns of things.
    """
    db.define_table(
        "things",
        field("id", "id"),
        field("flag", "boolean"),
        field("small", "integer"),
        field("big", "bigint"),
        field("ratio", "double"),
        field("price", "decimal(18,4)"),
        field("code", "string", length=60),
        field("title", "string", length=60),
        field("body", "text"),
        field("day", "date"),
        field("hour", "time"),
        field("moment", "datetime"),
        field("document", "json"),
        field("data", "blob"),
        field("token", "uuid"),
        field("words", "list:string"),
        field("numbers", "list:integer"),
        *others,
    )
    db.define_table(
        "remarks",
        field("id", "id"),
        field("thing_id", "reference things"),
        field("title", "string", length=60),
    )


def create_tables(url: str) -> None:
    """Make the tables in an empty database, with SQLAlchemy."""
    engine = sa.create_engine(parse_url(url), poolclass=sa.NullPool)
    metadata.create_all(engine)
    engine.dispose()


def connect(url: str, **options: Any) -> Database:
    """Connect to a database that has the tables; the caller closes it."""
    database = Database.connect(url, **options)
    define(database.dal)
    return database
