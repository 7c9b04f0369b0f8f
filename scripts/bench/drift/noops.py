"""Changes of the text that change nothing: whoever reports one of them cries wolf."""

from __future__ import annotations

from typing import Final

from scripts.bench.drift.cases import Case, case
from scripts.bench.drift.edits import Edit, add, append, both, drop, swap


def _quiet(name: str, edit: Edit, on: str = "lite pg my") -> Case:
    return case("no-op", name, edit, on=on)


def _ddl(text: str) -> str:
    return f'DDL("{text}")'


DEFAULTS: Final = (
    _quiet("now() for CURRENT_TIMESTAMP", swap("users", "server_default=NOW",
           'server_default=sa.text("CURRENT_TIMESTAMP")'), on="lite pg"),
    _quiet("now(6) for CURRENT_TIMESTAMP(6)", swap("users", "server_default=NOW",
           'server_default=sa.text("now(6)")'), on="my"),
    _quiet("transaction_timestamp() for now()", swap("users", "server_default=NOW",
           'server_default=sa.text("transaction_timestamp()")'), on="pg"),
    _quiet("a quoted number", swap("teams", 'sa.text("5")', '"5"')),
    _quiet("a number in parentheses", swap("teams", 'sa.text("5")', 'sa.text("(5)")')),
    _quiet("0.00 for 0", swap("invoices", 'sa.text("0")', '"0.00"')),
    _quiet("0 for false", swap("tasks", "sa.false()", '"0"'), on="lite my"),
    _quiet("'f' for false", swap("tasks", "sa.false()", '"f"'), on="pg"),
    _quiet("a cast", swap("users", '"en_GB"', "sa.text(\"'en_GB'::character varying\")"), on="pg"),
    _quiet("DEFAULT NULL", swap("users", "sa.Text)", 'sa.Text, server_default=sa.text("NULL"))')),
    _quiet("a default that is an expression in parentheses", swap("users", '"en_GB"',
           "sa.text(\"('en_GB')\")")),
    _quiet("nextval with a regclass", swap("invoices", "nextval('invoice_numbers')",
           "nextval('invoice_numbers'::regclass)"), on="pg"),
    _quiet("nextval with a schema", swap("invoices", "nextval('invoice_numbers')",
           "nextval('public.invoice_numbers')"), on="pg"),
)  # fmt: skip

TYPES: Final = (
    _quiet("DECIMAL for NUMERIC", swap("projects", "sa.Numeric(12, 2)", "sa.DECIMAL(12, 2)"),
           on="pg my"),
    _quiet("Unicode for String", swap("users", "sa.String(80)", "sa.Unicode(80)")),
    _quiet("UnicodeText for Text", swap("users", "sa.Text", "sa.UnicodeText")),
    _quiet("VARCHAR for String", swap("users", "sa.String(80)", "sa.VARCHAR(80)")),
    _quiet("INTEGER for Integer", swap("tasks", '"points", sa.Integer', '"points", sa.INTEGER')),
    _quiet("TINYINT(1) for BOOL", swap("tasks", "sa.Boolean", "mysql.TINYINT(1)"), on="my"),
    _quiet("INT(11) for INT", swap("tasks", '"points", sa.Integer', '"points", mysql.INTEGER(11)'),
           on="my"),
    _quiet("LONGTEXT with a check for JSON", swap("teams", '"settings", DOCUMENT',
           '"settings", mysql.LONGTEXT(collation="utf8mb4_bin"),'
           ' sa.CheckConstraint("json_valid(`settings`)")'), on="my"),
    _quiet("Float(53) for DOUBLE", swap("projects", '"rate", DOUBLE', '"rate", sa.Float(53)')),
    _quiet("BYTEA for LargeBinary", swap("users", "sa.LargeBinary", "postgresql.BYTEA"), on="pg"),
    _quiet("BLOB for LargeBinary", swap("users", "sa.LargeBinary", "sa.BLOB"), on="lite my"),
    _quiet("TIMESTAMP WITH TIME ZONE by its name", swap("users", '"seen_at", STAMP',
           '"seen_at", postgresql.TIMESTAMP(timezone=True)'), on="pg"),
    # Both number a row that brings no number, from a sequence that the column owns.
    _quiet("a serial for an identity", swap("invoices", "sa.Identity(), ", ""), on="pg"),
    _quiet("CHAR(32) for Uuid", swap("users", "sa.Uuid", "sa.CHAR(32)"), on="lite"),
    _quiet("NVARCHAR by its real name", swap("users", "sa.String(80)",
           'sa.String(80, collation="default")'), on="pg"),
    _quiet("the name of an enum's type", swap("teams", 'name="team_plan"', 'name="plan_of_team"'),
           on="pg my"),
    _quiet("a native enum of MariaDB", swap("teams", 'sa.Enum("free", "paid", name="team_plan")',
           'mysql.ENUM("free", "paid")'), on="my"),
    _quiet("INT8 for BIGINT", swap("tasks", '"parent_id", sa.BigInteger',
           '"parent_id", postgresql.BIGINT'), on="pg"),
)  # fmt: skip

CONSTRAINTS: Final = (
    _quiet("unique=True for a constraint", both(drop("teams", "uq_teams_name"), swap("teams",
           '"name", sa.String(60), nullable=False',
           '"name", sa.String(60), nullable=False, unique=True')),
           on="my"),
    _quiet("a unique index for a constraint", both(drop("users", "uq_users_email"), add("users",
           'sa.Index("uq_users_email", "email", unique=True)')), on="lite my"),
    _quiet("a unique constraint for an index", both(drop("users", "uq_users_token"), add("users",
           'sa.UniqueConstraint("token", name="uq_users_token")')), on="my"),
    _quiet("RESTRICT for nothing", swap("tasks", 'name="fk_t_project"',
           'name="fk_t_project", ondelete="RESTRICT"'), on="my"),
    _quiet("NO ACTION for nothing", swap("tasks", 'name="fk_t_project"',
           'name="fk_t_project", ondelete="NO ACTION", onupdate="NO ACTION"')),
    _quiet("indexes in another order", both(drop("users", "ix_users_name"), add("users",
           'sa.Index("ix_users_name", "name")'))),
    _quiet("checks in another order", both(drop("users", "ck_users_karma"), add("users",
           'sa.CheckConstraint("karma >= 0", name="ck_users_karma")'))),
    _quiet("InnoDB's own index of a link", drop("projects", "ix_projects_owner"), on="my"),
    _quiet("an index InnoDB would make", add("tasks", 'sa.Index("fk_t_project", "project_id")'),
           on="my"),
    _quiet("the name of MariaDB's primary key", swap("memberships", "pk_memberships", "pk_other"),
           on="my"),
    _quiet("INITIALLY IMMEDIATE said", swap("tasks", "deferrable=True",
           'deferrable=True, initially="IMMEDIATE"'), on="pg"),
    _quiet("MATCH SIMPLE said", swap("line_notes", 'name="fk_n_line"',
           'name="fk_n_line", match="SIMPLE"'), on="pg"),
    _quiet("a column's foreign key in its line", both(drop("projects", "fk_p_owner"),
           swap("projects",
           '"owner_id", sa.Integer', '"owner_id", sa.Integer, '
           'sa.ForeignKey("users.id", name="fk_p_owner", ondelete="SET NULL")'))),
    _quiet("a composite key in the columns", both(drop("memberships", "pk_memberships"), swap(
           "memberships", '"team_id", sa.Integer, nullable=False',
           '"team_id", sa.Integer, primary_key=True', '"user_id", sa.Integer, nullable=False',
           '"user_id", sa.Integer, primary_key=True')), on="my"),
    _quiet("btree said", swap("users", '"ix_users_name", "name"',
           '"ix_users_name", "name", postgresql_using="btree", mysql_using="btree"')),
    _quiet("ASC said", swap("users", '"ix_users_name", "name"',
           '"ix_users_name", sa.text("name ASC")'),
           on="pg lite"),
    _quiet("ASC NULLS LAST said", swap("users", '"ix_users_name", "name"',
           '"ix_users_name", sa.text("name ASC NULLS LAST")'), on="pg"),
    _quiet("an operator class that is the default", swap("users", '"ix_users_name", "name"',
           '"ix_users_name", "name", postgresql_ops={"name": "text_ops"}'), on="pg"),
    _quiet("an index expression with a cast", swap("users", "lower(email)", "lower(email::text)"),
           on="pg"),
    _quiet("an index expression in parentheses", swap("users", "lower(email)", "(lower(email))"),
           on="pg"),
    _quiet("a condition in parentheses", swap("tasks", "NOT is_done", "(NOT (is_done))"), on="pg"),
    _quiet("spaces in a condition", swap("tasks", "is_done = 0", "is_done  =  0"), on="lite"),
    _quiet("an access method's default", swap("bookings", 'using="gist"', 'using="GIST"'), on="pg"),
)  # fmt: skip

EXPRESSIONS: Final = (
    _quiet("IN for = ANY", swap("memberships", "role IN ('member', 'owner')",
           "role = ANY (ARRAY['member', 'owner'])"), on="pg"),
    _quiet("a cast in a check", swap("memberships", "role IN (", "role::text IN ("), on="pg"),
    _quiet("a check in parentheses", swap("users", "karma >= 0", "(karma >= 0)")),
    _quiet("a check in double parentheses", swap("teams", "seats > 0", "((seats > 0))")),
    _quiet("AND with parentheses", swap("invoice_lines", "quantity > 0 AND price >= 0",
           "(quantity > 0) AND (price >= 0)")),
    _quiet("keywords in small letters", swap("invoice_lines", "quantity > 0 AND price >= 0",
           "quantity > 0 and price >= 0")),
    _quiet("spaces in a check", swap("users", "karma >= 0", "karma>=0")),
    _quiet("!= for <>", swap("invoices", "currency <> ''", "currency != ''"), on="pg my"),
    _quiet("backticks", swap("users", "karma >= 0", "`karma` >= 0"), on="my lite"),
    _quiet("quoted names in a check", swap("users", '"karma >= 0"', "'\"karma\" >= 0'"),
           on="pg lite"),
    _quiet("a generated expression in parentheses", swap("invoice_lines", "quantity * price",
           "(quantity * price)")),
    _quiet("spaces in a generated expression", swap("invoice_lines", "quantity * price",
           "quantity*price")),
    _quiet("a check in the column's line", both(drop("users", "ck_users_karma"), swap("users",
           '"karma", sa.Integer, nullable=False, ',
           '"karma", sa.Integer, sa.CheckConstraint("karma >= 0", name="ck_users_karma"),'
           " nullable=False, ")), on="pg lite"),
    _quiet("a view written otherwise", swap(None, "SELECT id, subject FROM tasks",
           "select tasks.id, tasks.subject from tasks"), on="pg my"),
)  # fmt: skip

REST: Final = (
    _quiet("an empty comment", swap("projects", '"budget", sa.Numeric(12, 2)',
           '"budget", sa.Numeric(12, 2), comment=""')),
    _quiet("a counter that has counted", append(_ddl("INSERT INTO teams (name, plan) VALUES"
           " ('x', 'free')")) ),
    _quiet("AUTO_INCREMENT begins elsewhere", append(_ddl("ALTER TABLE users AUTO_INCREMENT ="
           " 1000")), on="my"),
    _quiet("a column added last", both(drop("bookings", '"room"'), append(_ddl(
           "ALTER TABLE bookings ADD COLUMN room INTEGER NOT NULL DEFAULT 0"),
           _ddl("ALTER TABLE bookings ALTER COLUMN room DROP DEFAULT"))), on="pg my"),
    _quiet("statistics", append(_ddl("ANALYZE")), on="pg lite"),
    _quiet("statistics of a column",
           append(_ddl("ALTER TABLE users ALTER COLUMN name SET STATISTICS"
           " 500")), on="pg"),
    _quiet("an extension and its tables", append(_ddl("CREATE EXTENSION IF NOT EXISTS pgcrypto")),
           on="pg"),
    _quiet("rights", append(_ddl("GRANT SELECT ON users TO public")), on="pg"),
    _quiet("utf8mb4 said", append(_ddl("ALTER TABLE bookings DEFAULT CHARACTER SET utf8mb4")),
           on="my"),
    _quiet("the engine said", append(_ddl("ALTER TABLE bookings ENGINE=InnoDB")), on="my"),
    _quiet("rows deleted and space left", append(_ddl("DELETE FROM bookings")) ),
)  # fmt: skip

NOOPS: Final[tuple[Case, ...]] = (*DEFAULTS, *TYPES, *CONSTRAINTS, *EXPRESSIONS, *REST)
