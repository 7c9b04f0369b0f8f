"""Every table but one, each with one difference."""

import sqlalchemy as sa
from alembic import op

revision = "1aaa"
down_revision = None


def upgrade() -> None:
    """Create the tables as an older version of the models had them."""
    create("column_unknown_to_migrations")
    create("column_unknown_to_models", sa.Column("nickname", sa.String(20)))
    create("required_column_unknown_to_models", sa.Column("code", sa.String(20), nullable=False))
    create("name_case", sa.Column("email", sa.String(20)))
    create(
        "column_order",
        sa.Column("c", sa.Integer),
        sa.Column("b", sa.Integer),
        sa.Column("a", sa.Integer),
    )
    op.create_table(
        "type_family",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("value", sa.String(20)),
    )
    create("text_kind", sa.Column("value", sa.String(50)))
    create("text_length", sa.Column("value", sa.String(80)))
    create("number_precision", sa.Column("value", sa.Numeric(10, 2)))
    create("number_room", sa.Column("value", sa.Numeric(14, 4)))
    create("integer_width", sa.Column("value", sa.Integer))
    create("time_zone", sa.Column("value", sa.DateTime))
    create("required_in_models", sa.Column("value", sa.Integer))
    create("required_in_migrations", sa.Column("value", sa.Integer, nullable=False))
    create("default_missing", sa.Column("value", sa.Integer))
    create("default_value", sa.Column("value", sa.String(20), server_default="admin"))
    create("text_collation", sa.Column("value", sa.String(20)))
    create(
        "computed",
        sa.Column("a", sa.Integer),
        sa.Column("value", sa.Integer, sa.Computed("a * 3", persisted=True)),
    )
    create("column_comment", sa.Column("value", sa.Integer))
    create("table_comment")
    create("enum_values", sa.Column("value", sa.Enum("red", "green", name="colour")))
    op.create_table("numbering", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))
    op.create_table(
        "primary_key",
        sa.Column("a", sa.String(20), primary_key=True),
        sa.Column("b", sa.String(20), nullable=False),
    )
    create("unique_missing", sa.Column("value", sa.Integer))
    create("unique_extra", sa.Column("value", sa.Integer, unique=True))
    create("index_missing", sa.Column("value", sa.Integer))
    create("index_columns", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer))
    op.create_index("ix_index_columns", "index_columns", ["b", "a"])
    create("index_predicate", sa.Column("value", sa.Integer))
    op.create_index("ix_index_predicate", "index_predicate", ["value"])
    create("link_missing", sa.Column("value", sa.Integer))
    create(
        "link_target",
        sa.Column("value", sa.Integer),
        sa.ForeignKeyConstraint(["value"], ["name_case.id"], name="fk_link_target"),
    )
    create("link_action", sa.Column("value", sa.Integer, sa.ForeignKey("numbering.id")))
    create("check_missing", sa.Column("value", sa.Integer))
    create(
        "check_text",
        sa.Column("value", sa.Integer),
        sa.CheckConstraint("value > 1", name="ck_limit"),
    )
    create("table_unknown_to_models")


def create(name: str, *items: sa.Column[object] | sa.Constraint) -> None:
    """Create a table with an integer key."""
    op.create_table(name, sa.Column("id", sa.Integer, primary_key=True), *items)


def downgrade() -> None:
    """Nothing goes back from here."""
    raise NotImplementedError
