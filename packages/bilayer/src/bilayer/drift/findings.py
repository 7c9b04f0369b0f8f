"""What the drift check can find: the finding itself, and the catalogue of codes.

Holds no comparison. The severity of a finding is decided where it is found; the catalogue names
the worst one a code can have.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final, Literal

from bilayer.drift.kinds import Severity

Pair = Literal[
    "models-migrations",
    "models-runtime",
    "migrations-database",
    "runtime-database",
    "setup",
    "revisions",
]
RANK: Final[dict[str, int]] = {"error": 0, "warning": 1, "info": 2}
_STAGES: Final = {("BL201", "table"): 1, ("BL201", "no table"): 3}


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """A difference as the comparison sees it: what and where, not yet how to mend it.

    Attributes:
        left: What the source named first in ``pair`` says.
        right: What the other source says.
        item: What differs on the left side, or on the only side that has it.
        other: What it differs from on the right side, for constraints.
        is_later: A later revision makes it so; mending it here would undo that.
        along: Keys, indexes and checks that go with a column; the late keys of a whole table.
    """

    code: str
    severity: Severity
    pair: Pair
    message: str
    table: str | None = None
    column: str | None = None
    left: str | None = None
    right: str | None = None
    item: Any = None  # one of several snapshot classes; only fixes look inside
    location: str | None = None
    other: Any = None  # as item
    is_later: bool = False
    along: tuple[Any, ...] = ()  # as item


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A difference between two layers, where it is to be mended, and how.

    Attributes:
        location: ``path:line``, relative to the project where possible.
        fix: Text that can be applied as it stands.
        engine: The engine on which it was found.
    """

    code: str
    name: str
    severity: Severity
    pair: Pair
    table: str | None
    column: str | None
    message: str
    left: str | None = None
    right: str | None = None
    location: str | None = None
    fix: str | None = None
    engine: str | None = None

    @property
    def place(self) -> str:
        """The table and column in one word."""
        return ".".join(part for part in (self.table, self.column) if part)

    def sort_key(self) -> tuple[int, int, str, str, str, str]:
        """Sort errors first, then by table and column, so that fixes can be applied in order.

        What refers to a table comes behind the one that makes it, and before the one that drops it.
        """
        table = self.table or ""
        stage = _STAGES.get((self.code, self.left or ""), 2 if table else 0)
        return (RANK[self.severity], stage, table, self.column or "", self.code, self.message)


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """An entry of the catalogue."""

    code: str
    name: str
    severity: Severity
    explanation: str
    example: str


_RULES: Final = (
    Rule(
        "BL101", "library-hidden", "error",
        "The folder of the migrations is called alembic and holds an __init__.py. Python then"
        " takes the folder for the library, and every `import alembic` from the project's root"
        " gets the wrong one. Delete the __init__.py; Alembic does not need it.",
        "alembic/__init__.py exists",
    ),
    Rule(
        "BL102", "several-heads", "error",
        "Two or more revisions have no successor, usually because two branches were merged that"
        " each added one. `alembic upgrade head` refuses to choose. Give one of them the other as"
        " its down_revision, or add a merge revision.",
        "heads 3f2a9c and 81bd00",
    ),
    Rule(
        "BL103", "missing-down-revision", "error",
        "A revision names a predecessor that is not among the revisions, or more than one revision"
        " starts from nothing. The chain is broken, and some migrations never run.",
        "down_revision = '81bd00', and no file has that revision",
    ),
    Rule(
        "BL104", "stray-revision", "warning",
        "A file that looks like a revision lies beside the versions folder, where Alembic does not"
        " look. It never runs.",
        "alembic/20260101_add_name.py",
    ),
    Rule(
        "BL105", "empty-metadata", "error",
        "env.py gives Alembic no metadata, or metadata without a table. Autogenerate and"
        " `alembic check` then compare with nothing and find nothing, or want to drop everything."
        " Import the models before target_metadata is set.",
        "target_metadata = None",
    ),
    Rule(
        "BL106", "incomplete-metadata", "error",
        "env.py gives Alembic metadata that lacks tables of the models, usually because a module"
        " with models is not imported there. Their changes never reach a revision.",
        "env.py does not know the table invoices",
    ),
    Rule(
        "BL107", "pydal-migrates", "error",
        "PyDAL is told to create or alter this table itself (migrate=True). Only Alembic may; PyDAL"
        " would alter columns behind its back and keep notes of its own in .table files.",
        "db.define_table('users', ..., migrate=True)",
    ),
    Rule(
        "BL108", "id-is-integer", "error",
        "A table without primarykey= gets PyDAL's own integer id. A field id of another type, for"
        " example Field('id', 'string'), is dropped without a word, and keys of another type fail"
        " or turn into numbers. Give primarykey=['id'].",
        "Field('id', 'string') without primarykey=['id']",
    ),
    Rule(
        "BL109", "unknown-type", "error",
        "PyDAL does not know the type. It accepts any word, and sends and reads the values as"
        " quoted text.",
        "Field('size', 'big-integer')",
    ),
    Rule(
        "BL110", "undefined-reference", "error",
        "A field refers to a table nobody defines. Every select that reads the field fails.",
        "Field('author', 'reference person') without a table person",
    ),
    Rule(
        "BL111", "reserved-word", "warning",
        "A name is a reserved word of the engine and stands unquoted in rname, or is a name PyDAL"
        " itself refuses (update, drop, keys, ...). Quote it: rname='\"order\"', under another"
        " field name.",
        "Field('position', rname='order')",
    ),
    Rule(
        "BL112", "defined-twice", "error",
        "One table is defined twice. Stock PyDAL refuses the second definition, or replaces the"
        " first where redefine=True is given; of two fields of one name in a table it keeps the"
        " first without a word. Two MetaData that define a table differently cannot"
        " both be right, and only the first is built and compared.",
        "db.define_table('users', ...) in two files",
    ),
    Rule(
        "BL113", "definition-refused", "error",
        "PyDAL refuses the definition, so the application cannot start. The message is PyDAL's.",
        "Field('update', 'datetime')",
    ),
    Rule(
        "BL114", "revision-fails", "error",
        "`alembic upgrade head` on an empty database stops with an error. A new installation, a"
        " test database and a disaster recovery all stop there too.",
        'relation "users" does not exist',
    ),
    Rule(
        "BL115", "models-fail", "error",
        "The engine refuses a table of the models, so nothing can make the schema they describe.",
        "VARCHAR requires a length on dialect mysql",
    ),
    Rule(
        "BL116", "pending-revisions", "warning",
        "The database is behind its revisions. It was compared with what its own revision makes;"
        " run `alembic upgrade head`.",
        "the database is at 81bd00, the head is 3f2a9c",
    ),
    Rule(
        "BL117", "unknown-revision", "error",
        "The database says it is at a revision that is not among the project's: it was migrated"
        " from another branch, or the file was deleted.",
        "the database is at 99ffee",
    ),
    Rule(
        "BL118", "not-stamped", "error",
        "The database has tables and does not say at which revision it is, so `alembic upgrade`"
        " would make its tables a second time. It was compared with the head. Once it is what the"
        " head makes, write that down with `alembic stamp head`.",
        "the table users and no table alembic_version",
    ),
    Rule(
        "BL119", "foreign-quotes", "error",
        "PyDAL sends rname as it is written, and this engine does not quote names so: MariaDB"
        " takes what stands in double quotes for a text, so that a select gives the same text for"
        " every row, and PostgreSQL refuses backticks and brackets. A name of small letters needs"
        " no quotes; a field called like its column needs no rname, and PyDAL quotes it right.",
        "Field('door', rname='\"Door\"') on MariaDB",
    ),
    Rule(
        "BL120", "lost-target", "error",
        "A foreign key of the models points to a table that its MetaData does not have, because no"
        " module defines it, the module is not imported, or the table belongs to another MetaData."
        " `create_all` and Alembic's autogenerate stop at it.",
        "ForeignKey('accounts.id') without a table accounts",
    ),
    Rule(
        "BL201", "missing-table", "error",
        "A table exists on one side only. Every query of a table the database lacks fails; of a"
        " table PyDAL lacks the application knows nothing. Where one side has the name in the"
        " plural and the other in the singular, that is said.",
        "db.define_table('invoices', ...) without a model",
    ),
    Rule(
        "BL202", "missing-column", "error",
        "A column exists on one side only. PyDAL names every field it knows, so a field without a"
        " column makes every select and insert of the table fail. A column without a field is"
        " invisible, and where it is NOT NULL without a default every insert fails. A column and a"
        " field that may be one under two names are named to each other.",
        "Field('nickname') without a column",
    ),
    Rule(
        "BL203", "name-case", "error",
        "The names differ in the case of their letters only. PyDAL quotes names; where the engine"
        " tells cases apart, every query fails.",
        "Field('Email') and a column email",
    ),
    Rule(
        "BL204", "type-mismatch", "error",
        "The two sides have types of different kinds. A statement fails, or a value comes back as"
        " another one.",
        "Field('id', 'string') and a UUID column",
    ),
    Rule(
        "BL205", "length-mismatch", "warning",
        "The two sides allow text of different lengths. What one accepts, the other refuses or,"
        " where the engine is lenient, cuts off.",
        "String(50) and length=80",
    ),
    Rule(
        "BL206", "precision-mismatch", "error",
        "The two sides keep different numbers of digits, before or after the point, or of a"
        " second. Values are rounded or refused.",
        "Numeric(12, 4) and decimal(10,2)",
    ),
    Rule(
        "BL207", "integer-width", "error",
        "The two sides hold integers of different widths or signs. Numbers past the narrower one"
        " are refused.",
        "BigInteger and Field('n', 'integer')",
    ),
    Rule(
        "BL208", "timezone-mismatch", "error",
        "One side keeps the time zone of an instant and the other does not. Instants move by the"
        " offset.",
        "DateTime(timezone=True) and TIMESTAMP WITHOUT TIME ZONE",
    ),
    Rule(
        "BL209", "nullability-mismatch", "error",
        "One side requires a value and the other does not. An insert that leaves it out passes one"
        " layer and fails in the database, or NULL appears where code expects none. PyDAL's"
        " compute= fills a field only where an insert gives what it computes from.",
        "nullable=False and Field('name') without notnull=True",
    ),
    Rule(
        "BL210", "server-default-mismatch", "warning",
        "The two sides fill a column that an insert leaves out with different values, or only one"
        " of them fills it.",
        "server_default='viewer' and no default in the revision",
    ),
    Rule(
        "BL211", "python-default", "warning",
        "SQLAlchemy fills the column in Python (default= or onupdate=). PyDAL never runs that. Use"
        " server_default, or set the value in the runtime layer.",
        "mapped_column(default=uuid4)",
    ),
    Rule(
        "BL212", "column-order", "info",
        "The columns stand in another order. Nothing fails; twins that read alike are easier to"
        " review. A column that ADD COLUMN put last is not reported between catalogs.",
        "a, b, c and c, b, a",
    ),
    Rule(
        "BL213", "comment-mismatch", "info",
        "The comments of a table or column differ.",
        "comment='in cents' and no comment",
    ),
    Rule(
        "BL214", "collation-mismatch", "warning",
        "The two sides compare and sort text differently.",
        'COLLATE "C" and the default of the server',
    ),
    Rule(
        "BL215", "generated-mismatch", "error",
        "One side computes the column and the other stores what it is given, or they compute it"
        " differently. Writing a generated column fails. Between models and PyDAL nothing in the"
        " definition mends that: leave the field out of inserts and updates, which then pass."
        " writable=False keeps forms and validate_and_insert from writing it, and no insert or"
        " update that names it; with compute= every insert fails.",
        "Computed('price * amount') and a plain column",
    ),
    Rule(
        "BL216", "enum-values", "error",
        "The two sides allow different words in an enum, or in a column whose check lists them. A"
        " word one side lacks is refused there; a word that only may come from there is a warning."
        " What PyDAL may write is its IS_IN_SET and its default; a field with neither may write"
        " any word, also in the wrong case: a warning where a function fills it or a validator that"
        " names no words looks at it.",
        "('red', 'green') and ('red', 'green', 'blue')",
    ),
    Rule(
        "BL217", "autoincrement-mismatch", "error",
        "The engine numbers new rows on one side only. PyDAL's id field leaves the number to the"
        " engine; where there is none, every insert fails: number the column in the models. A"
        " column that is GENERATED ALWAYS AS IDENTITY refuses every number it is given: leave its"
        " field out of inserts, or make it GENERATED BY DEFAULT. Nothing in PyDAL's definition"
        " mends either.",
        "Field('id', 'id') and an integer key without a sequence",
    ),
    Rule(
        "BL218", "invisible-column", "warning",
        "MariaDB hides the column on one side only: SELECT * and an insert without names leave it"
        " out there. PyDAL and SQLAlchemy name their columns; what people and other programs write"
        " does not.",
        "note TEXT INVISIBLE and a plain column",
    ),
    Rule(
        "BL219", "table-storage", "warning",
        "The table is stored in another way: UNLOGGED tables are empty after a crash, MyISAM knows"
        " neither transactions nor foreign keys, another character set refuses some letters,"
        " STRICT tables refuse values of another type, and a partitioned table is several.",
        "ENGINE=MyISAM and ENGINE=InnoDB",
    ),
    Rule(
        "BL220", "row-security", "warning",
        "Row level security is on for one side only, or its policies are others. Where it is off,"
        " everybody reads all rows; where it is on without a policy, nobody reads any.",
        "ALTER TABLE invoices DISABLE ROW LEVEL SECURITY",
    ),
    Rule(
        "BL221", "view-mismatch", "error",
        "A view exists on one side only, or selects something else.",
        "CREATE VIEW active_users AS SELECT ... is missing",
    ),
    Rule(
        "BL222", "trigger-mismatch", "warning",
        "A trigger exists on one side only, does something else, or is disabled. What it was to"
        " keep right is right on one side only.",
        "CREATE TRIGGER touch BEFORE UPDATE ON users is missing",
    ),
    Rule(
        "BL223", "sequence-mismatch", "error",
        "A sequence of its own exists on one side only, or counts in another way. Where it is"
        " missing, whatever asks it for a number fails. The sequence of a column is BL217.",
        "CREATE SEQUENCE invoice_numbers is missing",
    ),
    Rule(
        "BL224", "schema-mismatch", "warning",
        "A schema (a namespace of PostgreSQL) exists on one side only.",
        "CREATE SCHEMA audit is missing",
    ),
    Rule(
        "BL225", "domain-mismatch", "warning",
        "A domain of PostgreSQL exists on one side only, or allows other values.",
        "CREATE DOMAIN price AS integer CHECK (VALUE > 0) is missing",
    ),
    Rule(
        "BL301", "primary-key-mismatch", "error",
        "The primary keys have other columns, or another order of them.",
        "PRIMARY KEY (user_id, id) and PRIMARY KEY (id)",
    ),
    Rule(
        "BL302", "unique-mismatch", "warning",
        "Only one side keeps the values unique. Duplicates that one layer counts on never to see"
        " can be stored.",
        "unique=True and no unique constraint in the database",
    ),
    Rule(
        "BL303", "index-mismatch", "warning",
        "An index exists on one side only, or has other columns, another order, or another"
        " condition. Queries are slow on one of them.",
        "index (user_id, created_at) is missing",
    ),
    Rule(
        "BL304", "foreign-key-mismatch", "warning",
        "A foreign key exists on one side only, or points to another table or column.",
        "author_id -> users.id is missing",
    ),
    Rule(
        "BL305", "check-mismatch", "warning",
        "A check constraint exists on one side only, or says something else.",
        "CHECK (amount > 0) is missing",
    ),
    Rule(
        "BL306", "foreign-key-action", "warning",
        "The foreign key does something else when the row it points to is deleted or changed. With"
        " PyDAL's stock adapters, ondelete reaches no database that PyDAL did not create.",
        "ON DELETE CASCADE and ON DELETE RESTRICT",
    ),
    Rule(
        "BL307", "constraint-pending", "warning",
        "The constraint is on its way: it was added NOT VALID and the rows that were there before"
        " were never looked at, or its unique index is built and not yet made a constraint. Run"
        " the revision that finishes it: VALIDATE CONSTRAINT, or ADD CONSTRAINT ... USING INDEX.",
        "FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID",
    ),
    Rule(
        "BL308", "invalid-index", "warning",
        "CREATE INDEX CONCURRENTLY failed and left its index behind: no query uses it, every write"
        " pays for it, and IF NOT EXISTS takes it for the real one. Build it again.",
        "pg_index.indisvalid is false",
    ),
    Rule(
        "BL309", "exclusion-mismatch", "warning",
        "An exclusion constraint exists on one side only, or excludes something else. Rows that"
        " one side counts on never to see together can be stored.",
        "EXCLUDE USING gist (room WITH =, during WITH &&) is missing",
    ),
    Rule(
        "BL310", "constraint-name", "info",
        "A key, constraint or index does the same under another name. A revision that drops it by"
        " its name fails on one side. Names that engines make up are not compared.",
        "uq_users_email and users_email_once",
    ),
    Rule(
        "BL311", "not-enforced", "warning",
        "The foreign key is there, and the triggers that keep it are disabled on one side (DISABLE"
        " TRIGGER ALL). Rows that point to nothing can be stored.",
        "ALTER TABLE orders DISABLE TRIGGER ALL",
    ),
    Rule(
        "BL401", "boolean-letters", "error",
        "PyDAL's stock adapter keeps booleans as the letters T and F, and the column holds real"
        " ones. On SQLite a False that PyDAL wrote is read as True by SQLAlchemy; on MariaDB True"
        " is stored as 0. Use bilayer.runtime, or keep the column as String(1) in the models.",
        "Field('is_active', 'boolean') on SQLite",
    ),
    Rule(
        "BL402", "naive-time", "warning",
        "PyDAL's stock adapters cut off microseconds and time zones when they write, and compare"
        " with the cut value, so that == finds nothing. PostgreSQL takes what is left for a time of"
        " the session's zone: unless that is UTC, the instant moves. Use bilayer.runtime and"
        " UTCDateTime.",
        "Field('created_at', 'datetime') and DateTime(timezone=True)",
    ),
    Rule(
        "BL403", "base64-bytes", "error",
        "PyDAL's stock adapters store bytes as base64 text. SQLAlchemy reads that text as the"
        " bytes, and bytes it wrote make PyDAL fail or read garbage. Use bilayer.runtime.",
        "Field('picture', 'blob') and LargeBinary",
    ),
    Rule(
        "BL404", "uuid-text", "error",
        "PyDAL's stock adapters treat a UUID as text with dashes. Where the engine stores 32 hex"
        " digits, == finds nothing and joins are empty; on PostgreSQL it comes back as a str.",
        "Field('id', 'uuid') and Uuid on SQLite",
    ),
    Rule(
        "BL405", "inexact-decimal", "error",
        "The number passes through a float, or through an integer taken as it is, and comes back"
        " rounded or scaled. Use ExactNumeric and bilayer.runtime.",
        "Field('price', 'double') and Numeric(20, 4)",
    ),
    Rule(
        "BL406", "list-storage", "error",
        "PyDAL keeps lists as |a|b| in text, or as arrays with postgres2 and postgres3; the column"
        " holds something else, or the same in a way only PyDAL can read.",
        "Field('tags', 'list:string') and JSON",
    ),
    Rule(
        "BL407", "json-storage", "error",
        "JSON documents are stored in a column that treats some of them differently from what was"
        " written.",
        "Field('payload', 'json') and JSON on SQLite",
    ),
    Rule(
        "BL501", "value-changed", "error",
        "A value was written through one layer in a scratch database and came back from the other"
        " as another value.",
        "12:00:00.000249 came back as 12:00:00",
    ),
    Rule(
        "BL502", "value-refused", "error",
        "A value that the column's type allows could not be written or read through one of the"
        " layers.",
        "PyDAL could not read b'\\x00\\xff'",
    ),
    Rule(
        "BL503", "value-not-found", "error",
        "A value that is stored is not found by == through one of the layers.",
        "db(t.at == value) finds nothing",
    ),
    Rule(
        "BL601", "require-concurrent-index-creation", "error",
        "An index is built on a table that may have rows, without CONCURRENTLY. Until it is built"
        " nobody can write to the table, and whoever tries queues up behind the migration with"
        " everybody after them. Build it concurrently, in an autocommit block; drop what a failed"
        " attempt has left first.",
        'op.create_index("ix_history_at", "history", ["at"])',
    ),
    Rule(
        "BL602", "require-concurrent-index-deletion", "warning",
        "An index is dropped without CONCURRENTLY. That takes a moment, but it waits for"
        " everybody who uses the table, and whoever comes meanwhile waits behind it.",
        'op.drop_index("ix_history_at")',
    ),
    Rule(
        "BL603", "ban-concurrent-index-creation-in-transaction", "error",
        "PostgreSQL refuses to build or drop an index concurrently inside a transaction, and"
        " Alembic runs revisions in one. Use op.get_context().autocommit_block().",
        "op.create_index(..., postgresql_concurrently=True) outside an autocommit block",
    ),
    Rule(
        "BL604", "adding-foreign-key-constraint", "error",
        "A foreign key is added to a table that may have rows. While every row is looked up,"
        " nobody can write to either table. On PostgreSQL add it NOT VALID, which takes a moment,"
        " and validate it in the next revision, which hinders nobody.",
        'op.create_foreign_key("fk_cards_user", "cards", "users", ["user_id"], ["id"])',
    ),
    Rule(
        "BL605", "constraint-missing-not-valid", "error",
        "A check is added to a table that may have rows, or validated in the transaction that has"
        " added it. While every row is looked at, nobody can use the table. Add it NOT VALID and"
        " validate it in the next revision.",
        'op.create_check_constraint("ck_prices", "prices", "amount > 0")',
    ),
    Rule(
        "BL606", "disallowed-unique-constraint", "error",
        "A unique, primary or exclusion constraint builds its index while nobody can use the"
        " table. Build a unique index concurrently first, and make a constraint of it with USING"
        " INDEX.",
        'op.create_unique_constraint("uq_users_email", "users", ["email"])',
    ),
    Rule(
        "BL607", "adding-not-nullable-field", "error",
        "A column that is there becomes NOT NULL. Every row is looked at while nobody can use the"
        " table, and one row without a value makes it fail. On PostgreSQL let a check that was"
        " validated before prove it.",
        'op.alter_column("users", "email", nullable=False)',
    ),
    Rule(
        "BL608", "adding-required-field", "error",
        "A column that is NOT NULL and has no server default is added to a table that may have"
        " rows: it fails there, and where it does not, every insert of the release that runs does.",
        'op.add_column("users", sa.Column("plan", sa.String(20), nullable=False))',
    ),
    Rule(
        "BL609", "adding-field-with-default", "error",
        "A column is added whose value is another one in each row: a volatile default, a stored"
        " computed column, a number that counts up. The whole table is rewritten while nobody can"
        " use it. A constant default costs nothing.",
        'sa.Column("token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"))',
    ),
    Rule(
        "BL610", "changing-column-type", "error",
        "A column gets a type that its values have to be converted to. The table is rewritten,"
        " with its indexes, while nobody can use it; and the release that runs may not know the"
        " new type. Put a new column beside it. Making a varchar longer costs nothing and is not"
        " reported.",
        'op.alter_column("users", "age", type_=sa.BigInteger())',
    ),
    Rule(
        "BL611", "renaming-column", "warning",
        "A column gets another name while the release that runs uses the old one: from then on"
        " its queries fail. Put a new column beside it and write both until no older release runs.",
        'op.alter_column("users", "name", new_column_name="full_name")',
    ),
    Rule(
        "BL612", "renaming-table", "warning",
        "A table gets another name while the release that runs uses the old one. A view of the"
        " old name helps it over.",
        'op.rename_table("user", "users")',
    ),
    Rule(
        "BL613", "ban-drop-column", "warning",
        "A column is dropped. The release that runs may still read it, and its values are gone."
        " Let a release that does not use it run everywhere first, and say so beside the call.",
        'op.drop_column("users", "nickname")',
    ),
    Rule(
        "BL614", "ban-drop-table", "warning",
        "A table is dropped. The release that runs may still use it, and its rows are gone. Let a"
        " release that does not use it run everywhere first, and say so beside the call.",
        'op.drop_table("sessions_old")',
    ),
    Rule(
        "BL615", "backfilling-data", "warning",
        "One revision changes a table and writes rows. The lock of the change is held until all"
        " rows are written. Write them in a revision of their own, a batch in each transaction.",
        'op.add_column(...); op.execute("UPDATE users SET plan = 1")',
    ),
    Rule(
        "BL616", "adding-json-column", "warning",
        "A column of PostgreSQL's type json is added. It has no equality, so that DISTINCT, GROUP"
        " BY and = fail for every query that touches it. Use jsonb.",
        'sa.Column("payload", postgresql.JSON())',
    ),
    Rule(
        "BL617", "several-statements", "warning",
        "MariaDB and MySQL commit each statement that changes the schema. A revision of several"
        " that is killed in between fails when it is run again, because its first part is there."
        " Say IF [NOT] EXISTS, or have one statement in each revision.",
        "two op.create_table() without if_not_exists",
    ),
    Rule(
        "BL618", "expression-default", "error",
        "SQLite refuses to add a column to a table with rows if its default is an expression or"
        " the time. Add it without a default, or in batch mode.",
        'sa.Column("at", sa.DateTime(), server_default=sa.func.now())',
    ),
    Rule(
        "BL619", "table-copied", "info",
        "SQLite cannot do this to a table, so that Alembic's batch mode copies it. It takes as"
        " long as the table is large, and nobody writes meanwhile.",
        "batch_op.alter_column(...)",
    ),
    Rule(
        "BL620", "irreversible", "warning",
        "The downgrade of the revision does nothing. A release that went wrong cannot be taken"
        " back with its schema. Write what undoes the upgrade, or say beside it why nothing can.",
        "def downgrade() -> None: pass",
    ),
    Rule(
        "BL621", "ban-truncate-cascade", "warning",
        "TRUNCATE with CASCADE also empties every table that refers to this one, and those that"
        " refer to them; also tables that came after the statement was written. Name the tables.",
        'op.execute("TRUNCATE users CASCADE")',
    ),
    Rule(
        "BL622", "require-enum-value-ordering", "warning",
        "A word is added to an enum without BEFORE or AFTER. It goes to the end, so that ORDER BY,"
        " < and > follow the order of the revisions and not the one the models give the words.",
        'op.execute("ALTER TYPE mood ADD VALUE \'calm\'")',
    ),
    Rule(
        "BL623", "renaming-enum-value", "warning",
        "A word of an enum gets another name while the release that runs uses the old one: its"
        " queries fail from then on. Add the new word, and move the rows once no older release"
        " runs.",
        'op.execute("ALTER TYPE mood RENAME VALUE \'sad\' TO \'blue\'")',
    ),
    Rule(
        "BL701", "upgrade-fails", "error",
        "The upgrade of a revision fails in an empty database, after those before it went through."
        " Nobody can install the project. The revisions behind it were not rehearsed.",
        'op.add_column("t", ...), and no revision creates t',
    ),
    Rule(
        "BL702", "upgrade-fails-with-rows", "error",
        "The upgrade passes in an empty database, as in most tests, and fails where the tables have"
        " rows, as in production. Most often a column is required that existing rows have no value"
        " for: add it nullable or with a server default, fill it, then require it.",
        'op.add_column("users", sa.Column("plan", sa.String(8), nullable=False))',
    ),
    Rule(
        "BL703", "depends-on-data", "warning",
        "The upgrade fails on some rows, and made-up rows cannot tell whether production has such:"
        " a NULL in a column that is to be required, two equal values under a new unique index, a"
        " text that is to become a number. Count them in production first, or mend them in the"
        " revision.",
        'op.create_index("uq_users_email", "users", ["email"], unique=True)',
    ),
    Rule(
        "BL704", "no-downgrade", "warning",
        "The downgrade is missing, does nothing, or raises NotImplementedError, so that a release"
        " that went wrong cannot be taken back with its schema. Nothing else was tried of it. An"
        " info, and no failure of the ready tests, where the revision says why:"
        " # bilayer: safe[irreversible] reason.",
        "def downgrade(): raise NotImplementedError",
    ),
    Rule(
        "BL705", "downgrade-fails", "error",
        "The downgrade fails, in an empty database or where tables have rows: on the day it is"
        " needed. A warning, if that depends on values nobody here knows.",
        "a downgrade that adds a dropped column as NOT NULL",
    ),
    Rule(
        "BL706", "downgrade-leaves-traces", "error",
        "After the downgrade the catalog is not what it was before the upgrade: a type, sequence,"
        " index, column or constraint stays behind, or was not put back. A PostgreSQL enum has to"
        " be dropped by itself: `sa.Enum(name=...).drop(op.get_bind())`.",
        "type public.mood is there and was not",
    ),
    Rule(
        "BL707", "second-upgrade-differs", "error",
        "Run again after its downgrade, the upgrade fails or makes another schema than the first"
        " time. What the downgrade left behind is in its way.",
        'type "mood" already exists',
    ),
    Rule(
        "BL708", "data-does-not-survive", "error",
        "Rows, or values in a column that is there before and after, are not what they were, and"
        " the revision has no statement that says so: a column or table is dropped and made anew,"
        " or a type change rounds or cuts. Only info where the revision itself writes those values,"
        " and a warning where it deletes the rows.",
        "what was in items.price does not survive: '1.5' became '2'",
    ),
    Rule(
        "BL709", "upgrade-drops-data", "warning",
        "The upgrade drops a column or table that holds values. A downgrade brings the place back"
        " and not what was in it. A renamed one is not meant: its values are found again.",
        'op.drop_column("users", "nickname")',
    ),
    Rule(
        "BL710", "downgrade-drops-data", "warning",
        "The downgrade drops a column or table; what was written there since the upgrade is lost."
        " That lies in the nature of the thing, and is worth knowing before one goes back. Info"
        " where whole new tables go.",
        "the downgrade drops users.email_verified_at",
    ),
    Rule(
        "BL711", "values-not-restored", "warning",
        "Up and down again, a column holds other values than before. The upgrade writes rows, and"
        " the downgrade does not write them back.",
        'op.execute("UPDATE users SET email = lower(email)"), and no way back',
    ),
    Rule(
        "BL712", "table-not-filled", "warning",
        "No made-up row was accepted by a table: a check, a trigger, or keys that refer to each"
        " other in a circle. So nothing is known of what the revisions do to its rows. The reason"
        " is the engine's for the first row that was tried.",
        "no made-up row fits invoices: violates check constraint",
    ),
    Rule(
        "BL713", "keeps-others-waiting", "warning",
        "While the revision ran on a large table, a client that read or wrote one row of it waited"
        " for more than a second. In production everybody does. `bilayer lint` says how it is done"
        " without.",
        "writers of orders wait for 3.4 s at 1,000,000 rows (ShareLock)",
    ),
    Rule(
        "BL714", "table-rewritten", "warning",
        "The revision makes PostgreSQL write the whole table and its indexes anew, while nobody may"
        " use it. It takes as long as the table is large, and as much room again.",
        'op.alter_column("orders", "id", type_=sa.BigInteger())',
    ),
    Rule(
        "BL715", "implicit-value", "warning",
        "A column is added as NOT NULL and without a default. PostgreSQL and SQLite refuse that"
        " where there are rows; MariaDB gives them an empty text, 0, or the day 0000-00-00, which"
        " no program wrote. Give it a server default, or add it nullable and fill it.",
        'op.add_column("users", sa.Column("born_on", sa.Date, nullable=False))',
    ),
)  # fmt: skip

CATALOGUE: Final[dict[str, Rule]] = {rule.code: rule for rule in _RULES}
