"""Models."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()

sound = sa.Table(
    "sound",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80)),  # BL202 sound.name
)
orphan = sa.Table(  # BL115 orphan
    "orphan",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner_id", sa.Integer, sa.ForeignKey("owners_of_another_service.id")),  # BL120 orphan.owner_id
)
loose = sa.Table(  # BL201 loose [sqlite]; BL115 loose [postgresql mysql]
    "loose",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Integer, sa.ForeignKey("sound.name")),
)
endless = sa.Table(  # BL201 endless [sqlite postgresql]; BL115 endless [mysql]
    "endless",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String),
)
long_key = sa.Table(  # BL201 long_key [sqlite postgresql]; BL115 long_key [mysql]
    "long_key",
    metadata,
    sa.Column("a", sa.String(1500), primary_key=True),
    sa.Column("b", sa.String(1500), primary_key=True),
)
special = sa.Table(  # BL201 special [postgresql]; BL115 special [sqlite mysql]
    "special",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("places", postgresql.ARRAY(sa.Integer)),
)
