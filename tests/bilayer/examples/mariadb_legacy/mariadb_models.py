"""As a generator read it."""

import sqlalchemy as sa
from sqlalchemy.dialects.mysql import INTEGER, TINYINT

metadata = sa.MetaData()
OLD = {"mysql_engine": "MyISAM", "mysql_default_charset": "latin1"}

member = sa.Table(
    "member",
    metadata,
    sa.Column("id", INTEGER(unsigned=True), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("active", TINYINT(1), nullable=False, server_default="1"),
    sa.Column("points", INTEGER(unsigned=True), nullable=False, server_default="0"),
    **OLD,
)
visit = sa.Table(
    "visit",
    metadata,
    sa.Column("id", INTEGER(unsigned=True), primary_key=True),
    sa.Column("member_id", INTEGER(unsigned=True), nullable=False, index=True),
    sa.Column("Door", sa.String(10)),
    **OLD,
)
