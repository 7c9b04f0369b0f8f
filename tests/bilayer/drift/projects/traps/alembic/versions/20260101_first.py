"""The tables of the models, spelled differently wherever an engine does not care."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "2aaa"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    engine = op.get_bind().dialect.name
    is_mysql = engine in ("mysql", "mariadb")
    false = sa.text("false" if engine == "postgresql" else "0")
    create("clock", sa.Column("value", sa.DateTime, server_default=sa.text("CURRENT_TIMESTAMP")))
    create("quoted_number", sa.Column("value", sa.Integer, server_default=sa.text("0")))
    create("number_zeros", sa.Column("value", sa.Numeric(10, 2), server_default=sa.text("0")))
    create("boolean_default", sa.Column("value", sa.Boolean, server_default=false))
    create("empty_text", sa.Column("value", sa.String(20), server_default=sa.text("('')")))
    create("null_default", sa.Column("value", sa.Integer, server_default=sa.text("NULL")))
    create("json_default", sa.Column("value", sa.JSON, server_default=sa.text("('{}')")))
    create("numeric_synonym", sa.Column("value", sa.DECIMAL(10, 2)))
    create("unicode_synonym", sa.Column("value", sa.Unicode(20)))
    create("text_synonym", sa.Column("value", sa.UnicodeText))
    create("double_synonym", sa.Column("value", sa.Float(53)))
    create("boolean_synonym", sa.Column("value", mysql.TINYINT(1) if is_mysql else sa.Boolean()))
    create("affinity", sa.Column("value", sa.INT))
    create("unique_shape", sa.Column("value", sa.Integer))
    op.create_index("another_name", "unique_shape", ["value"], unique=True)
    create(
        "check_spelling",
        sa.Column("kind", sa.String(20)),
        sa.CheckConstraint("kind   in ('a','b')", name="ck_named"),
    )
    create("check_level", sa.Column("value", sa.Integer, sa.CheckConstraint("(value>=0)")))
    create(
        "link_name",
        sa.Column("value", sa.Integer),
        sa.ForeignKeyConstraint(["value"], ["clock.id"], name="another_name"),
    )
    action = "RESTRICT" if is_mysql else "NO ACTION"
    create(
        "link_no_action", sa.Column("value", sa.Integer, sa.ForeignKey("clock.id", ondelete=action))
    )
    create("link_index", sa.Column("value", sa.Integer, sa.ForeignKey("clock.id"), index=is_mysql))
    create("index_name", sa.Column("value", sa.Integer))
    op.create_index("ix_index_name_value", "index_name", [sa.text("value ASC")])
    create("index_creation_order", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer))
    op.create_index("ix_index_creation_order_b", "index_creation_order", ["b"])
    op.create_index("ix_index_creation_order_a", "index_creation_order", ["a"])
    key = sa.Column("id", sa.Integer, sa.Identity(), primary_key=True)
    numbered = sa.Column("id", sa.Integer, primary_key=True)
    op.create_table("serial", key if engine == "postgresql" else numbered)
    document = sa.Column("value", sa.JSON)
    if is_mysql:
        text = mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin")
        document = sa.Column("value", text, sa.CheckConstraint("json_valid(value)"))
    create("document", document)
    create("reserved", sa.Column("order", sa.Integer), sa.Column("MixedCase", sa.Integer))
    create(
        "enum_check",
        sa.Column("value", sa.String(1)),
        sa.CheckConstraint("value IN ('a', 'b')", name="ab"),
    )


def create(name: str, *items: sa.Column[object] | sa.Constraint) -> None:
    """Create a table with an integer key."""
    op.create_table(name, sa.Column("id", sa.Integer, primary_key=True), *items)


def downgrade() -> None:
    """Nothing goes back from here."""
    raise NotImplementedError
