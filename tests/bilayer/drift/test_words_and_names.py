"""Words of enums against what PyDAL may write, and names that may mean the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pydal
import pytest
import sqlalchemy as sa
from pydal.validators import IS_EMPTY_OR, IS_IN_SET, IS_MATCH, IS_NOT_EMPTY

import bilayer
from bilayer.drift.values.layers import open_dal
from tests.support import run as runs
from tests.support.databases import new_database

E, W = "error", "warning"
WORDS = ("NEW", "OLD")
ADAPTERS = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}

# Name: (options of the field, what PyDAL writes, severity where the enum is the engine's own).
FIELDS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "exact": ({"requires": IS_IN_SET(WORDS)}, "NEW", None),
    "labelled": ({"requires": IS_IN_SET({"NEW": "new", "OLD": "old"})}, "OLD", None),
    "paired": ({"requires": IS_IN_SET([("NEW", "new"), ("OLD", "old")])}, "OLD", None),
    "optional": ({"requires": IS_EMPTY_OR(IS_IN_SET(WORDS))}, "NEW", None),
    "listed": ({"requires": [IS_IN_SET(WORDS)]}, "NEW", None),
    "lower": ({"requires": IS_IN_SET(["new", "old"])}, "new", E),
    "wider": ({"requires": IS_IN_SET([*WORDS, "GONE"])}, "GONE", E),
    "lower_default": ({"default": "new"}, "new", E),
    "free": ({}, "other", E),
    "filled": ({"requires": [IS_NOT_EMPTY()]}, "other", E),
    "matched": ({"requires": IS_EMPTY_OR(IS_MATCH("NEW|OLD"))}, "NEW", W),
    "lazy": ({"requires": IS_IN_SET(lambda: WORDS)}, "NEW", W),
    "called": ({"default": lambda: "NEW"}, "NEW", W),
    "computed": ({"compute": lambda _: "NEW"}, "NEW", W),
    "right_default": ({"default": "NEW"}, "NEW", W),
    "narrower": ({"requires": IS_IN_SET(["NEW"])}, "NEW", W),
}


@pytest.fixture
def url(suite_run: runs.Run, engine: str) -> Iterator[str]:
    with new_database(suite_run, engine) as url:
        yield url


def make_words() -> sa.MetaData:
    metadata = sa.MetaData()
    columns: list[sa.Column[Any]] = [
        sa.Column(name, sa.Enum(*WORDS, name=f"words_{name}")) for name in FIELDS
    ]
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def make_checked(kind: str) -> sa.MetaData:
    """Keep the words by checks: those an enum makes, and written ones."""
    metadata = sa.MetaData()
    table = sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for name in FIELDS:
        words = sa.Enum(*WORDS, name=f"k_{name}", native_enum=False, create_constraint=True)
        table.append_column(sa.Column(name, words if kind == "enum" else sa.String(8)))
        if kind == "string":
            table.append_constraint(sa.CheckConstraint(f"{name} IS NULL OR {name} IN {WORDS}"))
    return metadata


def define_words(db: Any) -> None:
    fields = [pydal.Field(name, length=8, **options) for name, (options, *_) in FIELDS.items()]
    db.define_table("t", *fields)


def find_refused(url: str, adapter: str) -> set[str]:
    """Find the columns that do not keep the word PyDAL writes."""
    refused = set()
    with open_dal(sa.make_url(url), adapter) as db:
        define_words(db)
        for name, (_, word, _) in FIELDS.items():
            values = dict.fromkeys(FIELDS, None) | {name: word}
            try:
                key = db.t.insert(**values)
                if db.t(key)[name] != word:
                    refused.add(name)
            except Exception:  # noqa: BLE001 - the driver's own error
                refused.add(name)
            db.rollback()
    return refused


def find_words(report: bilayer.Report) -> dict[str, dict[str | None, str]]:
    """Find the severity told of each column, by pair."""
    return {
        pair: {
            f.column: f.severity for f in report.findings if f.code == "BL216" and f.pair == pair
        }
        for pair in ("models-runtime", "runtime-database")
    }


def test_words_pydal_may_write_are_held_against_the_enum(url: str, dialect: str) -> None:
    metadata = make_words()
    server = sa.create_engine(url)
    metadata.create_all(server)
    server.dispose()
    refused = find_refused(url, ADAPTERS[dialect])

    report = bilayer.check(metadata=metadata, dal=define_words, url=url)

    found = find_words(report)
    wanted = {name: severity for name, (*_, severity) in FIELDS.items() if severity is not None}
    if dialect == "sqlite":
        # A column of text takes any word; SQLAlchemy alone refuses to read it.
        free = {"free": W, "filled": W}
        assert found == {"models-runtime": wanted | free, "runtime-database": {}}
    else:
        assert refused == {name for name, severity in wanted.items() if severity == E}
        assert found == {"models-runtime": wanted, "runtime-database": wanted}


@pytest.mark.parametrize("kind", ["enum", "string"])
def test_words_pydal_may_write_are_held_against_a_check(url: str, dialect: str, kind: str) -> None:
    metadata = make_checked(kind)
    server = sa.create_engine(url)
    metadata.create_all(server)
    server.dispose()
    refused = find_refused(url, ADAPTERS[dialect])

    report = bilayer.check(metadata=metadata, dal=define_words, url=url)

    found = find_words(report)
    wanted = {name: severity for name, (*_, severity) in FIELDS.items() if severity is not None}
    # MariaDB's usual collation takes a word in any case, which an enum of SQLAlchemy does not read.
    taken = dict.fromkeys(("lower", "lower_default") if dialect == "mysql" else ())
    assert refused == {each for each, s in wanted.items() if s == E and each not in taken}
    by_check = {each: s for each, s in (wanted | taken).items() if s is not None}
    by_check |= {"lower_default": W} if taken else {}
    assert found["runtime-database"] == by_check
    assert found["models-runtime"] == (wanted if kind == "enum" else by_check)


# Name: (the check of the column x, a word that may be thought to be refused, is it known to be).
CHECKS: dict[str, tuple[str, str, bool]] = {
    "plain": ("x IN ('a', 'b')", "z", True),
    "bracket": ("x IN ('a]', 'b')", "z", True),
    "empty": ("x IN ('a', NULL)", "z", False),
    "made": ("x IN ('a', upper('b'))", "B", False),
    "cases": (
        "CASE WHEN x = 'z' AND x = 'b' AND x = 'c' THEN x = 'a' ELSE x <> 'q' END",
        "z",
        False,
    ),
    "accents": ("x IN ('\u00e9', 'b')", "e", False),
    "blanks": ("x IN ('a', 'b')", "a ", False),
    "escaped": ("x IN ('a\\\\b')", "a\\b", False),
}
OWN_CHECKS: dict[str, dict[str, tuple[str, str, bool]]] = {
    "sqlite": {"twice": ("x == 'a'", "z", True)},
    "postgresql": {"Cases": ("x IN ('a')", "z", False)},
    "mysql": {"either": ("x = 'a' XOR x = 'b' AND x = 'c'", "a", False)},
}


def test_only_words_an_engine_refuses_are_called_so(url: str, dialect: str) -> None:
    checks = CHECKS | OWN_CHECKS[dialect]
    metadata = sa.MetaData()
    columns = {name: sa.Column(name, sa.String(8)) for name in checks}
    table = sa.Table(
        "t", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns.values()
    )
    server = sa.create_engine(url)
    for name, (check, *_) in checks.items():
        quoted = server.dialect.identifier_preparer.quote(name)
        table.append_constraint(sa.CheckConstraint(re.sub(r"\bx\b", quoted, check)))
    metadata.create_all(server)
    refused = set()
    for name, (_, word, _) in checks.items():
        try:
            with server.begin() as connection:
                connection.execute(table.insert().values({name: word}))
        except sa.exc.DBAPIError:
            refused.add(name)
    server.dispose()

    def define(db: Any) -> None:
        fields = [
            pydal.Field(
                f"f_{number}",
                length=8,
                requires=IS_IN_SET([word]),
                rname=db._adapter.dialect.quote(name),
            )
            for number, (name, (_, word, _)) in enumerate(checks.items())
        ]
        db.define_table("t", *fields)

    report = bilayer.check(dal=define, url=url)

    found = {f.column for f in report.errors if f.code == "BL216"}
    assert found <= refused
    assert {name for name, (*_, is_known) in checks.items() if is_known} <= found


def test_checks_that_list_no_words_of_one_column_are_left_alone() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.String(8)),
        sa.Column("b", sa.String(8)),
        sa.Column("c", sa.String(8)),
        sa.CheckConstraint("a = 'x' OR b = 'y'"),
        sa.CheckConstraint("a IN ('x') OR b = 'y' AND c IS NULL"),
        sa.CheckConstraint("b <> 'x' AND b IN ('y', b)"),
        sa.CheckConstraint("c <> 'a' AND (c IS NULL OR c IN ('it''s', 'b'))"),
    )

    def define(db: Any) -> None:
        db.define_table("t", *(pydal.Field(name, length=8) for name in "abc"))

    report = bilayer.check(metadata=metadata, dal=define)

    (finding,) = (f for f in report.findings if f.code == "BL216")
    assert (finding.column, finding.severity) == ("c", E)
    assert finding.fix == (
        'Field("c", "string", length=8, requires=IS_EMPTY_OR(IS_IN_SET(["it\'s", "b"]))),'
    )


def test_a_fix_gives_the_words_or_their_case() -> None:
    report = bilayer.check(metadata=make_words(), dal=define_words, dialect="postgresql")

    fixes = {f.column: f.fix or "" for f in report.findings if f.code == "BL216"}
    assert 'default="NEW", requires=IS_EMPTY_OR(IS_IN_SET(' in fixes["lower_default"]
    assert 'requires=IS_EMPTY_OR(IS_IN_SET(["NEW", "OLD"]))' in fixes["free"]
    assert {fixes["matched"], fixes["lazy"]} == {""}


def test_renamed_columns_are_proposed_in_pairs() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title_text", sa.String(50)),
        sa.Column("published_on", sa.Date()),
        sa.Column("views", sa.Integer()),
        sa.Column("likes", sa.Integer()),
    )

    def define(db: Any) -> None:
        db.define_table(
            "posts",
            pydal.Field("title", length=50),
            pydal.Field("day", "date"),
            pydal.Field("view_count", "integer"),
            pydal.Field("shares", "integer"),
        )

    report = bilayer.check(metadata=metadata, dal=define, dialect="postgresql")

    said = {f.column: f.message for f in report.findings if f.code == "BL202"}
    pairs = [("title_text", "title"), ("published_on", "day"), ("views", "view_count")]
    for column, field in pairs:
        assert f"PyDAL's field {field} may be it" in said[column]
        assert f"column {column} may be it" in said[field]
    assert "may be it" not in said["shares"] + said["likes"]


def test_a_name_of_dots_is_a_table_that_is_not_there() -> None:
    def define(db: Any) -> None:
        db.define_table("t", pydal.Field("a"), rname=".")

    report = bilayer.check(metadata=make_words(), dal=define, dialect="postgresql")

    assert ("BL201", "error") in [(f.code, f.severity) for f in report.findings]


def test_singular_and_plural_names_of_a_table_are_said() -> None:
    metadata = sa.MetaData()
    for name in ("articles", "story", "people", "boxes", "other"):
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))

    def define(db: Any) -> None:
        for name in ("article", "stories", "person", "box", "another"):
            db.define_table(name)

    report = bilayer.check(metadata=metadata, dal=define, dialect="postgresql")

    errors = {f.table: f for f in report.errors}
    assert "the models call it articles, in the plural" in errors["article"].message
    assert "call it story, in the singular" in errors["stories"].message
    assert "call it people, in the plural" in errors["person"].message
    assert "call it boxes" in errors["box"].message
    assert "call it" not in errors["another"].message
    assert (errors["article"].fix or "").startswith("rname=")
    assert {f.table: f.fix for f in report.warnings}["articles"] is None


@pytest.mark.parametrize("later", [{}, {"rname": "t"}], ids=["without", "anew"])
def test_names_of_a_definition_that_is_replaced_are_forgotten(later: dict[str, str]) -> None:
    metadata = sa.MetaData()
    sa.Table(
        "t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.String(8))
    )

    def define(db: Any) -> None:
        db.define_table("t", pydal.Field("a", length=8, rname='"b"'), rname='"other"')
        db.define_table("t", pydal.Field("a", length=8), **later)

    report = bilayer.check(metadata=metadata, dal=define, dialect="sqlite")

    assert [(f.code, f.table) for f in report.findings] == [("BL112", "t")]


def test_names_of_a_template_that_is_replaced_by_itself_stay() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("b", sa.String(8))
    )

    def define(db: Any) -> None:
        first = db.define_table("t", pydal.Field("a", length=8, rname='"b"'))
        db.define_table("t", first)

    report = bilayer.check(metadata=metadata, dal=define, dialect="sqlite")

    assert "BL202" not in [f.code for f in report.findings]
