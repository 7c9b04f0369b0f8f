"""Mutations of PyDAL's tables and of what lies under them, and changes that change nothing."""

from __future__ import annotations

import dataclasses
from typing import Final

from scripts.bench.drift.edits import Edit, add, append, both, drop, remove, swap
from scripts.bench.drift.runtime_schema import ENGINE_OF

STOCK: Final = ("sqlite", "postgres", "mysql")
ALL: Final = ("native", *STOCK)
_LIVE: Final = ("models", "database")


@dataclasses.dataclass(frozen=True, slots=True)
class RuntimeCase:
    """Something done to PyDAL's tables or to the schema under them.

    Attributes:
        edit: Of PyDAL's text where ``sources`` is ``runtime``, else of the models'.
        wants: As ``Case.wants``; ``setup ...`` is of the pair setup; ``models ...`` and
            ``live ...`` are said of that pair only; ``native=-`` names an adapter.
        sources: What is mutated, each in turn; ``both`` at once.
        fails: The check also says that something could not be read.
        runtime_edit: Of PyDAL's text, where both are edited.
    """

    group: str
    name: str
    edit: Edit
    wants: tuple[str, ...]
    sources: tuple[str, ...]
    adapters: tuple[str, ...] = ALL
    engines: tuple[str, ...] = ("sqlite", "postgresql", "mysql")
    fails: bool = False
    runtime_edit: Edit | None = None

    def is_for(self, engine: str, adapter: str) -> bool:
        """Tell whether the case can be made with an adapter on an engine."""
        return adapter in self.adapters and engine in self.engines and engine in ENGINE_OF[adapter]


def _fields(group: str, name: str, edit: Edit, *wants: str, on: tuple[str, ...] = ALL,
            fails: bool = False) -> RuntimeCase:  # fmt: skip
    return RuntimeCase(group, name, edit, wants, ("runtime",), on, fails=fails)


def _columns(group: str, name: str, edit: Edit, *wants: str, on: tuple[str, ...] = ALL,
             sources: tuple[str, ...] = _LIVE) -> RuntimeCase:  # fmt: skip
    return RuntimeCase(group, name, edit, wants, sources, on)


def _pair(name: str, column: str, field: str, *wants: str, on: tuple[str, ...] = STOCK,
          group: str = "storage of values") -> RuntimeCase:  # fmt: skip
    """Add a column and a field over it."""
    return RuntimeCase(
        group, name, add("notes", f'sa.Column("extra", {column})'), wants, ("both",), on,
        runtime_edit=add("notes", f'Field("extra", {field})'),
    )  # fmt: skip


PRESENCE: Final = (
    _fields("tables of PyDAL", "a table is missing", remove("notes"), "BL201 notes W"),
    _fields("tables of PyDAL", "a table nobody makes", append('TABLE("ghosts", Field("name"))'),
            "BL201 ghosts E"),
    _fields("tables of PyDAL", "singular and plural", swap(None, 'TABLE("notes"', 'TABLE("note"'),
            "BL201 notes W", "BL201 note E"),
    _fields("tables of PyDAL", "other letters", swap(None, 'TABLE("notes"', 'TABLE("Notes"'),
            "BL203 notes E sqlite=I lite=I"),
    _fields("fields", "a field is missing", drop("people", '"bio"'), "BL202 people.bio W"),
    _fields("fields", "a required field is missing", drop("notes", '"words"'),
            "BL202 notes.words E"),
    _fields("fields", "a field without a column", add("notes", 'Field("ghost", "string")'),
            "BL202 notes.ghost E"),
    _fields("fields", "a field has another name", swap("people", 'Field("bio"', 'Field("life"'),
            "BL202 people.bio W", "BL202 people.life E"),
    _fields("fields", "other letters", swap("people", 'Field("bio"', 'Field("Bio"'),
            "BL203 people.bio I pg=E"),
    _fields("fields", "another order", both(drop("people", '"bio"'),
            add("people", 'Field("bio", "text")')), "BL212 people I"),
    _columns("fields", "a column is missing", drop("people", '"bio"'), "BL202 people.bio E"),
    _columns("fields", "a column is added", add("notes", 'sa.Column("mood", sa.Integer)'),
             "BL202 notes.mood W"),
    _columns("fields", "a required column is added",
             add("notes", 'sa.Column("mood", sa.Integer, nullable=False)'), "BL202 notes.mood E"),
    _columns("fields", "a column that SQLAlchemy fills is added",
             add("notes", 'sa.Column("mood", sa.Integer, nullable=False, default=1)'),
             "BL202 notes.mood E"),
    _columns("fields", "a column that the engine fills is added", add("notes",
             'sa.Column("mood", sa.Integer, nullable=False, server_default=sa.text("1"))'),
             "BL202 notes.mood W"),
    _columns("tables of PyDAL", "a table is missing", remove("notes"), "BL201 notes E"),
    _columns("tables of PyDAL", "a table is added", append('TABLE("moods",',
             '    sa.Column("id", sa.Integer, primary_key=True)', ")"), "BL201 moods W"),
)  # fmt: skip

KEYS: Final = (
    _fields("keys of PyDAL", "an id where two columns are the key",
            drop("memberships", "primarykey="), "BL202 memberships.id E"),
    _fields("keys of PyDAL", "another order", swap("memberships", '"team_id", "person_id"]',
            '"person_id", "team_id"]'), "BL301 memberships I"),
    _fields("keys of PyDAL", "half of the key", swap("memberships", '["team_id", "person_id"]',
            '["team_id"]'), "BL301 memberships W"),
    _columns("keys of PyDAL", "the key is not numbered", swap("notes", '"id", sa.Integer',
             '"id", sa.Integer, autoincrement=False'), "BL217 notes.id E lite=-"),
    _columns("keys of PyDAL", "the key is text", swap("notes", '"id", sa.Integer',
             '"id", sa.String(32)'), "BL204 notes.id E", "setup BL108 notes.id E"),
    _fields("references", "to another table", swap("notes", "reference people", "reference teams"),
            "BL304 notes.person_id E"),
    _columns("references", "a link is missing", drop("notes", "fk_person"),
             "BL304 notes.person_id W"),
    _fields("references", "what a deletion does", swap("notes", 'ondelete="SET NULL"',
            'ondelete="RESTRICT"'), "BL306 notes.person_id W"),
    _fields("references", "what PyDAL's default is", swap("notes", ', ondelete="SET NULL"', ""),
            "BL306 notes.person_id I sqlite=W"),
    _fields("references", "to a table nobody defines", swap("notes", "reference people",
            "reference person"), "setup BL110 notes.person_id E"),
    _fields("uniques of PyDAL", "a field says unique", swap("people", '"name", "string", length=80',
            '"name", "string", length=80, unique=True'), "BL302 people.name W"),
    _columns("uniques of PyDAL", "nothing keeps it unique", drop("people", "uq_people_email"),
             "BL302 people.email W"),
)  # fmt: skip

DETAILS: Final = (
    _fields("lengths", "a field is longer", swap("notes", "length=300", "length=400"),
            "BL205 notes.words W"),
    _fields("lengths", "a field is shorter", swap("notes", "length=300", "length=200"),
            "BL205 notes.words W"),
    _columns("lengths", "a column is shorter", swap("notes", "STR(300)", "STR(200)"),
             "BL205 notes.words W"),
    _fields("precision", "fewer places", swap("people", "decimal(10,2)", "decimal(10,1)"),
            "models BL206 people.balance W lite=E",
            "live BL206 people.balance W sqlite=E native/lite=-"),
    _fields("precision", "more digits", swap("people", "decimal(10,2)", "decimal(12,2)"),
            "models BL206 people.balance W", "live BL206 people.balance W native/lite=-"),
    _fields("widths", "a field is narrow", swap("people", '"visits", "bigint"',
            '"visits", "integer"'), "BL207 people.visits I native=W"),
    _fields("widths", "a field is wide", swap("people", '"karma", "integer"',
            '"karma", "bigint"'), "BL207 people.karma W"),
    _fields("nullability of PyDAL", "a required column is not a required field",
            swap("notes", ", notnull=True", ""), "BL209 notes.words W"),
    _fields("nullability of PyDAL", "a required field is no required column",
            swap("people", '"bio", "text"', '"bio", "text", notnull=True'), "BL209 people.bio I"),
    _columns("nullability of PyDAL", "a column is required", swap("people", 'sa.Column("bio", TXT',
             'sa.Column("bio", TXT, nullable=False'), "BL209 people.bio W"),
    _fields("defaults of PyDAL", "another number", swap("people", "default=0", "default=1"),
            "BL210 people.karma W"),
    _fields("defaults of PyDAL", "another word", swap("people", '"en_GB"', '"de_DE"'),
            "BL210 people.locale W"),
    _columns("defaults of PyDAL", "SQLAlchemy alone fills it", swap("people",
             'sa.Column("visits", sa.BigInteger', 'sa.Column("visits", sa.BigInteger, default=1'),
             "models BL211 people.visits W", sources=("models",)),
    _columns("defaults of PyDAL", "SQLAlchemy alone renews it", swap("people",
             'sa.Column("visits", sa.BigInteger', 'sa.Column("visits", sa.BigInteger, onupdate=1'),
             "models BL211 people.visits W", sources=("models",)),
    _columns("generated of PyDAL", "a column is generated", swap("people",
             'sa.Column("visits", sa.BigInteger',
             'sa.Column("visits", sa.BigInteger, sa.Computed("karma * 2", persisted=True)'),
             "BL215 people.visits E"),
)  # fmt: skip

TYPES: Final = (
    _fields("types of PyDAL", "a number is text", swap("people", '"visits", "bigint"',
            '"visits", "string"'), "BL204 people.visits E"),
    _fields("types of PyDAL", "text is a number", swap("people", '"bio", "text"',
            '"bio", "integer"'), "BL204 people.bio E"),
    _fields("types of PyDAL", "an integer is a float", swap("people", '"visits", "bigint"',
            '"visits", "double"'), "BL204 people.visits E lite=W"),
    _fields("types of PyDAL", "a date is an instant", swap("people", '"born_on", "date"',
            '"born_on", "datetime"'), "BL204 people.born_on E"),
    _fields("types of PyDAL", "a decimal is a float", swap("people", '"decimal(10,2)"', '"double"'),
            "BL405 people.balance W native=-",
            "models BL204 people.balance - native=W native/lite=E",
            "live BL204 people.balance - native=W"),
    _fields("types of PyDAL", "a float is a decimal", swap("people", '"ratio", "double"',
            '"ratio", "decimal(10,2)"'), "BL204 people.ratio W mysql=E", on=STOCK),
    _fields("types of PyDAL", "text is a document", swap("people", '"bio", "text"',
            '"bio", "json"'),
            "BL407 people.bio W postgres=- native=-", "BL204 people.bio - postgres=E",
            on=("postgres", "sqlite", "mysql")),
    _fields("types of PyDAL", "text is bytes", swap("people", '"bio", "text"', '"bio", "blob"'),
            "BL403 people.bio E native=-", "BL204 people.bio - native=E"),
    _fields("types of PyDAL", "text is a list", swap("people", '"bio", "text"',
            '"bio", "list:string"'), "models BL406 people.bio W native=E",
            "live BL406 people.bio W native=E native/lite=-"),
)  # fmt: skip

STORAGE: Final = (
    _pair("booleans", "sa.Boolean", '"boolean"', "BL401 notes.extra E postgres=-"),
    _pair("booleans in letters", "sa.String(1)", '"boolean"', "BL204 notes.extra W"),
    _pair("instants with a zone", "sa.DateTime(timezone=True)", '"datetime"',
          "BL402 notes.extra W mysql=-", on=("sqlite", "postgres")),
    _pair("instants without a zone", "sa.DateTime", '"datetime"', "BL402 notes.extra W",
          on=("sqlite", "postgres")),
    _pair("instants with microseconds", "mysql.DATETIME(fsp=6)", '"datetime"',
          "BL402 notes.extra W", on=("mysql",)),
    _pair("times of day", "sa.Time", '"time"', "BL402 notes.extra W", on=("sqlite", "postgres")),
    _pair("bytes", "sa.LargeBinary", '"blob"', "BL403 notes.extra E"),
    _pair("UUIDs as text", "sa.Uuid", '"uuid"', "models BL404 notes.extra W sqlite=E",
          "live BL404 notes.extra W sqlite=I"),
    _pair("documents", "sa.JSON", '"json"', "BL407 notes.extra W postgres=- mysql=-"),
    _pair("lists in documents", "sa.JSON", '"list:string"', "BL406 notes.extra E", on=("postgres",),
          ),
    _pair("lists in arrays", "postgresql.ARRAY(sa.Text)", '"list:string"', on=("postgres2",),
          group="no-op of PyDAL"),
    _pair("lists in text", "sa.Text", '"list:string"', "BL406 notes.extra E", on=("postgres2",)),
    _pair("the words of an enum", 'sa.Enum("a", "b", name="ab")',
          '"string", length=1, requires=IS_IN_SET(("a", "b"))', on=("postgres", "mysql"),
          group="no-op of PyDAL"),
    _pair("some words of an enum", 'sa.Enum("a", "b", name="ab")',
          '"string", length=1, requires=IS_IN_SET(("a",))', "BL216 notes.extra W",
          on=("postgres", "mysql")),
    _pair("other words in an enum", 'sa.Enum("a", "b", name="ab")',
          '"string", length=1, requires=IS_IN_SET(("a", "c"))', "BL216 notes.extra E",
          on=("postgres", "mysql")),
    _pair("any words in an enum", 'sa.Enum("aa", "bb", name="ab")', '"string"',
          "BL216 notes.extra E", on=("postgres", "mysql")),
    _pair("jsonb elsewhere", "sa.JSON", '"jsonb"', "BL407 notes.extra E", on=("sqlite", "mysql")),
    _pair("an unknown type", "sa.Integer", '"big-integer"', "setup BL109 notes.extra E"),
    _pair("exact decimals", "sa.Numeric(20, 4)", '"double"', "BL405 notes.extra E sqlite=W"),
    _pair("wide decimals", "sa.Numeric(20, 4)", '"decimal(20,4)"', "BL405 notes.extra W",
          on=("sqlite",)),
)  # fmt: skip


SETUPS: Final = (
    _fields("set-up of PyDAL", "an id that is dropped", swap("notes", 'Field("id", "id")',
            'Field("id", "string")')),
    _fields("set-up of PyDAL", "a table that PyDAL migrates", swap("notes", 'TABLE("notes",',
            'TABLE("notes", migrate=True, *['), on=()),
    _fields("set-up of PyDAL", "a name PyDAL refuses", add("notes", 'Field("update", "string")'),
            "setup BL113 @ E", fails=True),
    _fields("set-up of PyDAL", "a table twice", append('TABLE("notes",', '    Field("id", "id"),',
            '    Field("person_id", "reference people", ondelete="SET NULL"),',
            '    Field("words", "string", length=300, notnull=True),', ")"), "setup BL112 notes E"),
    _fields("set-up of PyDAL", "a reserved word", add("notes",
            'Field("place", "string", rname="order")'), "setup BL111 notes.order E",
            "BL202 notes.order E"),
    _fields("set-up of PyDAL", "a type nobody knows", swap("people", '"ratio", "double"',
            '"ratio", "big-double"'), "setup BL109 people.ratio E"),
    _fields("set-up of PyDAL", "definitions that stop", append("raise RuntimeError('no licence')"),
            "setup BL113 @ E", fails=True),
)  # fmt: skip


def _quiet(name: str, edit: Edit, on: tuple[str, ...] = ALL) -> RuntimeCase:
    return RuntimeCase("no-op of PyDAL", name, edit, (), ("runtime",), on)


NOOPS: Final = (
    RuntimeCase("no-op of PyDAL", "nothing done", lambda text: text, (), ("runtime",),
                tuple(ENGINE_OF)),
    _quiet("a length nobody gave", swap("people", '"bio", "text"', '"bio", "text", length=512')),
    _quiet("requires=", swap("people", '"bio", "text"', '"bio", "text", requires=None')),
    _quiet("readable and writable", swap("people", '"bio", "text"',
           '"bio", "text", readable=False, writable=False')),
    _quiet("a label", swap("people", '"bio", "text"', '"bio", "text", label="Life"')),
    _quiet("a comment", swap("people", '"bio", "text"', '"bio", "text", comment="long"')),
    _quiet("a format", swap("teams", "notnull=True, default=5),",
           'notnull=True, default=5), format="%(name)s",')),
    _quiet("a virtual field", add("notes", 'Field.Virtual("loud", lambda row: "!")')),
    _quiet("a method", add("notes", 'Field.Method("shout", lambda row: "!")')),
    _quiet("an rname that says the same", swap("people", '"bio", "text"',
           '"bio", "text", rname="bio"')),
    _quiet("a field of another name", swap("people", 'Field("bio", "text"',
           'Field("life", "text", rname="bio"')),
    _quiet("a table of another name", swap(None, 'TABLE("notes",\n',
           'TABLE("remarks", rname="notes", *[\n' ), on=()),
    _quiet("password for string", swap("notes", '"words", "string"', '"words", "password"'),
           on=STOCK),
    _quiet("upload for string", swap("notes", '"words", "string"', '"words", "upload"'), on=STOCK),
    _quiet("a default that is computed", swap("people", '"visits", "bigint"',
           '"visits", "bigint", default=lambda: 1')),
    _quiet("a field that is computed", swap("people", '"visits", "bigint"',
           '"visits", "bigint", compute=lambda row: 1')),
    _quiet("an update that is computed", swap("people", '"visits", "bigint"',
           '"visits", "bigint", update=lambda: 1')),
    _quiet("NO ACTION for RESTRICT said", swap("people", '"reference teams"',
           '"reference teams", ondelete="CASCADE"')),
    _quiet("a widget", swap("people", '"bio", "text"', '"bio", "text", widget=None')),
    _quiet("required=", swap("people", '"bio", "text"', '"bio", "text", required=False')),
)  # fmt: skip

CASES: Final = (*NOOPS, *PRESENCE, *KEYS, *DETAILS, *TYPES, *STORAGE, *SETUPS)
