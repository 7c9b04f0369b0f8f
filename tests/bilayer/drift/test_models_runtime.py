"""Models against PyDAL with stock adapters: every kind of difference, and what is none."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pydal
import pytest
import sqlalchemy as sa
from pydal.validators import IS_EMPTY_OR, IS_IN_SET, IS_IPADDRESS
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

import bilayer
from bilayer import types as shared
from tests.bilayer.drift.conftest import PROJECTS

E, W, I = "error", "warning", "info"  # noqa: E741 - the columns of the table below
ENGINES = ["sqlite", "postgresql", "mysql"]

# (place, code, severity on SQLite, PostgreSQL and MariaDB)
EXPECTED = [
    ("table_unknown_to_pydal", "BL201", W, W, W),
    ("table_unknown_to_models", "BL201", E, E, E),
    ("column_unknown_to_pydal.nickname", "BL202", W, W, W),
    ("required_column_unknown_to_pydal.code", "BL202", E, E, E),
    ("filled_column_unknown_to_pydal.code", "BL202", E, E, E),
    ("column_unknown_to_models.nickname", "BL202", E, E, E),
    ("name_case.email", "BL203", I, E, I),
    ("column_order", "BL212", I, I, I),
    ("type_family.value", "BL204", E, E, E),
    ("text_for_number.value", "BL204", E, E, E),
    ("text_length.value", "BL205", W, W, W),
    ("unset_length.value", "BL205", I, I, I),
    ("number_precision.value", "BL206", E, W, W),
    ("integer_too_wide.value", "BL207", I, E, E),
    ("not_required.value", "BL209", W, W, W),
    ("not_required_but_filled.value", "BL209", I, I, I),
    ("required_by_pydal.value", "BL209", I, I, I),
    ("default_value.value", "BL210", W, W, W),
    ("python_default.value", "BL211", W, W, W),
    ("python_onupdate.value", "BL211", W, W, W),
    ("computed.value", "BL215", E, E, E),
    ("numbering.id", "BL217", E, E, E),
    ("primary_key", "BL301", W, W, W),
    ("unique_missing.value", "BL302", W, W, W),
    ("link_missing.value", "BL304", W, W, W),
    ("link_target.value", "BL304", E, E, E),
    ("link_action.value", "BL306", W, W, W),
    ("boolean_letters.value", "BL401", E, None, E),
    ("naive_time.value", "BL402", W, W, W),
    ("base64_bytes.value", "BL403", E, E, E),
    ("uuid_text.value", "BL404", E, W, W),
    ("inexact_decimal.value", "BL405", W, E, E),
    ("list_storage.value", "BL406", W, W, W),
    ("json_in_text.value", "BL407", W, None, W),
    ("json_in_text.value", "BL204", None, E, None),
    ("pydal_migrates", "BL107", E, E, E),
    ("id_is_text.id", "BL108", E, E, E),
    ("id_is_text.id", "BL204", E, E, E),
    ("unknown_type.value", "BL109", E, E, E),
    ("undefined_reference.value", "BL110", E, E, E),
    ("reserved_word.order", "BL111", E, E, E),
    ("refused_name.update", "BL111", W, W, W),
    ("refused_name.update", "BL202", W, W, W),
    ("defined_twice", "BL112", E, E, E),
    ("definition_refused", "BL113", E, E, E),
]
IN_MODELS = {"table_unknown_to_pydal", "python_default.value", "python_onupdate.value"}


def expected_on(dialect: str) -> set[tuple[str, str, str]]:
    position = ENGINES.index(dialect)
    rows = {(place, code, each[position]) for place, code, *each in EXPECTED}
    return {(place, code, severity) for place, code, severity in rows if severity is not None}


@pytest.fixture(scope="module", params=ENGINES)
def judged_engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn; models and PyDAL are compared without a server."""
    return str(request.param)


@pytest.fixture(scope="module")
def report(load: Callable[[str], ModuleType], judged_engine: str) -> bilayer.Report:
    return bilayer.check(
        metadata=load("layers_models").metadata,
        dal=load("layers_tables").define,
        dialect=judged_engine,
        root=PROJECTS / "layers",
    )


@pytest.mark.parametrize(("place", "code"), [row[:2] for row in EXPECTED])
def test_difference_is_found_with_its_severity(
    report: bilayer.Report, judged_engine: str, place: str, code: str
) -> None:
    found = {(f.place, f.code, f.severity) for f in report.findings if f.place == place}

    wanted = {each for each in expected_on(judged_engine) if each[0] == place}

    assert found == wanted
    assert any(row[:2] == (place, code) for row in EXPECTED)


def test_nothing_else_is_found(report: bilayer.Report, judged_engine: str) -> None:
    found = {(f.place, f.code, f.severity) for f in report.findings}

    assert found == expected_on(judged_engine)
    assert report.failures == ()
    assert report.not_done == ()


def test_location_is_the_line_of_the_field(report: bilayer.Report) -> None:
    for finding in report.findings:
        path, _, number = (finding.location or "").rpartition(":")
        lines = (PROJECTS / "layers" / path).read_text().splitlines()
        nearby = "\n".join(lines[max(int(number) - 3, 0) : int(number) + 1])

        assert (finding.table or "") in nearby
        assert (path == "layers_models.py") == (finding.place in IN_MODELS), finding.place


def test_findings_stand_errors_first_then_by_table(report: bilayer.Report) -> None:
    ranks = [["error", "warning", "info"].index(f.severity) for f in report.findings]
    # A table that is made comes before all that may refer to it, one that goes behind.
    places = [
        {"table": 1, "no table": 3}.get((f.left or "") if f.code == "BL201" else "", 2)
        for f in report.findings
    ]
    names = [(f.table, f.column or "") for f in report.findings]
    keys = list(zip(ranks, places, names, strict=True))

    assert keys == sorted(keys)
    assert len(report.errors) + len(report.warnings) < len(report.findings)


def make_dal() -> Any:
    return pydal.DAL(None, migrate=False, migrate_enabled=False)


def check_one(column: sa.Column[Any], field: pydal.Field, **options: Any) -> list[str]:
    """Compare one column with one field, and give the codes that are more than an info."""
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), column)
    db = make_dal()
    db.define_table("t", field)
    report = bilayer.check(metadata=metadata, dal=db, **options)
    return [finding.code for finding in report.findings if finding.severity != "info"]


INERT: dict[str, tuple[TypeEngine[Any], dict[str, Any]]] = {
    "unset length over text": (sa.Text(), {"type": "string"}),
    "unset length over a longer column": (sa.String(2000), {"type": "string"}),
    "unicode": (sa.Unicode(20), {"type": "string", "length": 20}),
    "password": (sa.String(100), {"type": "password", "length": 100}),
    "smaller integer": (sa.SmallInteger(), {"type": "integer"}),
    "double": (sa.Double(), {"type": "double"}),
    "decimal": (sa.Numeric(10, 2), {"type": "decimal(10,2)"}),
    "date": (sa.Date(), {"type": "date"}),
    "enum as text": (
        sa.Enum("a", "b", name="letters"),
        {"type": "string", "length": 1, "requires": IS_IN_SET(["a", "b"])},
    ),
    "uuid as text": (sa.String(36), {"type": "string", "length": 36}),
}


@pytest.mark.parametrize("name", INERT)
@pytest.mark.parametrize("dialect", ENGINES)
def test_what_is_inert_or_the_same_is_not_reported(dialect: str, name: str) -> None:
    type_, options = INERT[name]

    found = check_one(sa.Column("x", type_), pydal.Field("x", **options), dialect=dialect)

    assert found == []


NATIVE: dict[str, TypeEngine[Any]] = {
    "uuid": shared.UUID(),
    "datetime": shared.UTCDateTime(),
    "decimal(10,2)": shared.ExactNumeric(10, 2),
    "json": shared.JSONDocument(),
    "string": shared.String(512),
    "text": shared.Text(),
    "boolean": sa.Boolean(create_constraint=False),
    "integer": sa.Integer(),
    "bigint": sa.BigInteger(),
    "double": sa.Double(),
    "date": sa.Date(),
    "blob": sa.LargeBinary(),
}


@pytest.mark.parametrize("field_type", NATIVE)
@pytest.mark.parametrize("dialect", ENGINES)
def test_native_types_agree_under_the_native_adapter(dialect: str, field_type: str) -> None:
    column: sa.Column[Any] = sa.Column("x", NATIVE[field_type])

    found = check_one(column, pydal.Field("x", field_type), dialect=dialect, adapter="native")

    assert found == []


def test_a_dal_says_itself_that_it_is_native() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Boolean)
    )
    db = make_dal()
    db.define_table("t", pydal.Field("x", "boolean"))

    stock = bilayer.check(metadata=metadata, dal=db)
    db._adapter.bilayer_native = True
    native = bilayer.check(metadata=metadata, dal=db)

    assert [finding.code for finding in stock.findings] == ["BL401"]
    assert native.findings == ()


@pytest.mark.parametrize(
    ("adapter", "codes"), [("postgres", ["BL406"]), ("postgres2", []), ("postgres3", [])]
)
def test_lists_are_judged_by_the_postgresql_adapter_in_use(adapter: str, codes: list[str]) -> None:
    column: sa.Column[Any] = sa.Column("x", sa.ARRAY(sa.Text()))

    found = check_one(
        column, pydal.Field("x", "list:string"), dialect="postgresql", adapter=adapter
    )

    assert found == codes


def test_reference_to_an_integer_key_agrees() -> None:
    metadata = sa.MetaData()
    sa.Table("p", metadata, sa.Column("id", sa.Integer, primary_key=True))
    link: sa.Column[int] = sa.Column("p", sa.ForeignKey("p.id", ondelete="CASCADE"))
    sa.Table("c", metadata, sa.Column("id", sa.Integer, primary_key=True), link)

    def define(db: Any) -> None:
        db.define_table("p")
        db.define_table("c", pydal.Field("p", "reference p"))

    assert bilayer.check(metadata=metadata, dal=define).findings == ()


def test_rname_is_the_name_in_the_database() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "orders",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("update", sa.Date),
    )

    def define(db: Any) -> None:
        db.define_table(
            "t_orders", pydal.Field("changed", "date", rname='"update"'), rname='"orders"'
        )

    assert bilayer.check(metadata=metadata, dal=define, dialect="postgresql").findings == ()


def test_several_metadata_are_one_schema() -> None:
    one, two = sa.MetaData(), sa.MetaData()
    sa.Table("a", one, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("b", two, sa.Column("id", sa.Integer, primary_key=True))

    def define(db: Any) -> None:
        db.define_table("a")
        db.define_table("b")

    assert bilayer.check(metadata=[one, two], dal=define).findings == ()


def test_a_definition_that_breaks_off_is_a_finding_and_a_failure() -> None:
    def define(db: Any) -> None:
        db.define_table("a")
        db.define_table("b", pydal.Field("drop"))

    report = bilayer.check(dal=define)

    assert [finding.code for finding in report.findings] == ["BL113"]
    assert (report.findings[0].location or "").startswith("tests/bilayer/drift/")
    assert report.exit_code == 2
    assert "drop" in str(report.failures[0])


def test_definitions_may_hold_queries_and_end_with_a_commit() -> None:
    def define(db: Any) -> None:
        db.define_table("p", pydal.Field("x", "boolean"))
        known = pydal.validators.IS_IN_DB(db(db.p.x == True), "p.id")  # noqa: E712 - PyDAL's ==
        db.define_table("t", pydal.Field("p", "reference p", requires=known))
        db.commit()

    report = bilayer.check(dal=define)

    assert report.findings == ()
    assert report.failures == ()


@pytest.mark.parametrize(
    ("key", "field_type", "severities"),
    [
        (sa.Integer(), "string", [W]),
        (sa.Integer(), "integer", []),
        (sa.Integer(), "id", []),
        (sa.String(40), "string", [E]),
    ],
)
def test_an_id_pydal_drops_is_found(
    key: TypeEngine[Any], field_type: str, severities: list[str]
) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", key, primary_key=True))

    def define(db: Any) -> None:
        db.define_table("t", pydal.Field("id", field_type))

    report = bilayer.check(metadata=metadata, dal=define, dialect="postgresql")

    found = [finding for finding in report.findings if finding.code == "BL108"]
    assert [finding.severity for finding in found] == severities
    assert all((f.location or "").startswith("tests/bilayer/drift/") for f in found)
    keys = {E: 'Field("id", "string", length=40, notnull=True),\nprimarykey=["id"],'}
    assert [f.fix for f in found] == [keys.get(each, 'Field("id", "id"),') for each in severities]


class Stubborn(sa.types.TypeDecorator[str]):
    """A type that cannot be asked anything."""

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        raise RuntimeError


def test_text_over_an_address_is_right_if_a_validator_sees_to_it() -> None:
    column: sa.Column[Any] = sa.Column("x", postgresql.INET())
    field = pydal.Field("x", requires=IS_EMPTY_OR(IS_IPADDRESS()))

    assert check_one(column, field, dialect="postgresql") == []


@pytest.mark.parametrize(("dialect", "codes"), [("postgresql", ["BL204"]), ("mysql", [])])
def test_text_over_char_comes_back_with_blanks(dialect: str, codes: list[str]) -> None:
    column: sa.Column[Any] = sa.Column("x", sa.CHAR(8))

    assert check_one(column, pydal.Field("x", length=8), dialect=dialect) == codes


@pytest.mark.parametrize(
    ("type_", "field_type", "codes"),
    [
        (Stubborn(), "string", ["BL115"]),  # no statement can be written for it
        (postgresql.INET(), "string", ["BL204"]),  # The server refuses what is no address.
        (postgresql.INET(), "integer", ["BL204"]),
        (postgresql.TSVECTOR(), "text", []),
    ],
)
def test_types_bilayer_does_not_know_are_text_to_pydal(
    type_: TypeEngine[Any], field_type: str, codes: list[str]
) -> None:
    column: sa.Column[Any] = sa.Column("x", type_)

    assert check_one(column, pydal.Field("x", field_type), dialect="postgresql") == codes


def test_a_schema_full_of_oddities_is_reported_and_does_not_crash(
    dialect: str, scratch_url: str | None
) -> None:
    metadata = sa.MetaData()
    sa.Table("link", metadata, sa.Column("a", sa.ForeignKey("nobody.id"), primary_key=True))
    sa.Table("keyless", metadata, sa.Column("x", sa.Integer))
    sa.Table("odd name", metadata, sa.Column("odd column", sa.Integer, primary_key=True))
    index = sa.Index("ix_lower", sa.func.lower(sa.column("s")))
    sa.Table(
        "t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("s", sa.Text), index
    )
    sa.Table("elsewhere", metadata, sa.Column("x", Stubborn()), schema="other")

    def define(db: Any) -> None:
        db.define_table("link", pydal.Field("a", "reference nobody"), primarykey=["a"])
        db.define_table("keyless", pydal.Field("x", "integer"))
        db.define_table("t", pydal.Field("s", "text", compute=lambda _row: "x"))

    report = bilayer.check(
        metadata=metadata, dal=define, dialect=dialect, scratch_url=scratch_url, values=True
    )

    assert {(f.code, f.table) for f in report.errors} == {
        ("BL110", "link"),
        ("BL115", "link"),
        ("BL115", "other.elsewhere"),
        ("BL120", "link"),
        ("BL202", "keyless"),
    }
    assert {f.table for f in report.warnings} == {"odd name", "other.elsewhere"}


def test_a_table_in_the_default_schema_has_one_name() -> None:
    metadata = sa.MetaData()
    sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True), schema="public")
    link: sa.Column[int] = sa.Column("a", sa.ForeignKey("public.a.id"))
    sa.Table("b", metadata, sa.Column("id", sa.Integer, primary_key=True), link)

    def define(db: Any) -> None:
        db.define_table("a")
        reference = pydal.Field("a", "reference a", ondelete="NO ACTION")
        db.define_table("other_name", reference, rname="public.b")

    report = bilayer.check(metadata=metadata, dal=define, dialect="postgresql")

    assert report.findings == ()


def test_a_field_defined_twice_is_found() -> None:
    metadata = sa.MetaData()
    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Text)
    sa.Table("t", metadata, *columns)

    def define(db: Any) -> None:
        db.define_table("t", pydal.Field("x", "text"), pydal.Field("x", "integer"))

    report = bilayer.check(metadata=metadata, dal=define)

    (finding,) = report.findings
    assert (finding.code, finding.table) == ("BL112", "t")
    assert "field x is defined twice" in finding.message


def test_a_field_its_template_has_already_is_found() -> None:
    metadata = sa.MetaData()
    for name in ("signature", "before", "behind"):
        sa.Table(
            name,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("x", sa.Integer if name == "before" else sa.String(20)),
        )

    def define(db: Any) -> None:
        db.define_table("signature", pydal.Field("x", length=20))
        db.define_table("before", pydal.Field("x", "integer"), db.signature)
        db.define_table("behind", db.signature, pydal.Field("x", "integer"))

    (finding,) = bilayer.check(metadata=metadata, dal=define).findings
    assert (finding.code, finding.table) == ("BL112", "behind")
    assert "by its template signature and again" in finding.message
