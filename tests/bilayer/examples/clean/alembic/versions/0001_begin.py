"""Begin."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "author",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.VARCHAR(100), nullable=False),
        sa.Column("born_on", sa.Date()),
        sa.Column("note", sa.Text()),
        sa.Column("country", sa.Unicode(2), server_default=sa.text("'GB'"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "book",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("stock", sa.Integer(), server_default="0", nullable=False),
        sa.Column("price", sa.Numeric(10, 2)),
        sa.Column("weight", sa.Double()),
        sa.ForeignKeyConstraint(["author_id"], ["author.id"], ondelete="CASCADE"),
        sa.CheckConstraint("(pages > 0) and stock>=0", name="ck_book_numbers"),
        sa.UniqueConstraint("author_id", "title", name="uq_book_title"),
    )
    op.create_index("ix_book_author_id", "book", ["author_id"])
    op.create_table(
        "loan",
        sa.Column(
            "book_id", sa.Integer(), sa.ForeignKey("book.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("lent_on", sa.Date(), nullable=False),
    )


def downgrade():
    op.drop_table("loan")
    op.drop_table("book")
    op.drop_table("author")
