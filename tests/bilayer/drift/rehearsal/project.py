"""Projects for the tests of a rehearsal: revisions as text, in any graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bilayer.drift.config import Project
from tests.bilayer.drift.project import ENV

Revisions = Mapping[str, tuple[object, str, str]]
"""Of each revision its predecessors, its way up and its way down."""

SOUND: Revisions = {
    "first": (
        None,
        """op.create_table("teams", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(20), nullable=False, unique=True),
            sa.Column("lead_id", sa.Integer))
op.create_table("people", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("team_id", sa.Integer, sa.ForeignKey("teams.id"), nullable=False),
            sa.Column("boss_id", sa.Integer, sa.ForeignKey("people.id")),
            sa.Column("email", sa.String(60)), sa.CheckConstraint("email LIKE '%@%'", name="at"),
            sa.Column("state", sa.String(9), nullable=False),
            sa.CheckConstraint("state IN ('on', 'off')", name="state"),
            sa.Column("amount", sa.Numeric(9, 2)),
            sa.CheckConstraint("amount > 4000000", name="amount"),
            sa.Column("born", sa.Date), sa.Column("seen", sa.DateTime), sa.Column("photo",
                sa.LargeBinary), sa.Column("extra", sa.JSON),
            sa.Column("per%cent", sa.Integer), sa.Column("is_active", sa.Boolean),
            sa.Column("token", sa.Uuid), sa.Column("ratio", sa.Double))
op.create_table("links", sa.Column("a", sa.Integer, sa.ForeignKey("people.id"), primary_key=True),
            sa.Column("b", sa.Integer, sa.ForeignKey("teams.id"), primary_key=True))
with op.batch_alter_table("teams") as batch:
    batch.create_foreign_key("lead", "people", ["lead_id"], ["id"])""",
        """with op.batch_alter_table("teams") as batch:
    batch.drop_constraint("lead", type_="foreignkey")
op.drop_table("links"); op.drop_table("people"); op.drop_table("teams")""",
    ),
    "left": (
        "first",
        'op.add_column("teams", sa.Column("size", sa.Integer, server_default="3", nullable=False))',
        'with op.batch_alter_table("teams") as batch: batch.drop_column("size")',
    ),
    "right": (
        "first",
        (
            'with op.batch_alter_table("people") as b: b.alter_column("ratio",'
            ' new_column_name="share",'
            " existing_type=sa.Double())"
        ),
        (
            'with op.batch_alter_table("people") as b: b.alter_column("share",'
            ' new_column_name="ratio",'
            " existing_type=sa.Double())"
        ),
    ),
    "merged": (("left", "right"), "pass", "pass"),
    "other_base": (
        None,
        (
            'op.create_table("apart", sa.Column("id", sa.BigInteger, primary_key=True),'
            ' sa.Column("double", sa.Integer, sa.Computed("id * 2")))'
        ),
        'op.drop_table("apart")',
    ),
}
"""A graph with two bases, a branch and a merge; everything goes up, down and up again."""


def write(folder: Path, revisions: Revisions) -> Project:
    """Write a project whose revisions have the predecessors, the way up and the way down given."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "migrations" / "env.py").write_text(ENV)
    (folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = sqlite://\n"
        "path_separator = os\n"
    )
    for name, (down, up, back) in revisions.items():
        (versions / f"{name}.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n"
            f"revision = {name!r}\ndown_revision = {down!r}\n\n"
            f"def upgrade():\n{_indent(up)}\n\ndef downgrade():\n{_indent(back)}\n"
        )
    return Project(root=folder, migrations="alembic.ini")


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
