"""Mutations of how values are kept, set-up mistakes, and changes that change nothing."""

from __future__ import annotations

from typing import Final

from scripts.bench.drift.edits import Edit, add, append, both, swap
from scripts.bench.drift.runtime_case import (
    ALL,
    STOCK,
    RuntimeCase,
)
from scripts.bench.drift.runtime_case import (
    change_both as _pair,
)
from scripts.bench.drift.runtime_case import (
    change_fields as _fields,
)
from scripts.bench.drift.runtime_schema import ENGINE_OF

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
    _pair("any words over a check",
          'sa.Enum("aa", "bb", name="ab", native_enum=False, create_constraint=True)',
          '"string", length=2', "BL216 notes.extra E"),
    _pair("other words over a check", 'sa.String(2), sa.CheckConstraint("extra IN (\'a\', \'b\')")',
          '"string", length=2, requires=IS_IN_SET(("a", "c"))', "BL216 notes.extra E"),
    _pair("jsonb elsewhere", "sa.JSON", '"jsonb"', "BL407 notes.extra E", on=("sqlite", "mysql")),
    _pair("an unknown type", "sa.Integer", '"big-integer"', "setup BL109 notes.extra E"),
    _pair("exact decimals", "sa.Numeric(20, 4)", '"double"', "BL405 notes.extra E sqlite=W"),
    _pair("wide decimals", "sa.Numeric(20, 4)", '"decimal(20,4)"', "BL405 notes.extra W",
          on=("sqlite",)),
)  # fmt: skip


SETUPS: Final = (
    _fields("set-up of PyDAL", "a table that PyDAL migrates", add("notes", "migrate=True"),
            "setup BL107 notes E"),
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
    _quiet("a table of another name", both(swap(None, 'TABLE("notes",', 'TABLE("remarks",'),
           add("remarks", 'rname="notes"'))),
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
