"""The first team's models."""

import sqlalchemy as sa

metadata = sa.MetaData()

account = sa.Table(
    "account",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80)),
)
setting = sa.Table(  # BL112 setting
    "setting",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("word", sa.String(40)),
)
