"""The schema, as a generator read it from the old server."""

import sqlalchemy as sa

metadata = sa.MetaData()

auth_user = sa.Table(
    "auth_user",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("first_name", sa.String(128), nullable=False, server_default=""),
    sa.Column("email", sa.String(255), nullable=False, unique=True),
    sa.Column("password", sa.String(255)),
    sa.Column("registration_key", sa.String(255), server_default=""),
    sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_on", sa.DateTime),
)
auth_group = sa.Table(
    "auth_group",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("role", sa.String(128), nullable=False),
    sa.Column("description", sa.Text),
)
auth_membership = sa.Table(
    "auth_membership",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("auth_user.id", ondelete="CASCADE")),
    sa.Column("group_id", sa.Integer, sa.ForeignKey("auth_group.id", ondelete="CASCADE")),
)
article = sa.Table(
    "ARTICLE",
    metadata,
    sa.Column("ID", sa.Integer, primary_key=True),
    sa.Column("TITLE", sa.String(200), nullable=False),
    sa.Column("BODY", sa.Text),
    sa.Column("TAGS", sa.Text),
    sa.Column("COVER", sa.String(512)),
    sa.Column("VIEWS", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("AUTHOR_ID", sa.Integer, sa.ForeignKey("auth_user.id", ondelete="CASCADE")),
)
setting = sa.Table(
    "setting",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("order", sa.Integer),
    sa.Column("value", sa.Text),
)
comment = sa.Table(
    "comment",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("article_id", sa.Integer, sa.ForeignKey("ARTICLE.ID", ondelete="CASCADE")),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("rating", sa.Integer),
)
audit = sa.Table(  # BL201 audit
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("what", sa.Text),
)
