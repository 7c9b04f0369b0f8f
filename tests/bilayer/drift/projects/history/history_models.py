"""Models that differ from their migrations: one difference a table, which is named after it."""

import sqlalchemy as sa

metadata = sa.MetaData()


def table(
    name: str, *items: sa.Column[object] | sa.Constraint | sa.Index, comment: str | None = None
) -> None:
    """Define a table with an integer key."""
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table(name, metadata, key, *items, comment=comment)


sa.Table("table_unknown_to_migrations", metadata, sa.Column("id", sa.Integer, primary_key=True))
sa.Table(
    "column_unknown_to_migrations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("nickname", sa.String(20)),
)
table("column_unknown_to_models")
table("required_column_unknown_to_models")
table("name_case", sa.Column("Email", sa.String(20)))
table(
    "column_order",
    sa.Column("a", sa.Integer),
    sa.Column("b", sa.Integer),
    sa.Column("c", sa.Integer),
)
table("type_family", sa.Column("value", sa.Integer))
table("text_kind", sa.Column("value", sa.Text))
table("text_length", sa.Column("value", sa.String(50)))
table("number_precision", sa.Column("value", sa.Numeric(12, 4)))
table("number_room", sa.Column("value", sa.Numeric(10, 2)))
table("integer_width", sa.Column("value", sa.BigInteger))
table("time_zone", sa.Column("value", sa.DateTime(timezone=True)))
table("required_in_models", sa.Column("value", sa.Integer, nullable=False))
table("required_in_migrations", sa.Column("value", sa.Integer))
table("default_missing", sa.Column("value", sa.Integer, server_default="1"))
table("default_value", sa.Column("value", sa.String(20), server_default="viewer"))
table(
    "text_collation",
    sa.Column(
        "value",
        sa.String(20)
        .with_variant(sa.String(20, collation="C"), "postgresql")
        .with_variant(sa.String(20, collation="utf8mb4_bin"), "mysql", "mariadb"),
    ),
)
table(
    "computed",
    sa.Column("a", sa.Integer),
    sa.Column("value", sa.Integer, sa.Computed("a * 2", persisted=True)),
)
table("column_comment", sa.Column("value", sa.Integer, comment="in cents"))
table("table_comment", comment="who is who")
table("enum_values", sa.Column("value", sa.Enum("red", "green", "blue", name="colour")))
table("numbering")
sa.Table(
    "primary_key",
    metadata,
    sa.Column("a", sa.String(20), primary_key=True),
    sa.Column("b", sa.String(20), primary_key=True),
)
table("unique_missing", sa.Column("value", sa.Integer, unique=True))
table("unique_extra", sa.Column("value", sa.Integer))
table("index_missing", sa.Column("value", sa.Integer, index=True))
table(
    "index_columns",
    sa.Column("a", sa.Integer),
    sa.Column("b", sa.Integer),
    sa.Index("ix_index_columns", "a", "b"),
)
table(
    "index_predicate",
    sa.Column("value", sa.Integer),
    sa.Index(
        "ix_index_predicate",
        "value",
        postgresql_where=sa.text("value > 0"),
        sqlite_where=sa.text("value > 0"),
    ),
)
table("link_missing", sa.Column("value", sa.Integer, sa.ForeignKey("numbering.id")))
table(
    "link_target",
    sa.Column("value", sa.Integer),
    sa.ForeignKeyConstraint(["value"], ["numbering.id"], name="fk_link_target"),
)
table(
    "link_action", sa.Column("value", sa.Integer, sa.ForeignKey("numbering.id", ondelete="CASCADE"))
)
table(
    "check_missing",
    sa.Column("value", sa.Integer),
    sa.CheckConstraint("value > 0", name="ck_positive"),
)
table(
    "check_text", sa.Column("value", sa.Integer), sa.CheckConstraint("value > 0", name="ck_limit")
)
