"""The schema that is mutated: what real projects have, as text, for models and for migrations.

One text serves every catalog, so that a mutation is one edit of it, wherever it is made. A line
that ends in ``#:`` and engines is for these engines only.
"""

from __future__ import annotations

import re
from typing import Final

SHORT: Final = {"sqlite": "lite", "postgresql": "pg", "mysql": "my"}
"""What engines are called in the texts of this bench."""

PREAMBLE: Final = {
    "sqlite": """
from sqlalchemy.dialects import sqlite
STAMP, NOW = sa.DateTime(), sa.text("CURRENT_TIMESTAMP")
DOCUMENT, DOUBLE = sa.JSON(), sa.Double()
""",
    "postgresql": """
from sqlalchemy.dialects import postgresql
STAMP, NOW = sa.DateTime(timezone=True), sa.func.now()
DOCUMENT, DOUBLE = postgresql.JSONB(), sa.Double()
""",
    "mysql": """
from sqlalchemy.dialects import mysql
STAMP, NOW = mysql.DATETIME(fsp=6), sa.text("CURRENT_TIMESTAMP(6)")
DOCUMENT, DOUBLE = sa.JSON(), mysql.DOUBLE()
""",
}

TABLES: Final = """
SEQUENCE("invoice_numbers")  #: pg
DDL("CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")  #: pg
TABLE("teams",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("plan", sa.Enum("free", "paid", name="team_plan"), nullable=False),
    sa.Column("region", sa.String(20, collation="C")),  #: pg
    sa.Column("region", sa.String(20, collation="utf8mb4_bin")),  #: my
    sa.Column("region", sa.String(20, collation="NOCASE")),  #: lite
    sa.Column("settings", DOCUMENT),
    sa.Column("seats", sa.SmallInteger, nullable=False, server_default=sa.text("5")),
    sa.UniqueConstraint("name", name="uq_teams_name"),
    sa.CheckConstraint("seats > 0", name="ck_teams_seats"),
    comment="who pays",
)
TABLE("users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(120), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("nickname", sa.String(40), comment="shown to others"),
    sa.Column("locale", sa.CHAR(5), nullable=False, server_default="en_GB"),
    sa.Column("bio", sa.Text),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("karma", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("token", sa.Uuid),
    sa.Column("avatar", sa.LargeBinary),
    sa.Column("joined_on", sa.Date),
    sa.Column("wakes_at", sa.Time),
    sa.Column("created_at", STAMP, nullable=False, server_default=NOW),
    sa.Column("seen_at", STAMP),
    sa.UniqueConstraint("email", name="uq_users_email"),
    sa.CheckConstraint("karma >= 0", name="ck_users_karma"),
    sa.Index("ix_users_name", "name"),
    sa.Index("ix_users_created", "created_at", "name"),
    sa.Index("ix_users_lower_email", sa.text("lower(email)")),  #: pg lite
    sa.Index("ix_users_bio", "bio", mysql_length=20),  #: my
    sa.Index("uq_users_token", "token", unique=True),
)
TABLE("memberships",
    sa.Column("team_id", sa.Integer, nullable=False),
    sa.Column("user_id", sa.Integer, nullable=False),
    sa.Column("role", sa.String(20), nullable=False, server_default="member"),
    sa.PrimaryKeyConstraint("team_id", "user_id", name="pk_memberships"),
    sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_m_team", ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_m_user", ondelete="CASCADE"),
    sa.CheckConstraint("role IN ('member', 'owner')", name="ck_m_role"),
)
TABLE("projects",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("team_id", sa.Integer, nullable=False),
    sa.Column("owner_id", sa.Integer),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("budget", sa.Numeric(12, 2)),
    sa.Column("rate", DOUBLE),
    sa.Column("weight", sa.REAL),  #: pg
    sa.Column("tags", postgresql.ARRAY(sa.Text)),  #: pg
    sa.Column("effort", postgresql.INTERVAL),  #: pg
    sa.Column("stock", mysql.INTEGER(unsigned=True)),  #: my
    sa.Column("size", mysql.TINYINT),  #: my
    sa.Column("hash", sa.VARBINARY(20)),  #: my
    sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_p_team", onupdate="CASCADE"),
    sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_p_owner", ondelete="SET NULL"),
    sa.UniqueConstraint("team_id", "title", name="uq_projects_title"),
    sa.Index("ix_projects_tags", "tags", postgresql_using="gin"),  #: pg
    sa.Index("ix_projects_owner", "owner_id"),
)
TABLE("tasks",
    sa.Column("id", sa.BigInteger, primary_key=True),  #: pg my
    sa.Column("id", sa.Integer, primary_key=True),  #: lite
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("parent_id", sa.BigInteger),  #: pg my
    sa.Column("parent_id", sa.Integer),  #: lite
    sa.Column("subject", sa.String(120), nullable=False),
    sa.Column("points", sa.Integer),
    sa.Column("is_done", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("due_on", sa.Date),
    sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_t_project"),
    sa.ForeignKeyConstraint(["parent_id"], ["tasks.id"], name="fk_up", deferrable=True),  #: pg
    sa.ForeignKeyConstraint(["parent_id"], ["tasks.id"], name="fk_up"),  #: my lite
    sa.Index("ix_tasks_open", "due_on", postgresql_where=sa.text("NOT is_done")),  #: pg
    sa.Index("ix_tasks_open", "due_on", sqlite_where=sa.text("is_done = 0")),  #: lite
    sa.Index("ix_tasks_subject", "subject", "due_on"),
    sa.Index("ix_tasks_points", sa.text("points DESC")),
)
TABLE("invoices",
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),  #: pg
    sa.Column("id", sa.Integer, primary_key=True),  #: my lite
    sa.Column("team_id", sa.Integer, nullable=False),
    sa.Column("number", sa.BigInteger, server_default=sa.text("nextval('invoice_numbers')")),  #: pg
    sa.Column("number", sa.BigInteger),  #: my lite
    sa.Column("currency", sa.CHAR(3), nullable=False, server_default="EUR"),
    sa.Column("issued_on", sa.Date, nullable=False),
    sa.Column("net", sa.Numeric(14, 4), nullable=False, server_default=sa.text("0")),
    sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name="fk_i_team", ondelete="RESTRICT"),
    sa.UniqueConstraint("team_id", "number", name="uq_invoices_number"),
    sa.CheckConstraint("currency <> ''", name="ck_invoices_currency"),
    comment="what they pay",
)
TABLE("invoice_lines",
    sa.Column("invoice_id", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("price", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, sa.Computed("quantity * price", persisted=True)),
    sa.PrimaryKeyConstraint("invoice_id", "position", name="pk_invoice_lines"),
    sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name="fk_l_invoice"),
    sa.CheckConstraint("quantity > 0 AND price >= 0", name="ck_lines_amounts"),
)
TABLE("line_notes",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("invoice_id", sa.Integer),
    sa.Column("position", sa.Integer),
    sa.Column("words", sa.String(300)),
    sa.ForeignKeyConstraint(["invoice_id", "position"], \
["invoice_lines.invoice_id", "invoice_lines.position"], name="fk_n_line"),
)
TABLE("bookings",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("room", sa.Integer, nullable=False),
    sa.Column("during", postgresql.TSTZRANGE),  #: pg
    sa.Column("fee", sa.Numeric(8, 2)),
    postgresql.ExcludeConstraint(("during", "&&"), name="ex_bookings", using="gist"),  #: pg
)
DDL("CREATE VIEW open_tasks AS SELECT id, subject FROM tasks WHERE due_on IS NOT NULL")
DDL("CREATE MATERIALIZED VIEW team_names AS SELECT id, name FROM teams")  #: pg
DDL("CREATE TRIGGER touch_users BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION \
touch()")  #: pg
DDL("CREATE TRIGGER touch_users BEFORE UPDATE ON users FOR EACH ROW SET NEW.karma = 1")  #: my
DDL("CREATE TRIGGER touch_users AFTER UPDATE ON users BEGIN SELECT 1; END")  #: lite
"""

_MODELS = """import sqlalchemy as sa
metadata = sa.MetaData()
def SEQUENCE(name): sa.Sequence(name, metadata=metadata)
def DDL(text): sa.event.listen(metadata, "after_create", sa.DDL(text.replace("%", "%%")))
"""
_MODELS_FIRST = '"after_create", sa.DDL(text.replace("%", "%%"))'
_REVISION = """import sqlalchemy as sa
from alembic import op
revision = "base"
down_revision = None
def SEQUENCE(name): op.execute(sa.schema.CreateSequence(sa.Sequence(name)))
def DDL(text): op.get_bind().exec_driver_sql(text)
"""


def choose_lines(text: str, engine: str) -> str:
    """Keep the lines that are for an engine, without what says so."""
    kept = []
    for line in text.splitlines():
        body, mark, engines = line.partition("  #: ")
        if not mark or SHORT[engine] in engines.split():
            kept.append(body)
    return "\n".join(kept) + "\n"


def write_models(text: str, engine: str) -> str:
    """Write a module with ``metadata`` from the text of the tables."""
    head = _MODELS.replace(_MODELS_FIRST, _FUNCTIONS_FIRST)
    return head + PREAMBLE[engine] + re.sub(r"\bTABLE\((\"\w+\"),", r"sa.Table(\1, metadata,", text)


_FUNCTIONS_FIRST: Final = (
    '"before_create" if "CREATE FUNCTION" in text else "after_create",'
    ' sa.DDL(text.replace("%", "%%"))'
)


def write_revision(text: str, engine: str) -> str:
    """Write an Alembic revision that makes the same."""
    body = re.sub(r"\bTABLE\(", "op.create_table(", text)
    indented = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
    return (
        f"{_REVISION}{PREAMBLE[engine]}\ndef upgrade():\n{indented}\n\n\n"
        "def downgrade():\n    raise NotImplementedError\n"
    )
