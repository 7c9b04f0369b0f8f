"""The other team's models."""

import sqlalchemy as sa

metadata = sa.MetaData()

report = sa.Table(  # BL201 report
    "report",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(80)),
)
setting = sa.Table(
    "setting",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("word", sa.Text),
)
