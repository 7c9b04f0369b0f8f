"""What the old server had."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "auth_user",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("first_name", sa.String(128), nullable=False, server_default=""),
        sa.Column("email", sa.String(255), nullable=False, unique=True),
        sa.Column("password", sa.String(255)),
        sa.Column("registration_key", sa.String(255), server_default=""),
        sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_on", sa.DateTime),
    )
    op.create_table(
        "auth_group",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("role", sa.String(128), nullable=False),
        sa.Column("description", sa.Text),
    )
    op.create_table(
        "auth_membership",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("auth_user.id", ondelete="CASCADE")),
        sa.Column("group_id", sa.Integer, sa.ForeignKey("auth_group.id", ondelete="CASCADE")),
    )
    op.create_table(
        "ARTICLE",
        sa.Column("ID", sa.Integer, primary_key=True),
        sa.Column("TITLE", sa.String(200), nullable=False),
        sa.Column("BODY", sa.Text),
        sa.Column("TAGS", sa.Text),
        sa.Column("COVER", sa.String(512)),
        sa.Column("VIEWS", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("AUTHOR_ID", sa.Integer, sa.ForeignKey("auth_user.id", ondelete="CASCADE")),
    )
    op.create_table(
        "setting",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("order", sa.Integer),
        sa.Column("value", sa.Text),
    )
    op.create_table(
        "comment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("article_id", sa.Integer, sa.ForeignKey("ARTICLE.ID", ondelete="CASCADE")),
        sa.Column("body", sa.Text, nullable=True),  # BL209 comment.body
        sa.Column("rating", sa.Integer),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("what", sa.Text),
    )


def downgrade():
    for name in (
        "audit",
        "comment",
        "setting",
        "ARTICLE",
        "auth_membership",
        "auth_group",
        "auth_user",
    ):
        op.drop_table(name)
