"""Defaults are compared by what they mean, and types of bilayer are written as they are read."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext

from bilayer import types
from bilayer.migrate.autogenerate import as_declared_for, compare_server_default, render_item
from tests.bilayer.migrate.project import Project

DEFAULTS: list[tuple[Any, Any]] = [
    (sa.Boolean(), sa.true()),
    (sa.Boolean(), sa.false()),
    (sa.Integer(), sa.text("0")),
    (sa.Integer(), "7"),
    (sa.BigInteger(), sa.text("-1")),
    (sa.Double(), sa.text("1.5")),
    (types.String(20), "plain"),
    (types.String(20), ""),
    (types.String(20), "TRUE"),
    (types.String(20), "(it's)"),
    (types.JSONDocument(), sa.text("('{}')")),
    (types.UTCDateTime(), types.utcnow()),
    (types.ExactNumeric(12, 2), sa.text("0")),
    (types.ExactNumeric(12, 2), sa.text("10.50")),
]

OTHERS: list[tuple[Any, Any, Any]] = [
    (sa.Boolean(), sa.true(), sa.false()),
    (sa.Integer(), sa.text("0"), sa.text("1")),
    (sa.Integer(), sa.text("0"), None),
    (sa.Integer(), None, sa.text("0")),
    (types.String(20), "a", "A"),
    (types.String(20), "", None),
    (types.String(20), "a", "(a)"),
    (types.JSONDocument(), sa.text("('{}')"), sa.text("('[]')")),
]

TYPES: list[types.UTCDateTime | Any] = [
    types.UTCDateTime(),
    types.ExactNumeric(12, 2),
    types.JSONDocument(),
    types.UUID(),
    types.String(20),
    types.Text(),
]


def test_equal_defaults_are_not_reported(project: Project) -> None:
    columns = [
        sa.Column(f"c{number}", kind, server_default=default)
        for number, (kind, default) in enumerate(DEFAULTS)
    ]

    assert differences(project, columns, columns) == []


def test_each_other_default_is_reported(project: Project) -> None:
    made, wanted = (
        [
            sa.Column(f"c{number}", case[0], server_default=case[side])
            for number, case in enumerate(OTHERS)
        ]
        for side in (1, 2)
    )

    found = differences(project, made, wanted)

    assert {change[0][0] for change in found} == {"modify_default"}
    assert [change[0][3] for change in found] == [f"c{number}" for number in range(len(OTHERS))]


def test_types_and_defaults_are_written_for_every_engine(project: Project) -> None:
    metadata = sa.MetaData()
    columns = [sa.Column(f"c{number}", kind) for number, kind in enumerate(TYPES)]
    extra: list[sa.Column[Any]] = [
        sa.Column("at", types.UTCDateTime(), server_default=types.utcnow()),
        sa.Column("yes", sa.Boolean(), server_default=sa.true()),
    ]
    sa.Table("t", metadata, *columns, *extra)
    with project.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"render_item": render_item, "target_metadata": metadata}
        )
        script = produce_migrations(context, metadata)
    assert script.upgrade_ops is not None

    written = render_python_code(script.upgrade_ops, render_item=render_item)

    for expected in (
        "types.UTCDateTime()",
        "types.ExactNumeric(precision=12, scale=2)",
        "types.JSONDocument()",
        "types.UUID()",
        "types.String(length=20)",
        "types.Text()",
        "server_default=types.utcnow()",
        "server_default=sa.true()",
    ):
        assert expected in written


def differences(
    project: Project, made: list[sa.Column[Any]], wanted: list[sa.Column[Any]]
) -> list[Any]:
    """Make a table of some columns and compare it with a model of others."""
    database, model = sa.MetaData(), sa.MetaData()
    sa.Table("t", database, *(column._copy() for column in made))
    sa.Table("t", model, *(column._copy() for column in wanted))
    with project.connect() as connection:
        database.create_all(connection)
        options = {"compare_server_default": compare_server_default, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, model))


def test_indexes_for_other_engines_are_not_asked_for() -> None:
    metadata = sa.MetaData()
    table = sa.Table("t", metadata, sa.Column("a", sa.Integer), sa.Column("b", sa.Integer))
    sa.Index("for_all", table.c.a)
    sa.Index("for_one", table.c.b).ddl_if(dialect="postgresql")
    sa.Index("for_another", table.c.a, table.c.b).ddl_if(dialect="sqlite")

    def declared(dialect: str) -> set[str | None]:
        return {index.name for index in as_declared_for(dialect, metadata).tables["t"].indexes}

    assert declared("sqlite") == {"for_all", "for_another"}
    assert declared("postgresql") == {"for_all", "for_one"}
    assert declared("mysql") == {"for_all"}
    assert len(table.indexes) == 3
