"""A schema both layers know, as text for SQLAlchemy and for PyDAL, and clean with every adapter.

The stock adapters keep booleans, times, bytes and documents in ways of their own, so they get only
the columns they agree about; the mutations bring the others.
"""

from __future__ import annotations

import re
from typing import Final

ENGINE_OF: Final = {
    "native": ("sqlite", "postgresql", "mysql"),
    "sqlite": ("sqlite",),
    "postgres": ("postgresql",),
    "postgres2": ("postgresql",),
    "postgres3": ("postgresql",),
    "mysql": ("mysql",),
}
"""The adapters, and the engines each is for."""

_MODELS_HEAD: Final = """import sqlalchemy as sa
from bilayer import types as shared
from sqlalchemy.dialects import mysql, postgresql
metadata = sa.MetaData()
"""
_TYPES: Final = {
    True: """STR, TXT, NUM = shared.String, shared.Text(), shared.ExactNumeric
STAMP, DOCUMENT, UUID = shared.UTCDateTime(), shared.JSONDocument(), shared.UUID()
""",
    False: """STR, TXT, NUM = sa.String, sa.Text(), sa.Numeric
STAMP, DOCUMENT, UUID = sa.DateTime(), sa.JSON(), sa.Uuid()
""",
}

MODELS: Final = """
TABLE("teams",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", STR(60), nullable=False),
    sa.Column("seats", sa.Integer, nullable=False, server_default=sa.text("5")),
    sa.UniqueConstraint("name", name="uq_teams_name"),
)
TABLE("people",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("team_id", sa.Integer, nullable=False),
    sa.Column("email", STR(120), nullable=False),
    sa.Column("name", STR(80)),
    sa.Column("bio", TXT),
    sa.Column("karma", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("locale", STR(5), nullable=False, server_default="en_GB"),
    sa.Column("visits", sa.BigInteger),
    sa.Column("balance", NUM(10, 2)),
    sa.Column("ratio", sa.Double),
    sa.Column("born_on", sa.Date),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),  #: native
    sa.Column("settings", DOCUMENT),  #: native
    sa.Column("picture", sa.LargeBinary),  #: native
    sa.Column("seen_at", STAMP),  #: native
    sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_team", ondelete="CASCADE"),
    sa.UniqueConstraint("email", name="uq_people_email"),
)
TABLE("memberships",
    sa.Column("team_id", sa.Integer, nullable=False),
    sa.Column("person_id", sa.Integer, nullable=False),
    sa.Column("role", STR(20), nullable=False, server_default="member"),
    sa.PrimaryKeyConstraint("team_id", "person_id", name="pk_memberships"),
    sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_m_team", ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_m_person", ondelete="CASCADE"),
)
TABLE("notes",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("person_id", sa.Integer),
    sa.Column("words", STR(300), nullable=False),
    sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_person", ondelete="SET NULL"),
)
"""

RUNTIME: Final = """
TABLE("teams",
    Field("id", "id"),
    Field("name", "string", length=60, notnull=True, unique=True),
    Field("seats", "integer", notnull=True, default=5),
)
TABLE("people",
    Field("id", "id"),
    Field("team_id", "reference teams", notnull=True),
    Field("email", "string", length=120, notnull=True, unique=True),
    Field("name", "string", length=80),
    Field("bio", "text"),
    Field("karma", "integer", notnull=True, default=0),
    Field("locale", "string", length=5, notnull=True, default="en_GB"),
    Field("visits", "bigint"),
    Field("balance", "decimal(10,2)"),
    Field("ratio", "double"),
    Field("born_on", "date"),
    Field("is_active", "boolean", notnull=True, default=True),  #: native
    Field("settings", "json"),  #: native
    Field("picture", "blob"),  #: native
    Field("seen_at", "datetime"),  #: native
)
TABLE("memberships",
    Field("team_id", "integer", notnull=True),
    Field("person_id", "integer", notnull=True),
    Field("role", "string", length=20, notnull=True, default="member"),
    primarykey=["team_id", "person_id"],
)
TABLE("notes",
    Field("id", "id"),
    Field("person_id", "reference people", ondelete="SET NULL"),
    Field("words", "string", length=300, notnull=True),
)
"""


def choose(text: str, adapter: str) -> str:
    """Keep the lines that an adapter agrees about."""
    kept = []
    for line in text.splitlines():
        body, mark, _ = line.partition("  #: native")
        if not mark or adapter == "native":
            kept.append(body)
    return "\n".join(kept) + "\n"


def write_models(text: str, adapter: str) -> str:
    """Write a module with ``metadata``."""
    body = re.sub(r"\bTABLE\((\"\w+\"),", r"sa.Table(\1, metadata,", text)
    return _MODELS_HEAD + _TYPES[adapter == "native"] + body


def write_runtime(text: str) -> str:
    """Write a module with ``define``."""
    body = re.sub(r"\bTABLE\(", "db.define_table(", text)
    indented = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
    imports = "from pydal import Field\nfrom pydal.validators import IS_IN_SET\n"
    return f"{imports}\n\ndef define(db):\n{indented}\n"
