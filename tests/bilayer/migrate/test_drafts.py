"""A draft has a batch exactly where SQLite cannot do without one."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext

from bilayer import types
from bilayer.migrate.autogenerate import render_item
from bilayer.migrate.drafts import shape_drafts
from tests.bilayer.migrate.project import Project, only

PLAIN: list[sa.Column[Any]] = [
    sa.Column("new", types.String(20)),
    sa.Column("new", types.String(20), index=True),
    sa.Column("new", types.String(20), server_default="it's", nullable=False),
    sa.Column("new", sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column("new", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column("new", types.JSONDocument(), server_default=sa.text("('{}')"), nullable=False),
]
REMADE: list[sa.Column[Any]] = [
    sa.Column("new", sa.Integer(), unique=True),
    sa.Column("new", sa.Integer(), sa.ForeignKey("t.id")),
    sa.Column("new", sa.Integer(), sa.CheckConstraint("new > 0")),
    sa.Column("new", sa.Integer(), nullable=False),
    sa.Column("new", types.UTCDateTime(), server_default=types.utcnow()),
    sa.Column("new", sa.Integer(), server_default=sa.text("(1 + 1)")),
]


@only("sqlite")
@pytest.mark.parametrize("column", PLAIN)
def test_column_without_rules_comes_and_goes_without_a_batch(
    project: Project, column: sa.Column[Any]
) -> None:
    with project.connect() as connection:
        context, draft = make_draft(connection, column)
        assert draft.upgrade_ops is not None
        assert draft.downgrade_ops is not None
        up, down = (
            render_python_code(steps, render_item=render_item)
            for steps in (draft.upgrade_ops, draft.downgrade_ops)
        )

        with Operations.context(context):
            for source in (up, down, up):
                assert "batch" not in source
                exec(f"if True:\n    {source}", {"op": op, "sa": sa, "types": types})

        assert "new" in {one["name"] for one in sa.inspect(connection).get_columns("t")}


@only("sqlite")
@pytest.mark.parametrize("column", REMADE)
def test_column_that_sqlite_cannot_add_comes_in_a_batch(
    project: Project, column: sa.Column[Any]
) -> None:
    with project.connect() as connection:
        _context, draft = make_draft(connection, column)

    assert draft.upgrade_ops is not None
    assert [type(step) for step in draft.upgrade_ops.ops] == [ops.ModifyTableOps]


def make_draft(
    connection: sa.Connection, column: sa.Column[Any]
) -> tuple[MigrationContext, ops.MigrationScript]:
    """Make a table with a row, and draft the revision that adds a column to it."""
    connection.exec_driver_sql("CREATE TABLE t (id INTEGER NOT NULL, PRIMARY KEY (id))")
    connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    names = {kind: f"{kind}_%(table_name)s_%(column_0_name)s" for kind in ("ix", "uq")}
    metadata = sa.MetaData(naming_convention=names)
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), column._copy())
    context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
    draft = produce_migrations(context, metadata)
    shape_drafts(context, None, [draft])
    return context, draft
