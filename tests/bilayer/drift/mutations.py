"""Tables that are one thing in the models and another in the revisions: one mutation in each."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

Items = list[Any]


def column(*args: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column("x", *args, **options)


def words(*values: str) -> sa.Enum:
    return sa.Enum(*values, name=f"words_{values[0]}")


def link(**options: Any) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["x"], ["parent.id"], name="fk", **options)


Mutations = dict[str, tuple[str, Items, Items]]
"""The code, what the models say, what the revisions made; each table has an id and y besides."""


def everywhere() -> Mutations:
    """Mutations that mean something on all engines."""
    return {
        "column_added": ("BL202", [column(sa.Integer)], []),
        "column_filled": ("BL202", [column(sa.Integer, nullable=False, server_default="4")], []),
        "column_words": ("BL202", [column(sa.Enum("a", "b", name="some"))], []),
        "column_extra": ("BL202", [], [column(sa.String(20), server_default="a'b")]),
        "column_linked": ("BL202", [column(sa.Integer, sa.ForeignKey("parent.id"))], []),
        "column_case": ("BL203", [sa.Column("Name", sa.Integer)], [sa.Column("name", sa.Integer)]),
        "to_number": ("BL204", [column(sa.Integer)], [column(sa.String(20))]),
        "to_text": ("BL204", [column(sa.String(20))], [column(sa.Integer)]),
        "to_time": ("BL204", [column(sa.DateTime)], [column(sa.Date)]),
        "to_yes": ("BL204", [column(sa.Boolean, server_default=sa.true())], [column(sa.String(5))]),
        "longer": ("BL205", [column(sa.String(40))], [column(sa.String(20))]),
        "digits": ("BL206", [column(sa.Numeric(12, 4))], [column(sa.Numeric(10, 2))]),
        "wider": ("BL207", [column(sa.BigInteger)], [column(sa.Integer)]),
        "required": ("BL209", [column(sa.Integer, nullable=False)], [column(sa.Integer)]),
        "optional": ("BL209", [column(sa.Integer)], [column(sa.Integer, nullable=False)]),
        "default": (
            "BL210",
            [column(sa.String(9), server_default="new")],
            [column(sa.String(9), server_default="old")],
        ),
        "default_gone": ("BL210", [column(sa.Integer)], [column(sa.Integer, server_default="1")]),
        "default_now": (
            "BL210",
            [column(sa.DateTime, server_default=sa.func.now())],
            [column(sa.DateTime)],
        ),
        "computed": (
            "BL215",
            [column(sa.Integer, sa.Computed("y * 2", persisted=True))],
            [column(sa.Integer)],
        ),
        "not_computed": (
            "BL215",
            [column(sa.Integer), sa.Index("ix_not_computed", "x")],
            [
                column(sa.Integer, sa.Computed("y * 2", persisted=True)),
                sa.Index("ix_not_computed", "x"),
            ],
        ),
        "computes": (
            "BL215",
            [
                column(sa.Integer, sa.Computed("y * 3", persisted=True)),
                sa.Index("ix_computes", "x"),
            ],
            [
                column(sa.Integer, sa.Computed("y * 2", persisted=True)),
                sa.Index("ix_computes", "x"),
            ],
        ),
        "key": (
            "BL301",
            [column(sa.Integer, primary_key=True, autoincrement=False)],
            [column(sa.Integer, nullable=False)],
        ),
        "unique": (
            "BL302",
            [column(sa.Integer), sa.UniqueConstraint("x", "y", name="uq_unique")],
            [column(sa.Integer)],
        ),
        "unique_bare": ("BL302", [column(sa.Integer, unique=True)], [column(sa.Integer)]),
        "unique_extra": (
            "BL302",
            [column(sa.Integer)],
            [column(sa.Integer), sa.UniqueConstraint("x", name="uq_extra")],
        ),
        "index": ("BL303", [column(sa.Integer), sa.Index("ix_i", "x", "y")], [column(sa.Integer)]),
        "index_extra": ("BL303", [column(sa.Integer)], [column(sa.Integer, index=True)]),
        "index_other": (
            "BL303",
            [column(sa.Integer), sa.Index("ix_other", "x", "y")],
            [column(sa.Integer), sa.Index("ix_other", "y", "x")],
        ),
        "link": ("BL304", [column(sa.Integer), link()], [column(sa.Integer)]),
        "link_bare": (
            "BL304",
            [column(sa.Integer, sa.ForeignKey("parent.id", ondelete="CASCADE"))],
            [column(sa.Integer)],
        ),
        "link_extra": ("BL304", [column(sa.Integer)], [column(sa.Integer), link()]),
        "check": (
            "BL305",
            [column(sa.Integer), sa.CheckConstraint("x > 0", name="ck_c")],
            [column(sa.Integer)],
        ),
        "check_extra": (
            "BL305",
            [column(sa.Integer)],
            [column(sa.Integer), sa.CheckConstraint("x > 0", name="ck_extra")],
        ),
        "check_other": (
            "BL305",
            [column(sa.Integer), sa.CheckConstraint("x > 0", name="ck_other")],
            [column(sa.Integer), sa.CheckConstraint("x > 1", name="ck_other")],
        ),
        "action": (
            "BL306",
            [column(sa.Integer), link(ondelete="CASCADE")],
            [column(sa.Integer), link()],
        ),
    }


def servers() -> Mutations:
    """Mutations that SQLite knows nothing of."""
    return {
        "to_words": ("BL204", [column(words("on", "off"))], [column(sa.String(9))]),
        "column_comment": ("BL213", [column(sa.Integer, comment="it's")], [column(sa.Integer)]),
        "comment_gone": ("BL213", [column(sa.Integer)], [column(sa.Integer, comment="old")]),
        "more_words": ("BL216", [column(words("a", "b", "c"))], [column(words("a", "c"))]),
        "fewer_words": (
            "BL216",
            [column(words("d", "e"), nullable=False, server_default="d")],
            [column(words("d", "f", "e"), nullable=False, server_default="d")],
        ),
    }


def only() -> dict[str, Mutations]:
    """Mutations of one engine."""
    return {
        "sqlite": {
            "collation": ("BL214", [column(sa.String(9, "NOCASE"))], [column(sa.String(9))])
        },
        "postgresql": {
            "zone": ("BL208", [column(sa.DateTime(timezone=True))], [column(sa.DateTime)]),
            "collation": ("BL214", [column(sa.String(9, "C"))], [column(sa.String(9))]),
            "document": ("BL204", [column(postgresql.JSONB)], [column(sa.JSON)]),
            "list": ("BL204", [column(postgresql.ARRAY(sa.Integer))], [column(sa.Text)]),
            "partial": (
                "BL303",
                [
                    column(sa.Integer),
                    sa.Index("ix_partial", "x", postgresql_where=sa.text("y > 0")),
                ],
                [column(sa.Integer), sa.Index("ix_partial", "x")],
            ),
            "deferred": (
                "BL306",
                [column(sa.Integer), link(deferrable=True, initially="DEFERRED")],
                [column(sa.Integer), link()],
            ),
        },
        "mysql": {
            "fraction": ("BL206", [column(mysql.DATETIME(fsp=6))], [column(mysql.DATETIME())]),
            "unsigned": (
                "BL207",
                [column(mysql.INTEGER(unsigned=True))],
                [column(sa.Integer)],
            ),
            "collation": (
                "BL214",
                [column(sa.String(9, "utf8mb4_bin"))],
                [column(sa.String(9))],
            ),
        },
    }


NUMBERED = {"numbered": True, "not_numbered": False}


def whole() -> Items:
    """Give what a whole table may have."""
    return [
        column(sa.Integer, index=True),
        link(),
        sa.Column("word", sa.Enum("p", "q", name="letters"), unique=True),
        sa.CheckConstraint("y > 0"),
    ]


def mutations(engine: str) -> dict[str, tuple[str, Items, Items]]:
    """Give the mutations that mean something on an engine."""
    common = everywhere() if engine == "sqlite" else everywhere() | servers()
    return common | only()[engine]


def build(engine: str) -> tuple[sa.MetaData, sa.MetaData]:
    """Make the models, and what the revisions made of them."""
    models, made = sa.MetaData(), sa.MetaData()
    for metadata in (models, made):
        sa.Table("parent", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for name, (_, right, wrong) in mutations(engine).items():
        for metadata, items in ((models, right), (made, wrong)):
            _add(metadata, f"of_{name}", items)
    for name, is_numbered in NUMBERED.items():
        for metadata, numbered in ((models, is_numbered), (made, not is_numbered)):
            kind = sa.Integer if numbered else sa.BigInteger if engine == "sqlite" else sa.Integer
            key = sa.Column("id", kind, primary_key=True, autoincrement=numbered)
            sa.Table(f"of_{name}", metadata, key, sa.Column("y", sa.Integer))
    _add(models, "lacking", whole())
    _add(made, "leftover", whole())
    for metadata, name in ((models, "lacking"), (made, "leftover")):
        _add_circle(metadata, name)
        if engine == "postgresql":  # as models may name the schema in which it looks anyway
            _add(metadata, f"{name}_public", whole(), schema="public")
    return models, made


def _add_circle(metadata: sa.MetaData, name: str) -> None:
    """Make two tables that refer to each other, neither of which can be made or dropped first."""
    for one, other in (("a", "z"), ("z", "a")):
        linked = column(sa.Integer, sa.ForeignKey(f"{other}_{name}.id"))
        held = sa.Column("held", sa.Integer, sa.ForeignKey("parent.id"))
        _add(metadata, f"{one}_{name}", [held, linked])


def _add(metadata: sa.MetaData, name: str, items: Items, schema: str | None = None) -> None:
    for each in items:
        if isinstance(each, sa.ForeignKeyConstraint):
            each.name = f"fk_{name}"  # one name for the whole database on MariaDB
    id_ = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table(name, metadata, id_, sa.Column("y", sa.Integer), *items, schema=schema)


def write_statements(metadata: sa.MetaData, dialect: sa.Dialect) -> list[str]:
    """Write the statements that make all tables."""
    statements: list[str] = []

    def note(statement: Any, *_: Any, **__: Any) -> None:
        statements.append(str(statement.compile(dialect=dialect)))

    metadata.create_all(sa.create_mock_engine(f"{dialect.name}://", note), checkfirst=False)
    return statements
