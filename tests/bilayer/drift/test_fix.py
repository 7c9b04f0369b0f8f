"""Fixes are text that can be applied as it stands: applied, nothing is left to find."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from pydal.validators import IS_EMPTY_OR, IS_IN_SET
from sqlalchemy.dialects import postgresql

import bilayer
from app.db.models import metadata as application
from bilayer import types as shared
from bilayer.runtime import Field

ENGINES = ["sqlite", "postgresql", "mysql"]
VALIDATORS = {"IS_EMPTY_OR": IS_EMPTY_OR, "IS_IN_SET": IS_IN_SET}


def every_type() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "numbered",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("flag", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("count", sa.BigInteger, nullable=False, server_default="7"),
        sa.Column("price", shared.ExactNumeric(10, 2)),
        sa.Column("ratio", sa.Double),
        sa.Column("kind", shared.String(20), nullable=False, server_default='it\'s "so"'),
        sa.Column("story", shared.Text()),
        sa.Column("day", sa.Date),
        sa.Column("hour", sa.Time),
        sa.Column("at", shared.UTCDateTime(), nullable=False, server_default=shared.utcnow()),
        sa.Column("document", shared.JSONDocument(), nullable=False, server_default='{"a": [1]}'),
        sa.Column("picture", sa.LargeBinary),
        sa.Column("colour", sa.Enum("red", "green", name="colour")),
    )
    sa.Table(
        "keyed",
        metadata,
        sa.Column("owner", shared.UUID(), primary_key=True),
        sa.Column("part", shared.String(8), primary_key=True),
    )
    return metadata


def apply(db: Any, fixes: list[str]) -> None:
    for fix in fixes:
        exec(fix, {"db": db, "Field": Field, **VALIDATORS})


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("models", [application, every_type()], ids=["application", "types"])
def test_written_tables_agree_with_the_models(models: sa.MetaData, dialect: str) -> None:
    options: dict[str, Any] = {"metadata": models, "dialect": dialect, "adapter": "native"}
    empty = bilayer.check(dal=lambda _db: None, **options)
    fixes = [finding.fix or "" for finding in empty.findings]

    report = bilayer.check(dal=lambda db: apply(db, fixes), **options)

    assert [finding.code for finding in empty.findings] == ["BL201"] * len(models.tables)
    assert report.findings == ()
    assert report.failures == ()


@pytest.mark.parametrize("column", ["flag", "count", "kind", "document", "at", "colour"])
def test_written_field_agrees_with_its_column(column: str) -> None:
    models = every_type()
    options: dict[str, Any] = {"metadata": models, "adapter": "native"}
    whole = bilayer.check(dal=lambda _db: None, **options)
    table = next(f.fix or "" for f in whole.findings if f.table == "numbered")
    lines = [line for line in table.splitlines() if f'Field("{column}"' not in line]
    without = "\n".join(lines)

    missing = bilayer.check(dal=lambda db: apply(db, [without]), **options)
    field = next(f.fix or "" for f in missing.findings if f.column == column)
    mended = without.removesuffix(")") + f"    {field}\n)"
    report = bilayer.check(dal=lambda db: apply(db, [mended]), **options)

    left = {finding.place for finding in report.findings if finding.severity != "info"}
    assert left == {"keyed"}


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("name", ["a b", "\u00dcn\u00ef", "update", "1st", "class"])
def test_names_that_pydal_refuses_get_an_rname(dialect: str, name: str) -> None:
    models = sa.MetaData()
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("t", models, key, sa.Column(name, sa.Integer))
    options: dict[str, Any] = {"metadata": models, "dialect": dialect}

    missing = bilayer.check(dal=lambda db: db.define_table("t"), **options)
    (field,) = {f.fix or "" for f in missing.findings}
    report = bilayer.check(dal=lambda db: apply(db, [f'db.define_table("t", {field})']), **options)

    assert report.findings == ()
    assert report.failures == ()


@pytest.mark.parametrize(
    ("type_", "field"),
    [(sa.Interval(), "string"), (postgresql.ARRAY(sa.Integer), "list:integer")],
    ids=["interval", "array"],
)
def test_what_no_field_can_hold_gets_no_field(type_: Any, field: str) -> None:
    models = sa.MetaData()
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("t", models, key, sa.Column("a", type_))

    for fields in ([], [Field("a", field)]):
        report = bilayer.check(
            metadata=models,
            dal=lambda db, fields=fields: db.define_table("t", *fields),
            dialect="postgresql",
            adapter="postgres",
        )

        assert [finding.fix for finding in report.findings] == [None]


def test_decimal_without_a_precision_gets_no_field_that_rounds() -> None:
    models = sa.MetaData()
    id_ = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("t", models, id_, sa.Column("price", sa.Numeric))

    report = bilayer.check(
        metadata=models, dal=lambda db: db.define_table("t"), dialect="postgresql"
    )

    assert [(f.place, f.fix) for f in report.findings] == [("t.price", None)]


@pytest.mark.parametrize("dialect", ENGINES)
def test_names_that_become_one_are_told_apart(dialect: str) -> None:
    models = sa.MetaData()
    # On MariaDB a double quote in an rname is taken for another engine's quote (BL119).
    names = ["a b", "a_b", "a-b", *(['so "called"'] if dialect != "mysql" else [])]
    columns = [sa.Column(name, sa.Integer) for name in names]
    sa.Table("t", models, sa.Column("id", sa.Integer, primary_key=True), *columns)
    options: dict[str, Any] = {"metadata": models, "dialect": dialect, "adapter": "native"}

    (fix,) = (each.fix or "" for each in bilayer.check(dal=lambda _db: None, **options).findings)
    report = bilayer.check(dal=lambda db: apply(db, [fix]), **options)

    assert report.findings == ()
    assert report.failures == ()
