"""Values through both layers: what stock adapters lose is found, what ours keep is not."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import pydal
import pytest
import sqlalchemy as sa

import bilayer
from bilayer import types as shared
from bilayer.drift.values.trial import are_same
from bilayer.runtime import Field

COLUMNS: dict[str, tuple[Any, str]] = {
    "flag": (sa.Boolean(create_constraint=False), "boolean"),
    "number": (sa.Integer(), "integer"),
    "big": (sa.BigInteger(), "bigint"),
    "price": (shared.ExactNumeric(18, 4), "decimal(18,4)"),
    "real": (sa.Double(), "double"),
    "name": (shared.String(40), "string"),
    "story": (shared.Text(), "text"),
    "day": (sa.Date(), "date"),
    "at": (shared.UTCDateTime(), "datetime"),
    "document": (shared.JSONDocument(), "json"),
    "picture": (sa.LargeBinary(), "blob"),
    "owner": (shared.UUID(), "uuid"),
    "tags": (shared.JSONDocument(), "list:string"),
    "parent": (None, "reference t"),
}


@pytest.fixture
def models() -> sa.MetaData:
    metadata = sa.MetaData()
    columns: list[sa.Column[Any]] = [
        sa.Column(name, type_ or sa.ForeignKey("t.id")) for name, (type_, _) in COLUMNS.items()
    ]
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def define_with(field: Any) -> Any:
    def define(db: Any) -> None:
        options: dict[str, dict[str, Any]] = {
            "name": {"length": 40},
            "parent": {"ondelete": "NO ACTION"},
        }
        fields = [field(name, t, **options.get(name, {})) for name, (_, t) in COLUMNS.items()]
        db.define_table("t", *fields)

    return define


def values_of(report: bilayer.Report) -> list[bilayer.Finding]:
    return [finding for finding in report.findings if finding.code.startswith("BL5")]


def test_the_runtime_keeps_every_value(
    models: sa.MetaData, dialect: str, scratch_url: str | None
) -> None:
    report = bilayer.check(
        metadata=models,
        dal=define_with(Field),
        dialect=dialect,
        scratch_url=scratch_url,
        adapter="native",
        values=True,
    )

    assert report.findings == ()
    assert report.failures == ()


def test_stock_adapters_lose_values(
    models: sa.MetaData, dialect: str, scratch_url: str | None
) -> None:
    report = bilayer.check(
        metadata=models,
        dal=define_with(pydal.Field),
        dialect=dialect,
        scratch_url=scratch_url,
        values=True,
    )

    found = {finding.column for finding in values_of(report)}
    broken = {finding.column for finding in values_of(report) if finding.severity == "error"}
    assert report.failures == ()
    assert {"at", "picture", "owner"} <= found
    assert ("flag" in broken) == (dialect != "postgresql")
    assert "picture" in broken
    assert "BL503" in {finding.code for finding in values_of(report) if finding.column == "picture"}
    assert not {"number", "big", "name", "story", "day", "id", "parent"} & found


def test_keys_and_references_are_tried(dialect: str, scratch_url: str | None) -> None:
    metadata = sa.MetaData()
    sa.Table("owner", metadata, sa.Column("id", sa.Uuid, primary_key=True))
    sa.Table(
        "pet",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("owner", sa.ForeignKey("owner.id")),
        sa.Column("friends", sa.Text),
    )

    def define(db: Any) -> None:
        db.define_table("owner")
        fields = ("owner", "reference owner"), ("friends", "list:reference pet")
        db.define_table("pet", *[pydal.Field(*each) for each in fields])

    report = bilayer.check(
        metadata=metadata, dal=define, dialect=dialect, scratch_url=scratch_url, values=True
    )

    broken = {each.place for each in values_of(report) if each.severity == "error"}
    assert broken == {"owner.id", "pet.owner", "pet.friends"}
    assert report.failures == ()


class Unknown(sa.types.UserDefinedType[str]):
    """A type of an extension that a new database does not have."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "no such ( type"


def test_a_type_that_cannot_be_made_hides_no_other(
    models: sa.MetaData, dialect: str, scratch_url: str | None
) -> None:
    models.tables["t"].append_column(sa.Column("odd", Unknown()))

    def define(db: Any) -> None:
        db.define_table("t", pydal.Field("odd"), pydal.Field("picture", "blob"))

    report = bilayer.check(
        metadata=models, dal=define, dialect=dialect, scratch_url=scratch_url, values=True
    )

    (failure,) = report.failures
    assert "t.odd could not be tried" in str(failure)
    assert {finding.column for finding in values_of(report)} == {"picture"}


def test_what_is_found_shows_the_value_in_stored_and_out(models: sa.MetaData) -> None:
    report = bilayer.check(metadata=models, dal=define_with(pydal.Field), values=True)

    flag = next(f for f in values_of(report) if f.place == "t.flag" and f.code == "BL501")
    assert "True, stored as 1: False" in flag.message
    assert (flag.left, flag.right, flag.severity) == ("True", "False", "error")


def test_values_need_both_layers_and_a_database(models: sa.MetaData) -> None:
    alone = bilayer.check(dal=define_with(pydal.Field), values=True)
    homeless = bilayer.check(
        metadata=models, dal=define_with(pydal.Field), dialect="mysql", values=True
    )

    assert "values: needs both metadata and dal" in alone.not_done
    assert homeless.not_done[0].startswith("values on mysql: needs a scratch_url")


UTC = dt.UTC


@pytest.mark.parametrize(
    ("one", "two", "is_same"),
    [
        (1, True, False),
        (decimal.Decimal("1.10"), decimal.Decimal("1.1"), True),
        (decimal.Decimal(1), 1.0, False),
        (uuid.UUID(int=1), str(uuid.UUID(int=1)), False),
        (dt.datetime(2026, 1, 1, tzinfo=UTC), dt.datetime(2026, 1, 1), False),
        (dt.datetime(2026, 1, 1, 12, tzinfo=UTC), dt.datetime(2026, 1, 1, 12, tzinfo=UTC), True),
        ([1, {"a": True}], [1, {"a": 1}], False),
        (None, None, True),
    ],
)
def test_values_are_the_same_only_with_their_kind(one: Any, two: Any, *, is_same: bool) -> None:
    assert are_same(one, two) is is_same
