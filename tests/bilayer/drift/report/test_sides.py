"""What the page sets side by side: rows, engines, PyDAL's fields, and marks of what differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydal
import sqlalchemy as sa

import bilayer
from bilayer.drift.constraints import CatalogObject, Unique
from bilayer.drift.report import Described, Report
from bilayer.drift.snapshot import Column, Table, Type
from tests.bilayer.drift.project import CREATE, write_project
from tests.bilayer.drift.report.pages import (
    Page,
    finding,
    orders,
    report,
    schema,
)  # fmt: skip

FOUND = report(
    finding(),
    finding("warning", pair="models-runtime", column=None, engine="postgresql", fix=None),
    finding("info", code="BL303", table="gone", left=None, right=None),
    finding("error", code="BL101", pair="setup", table=None, column=None),
)


def test_what_differs_is_marked_and_leads_to_its_finding() -> None:
    page = Page(FOUND.to_html())

    rows = page.rows("table-orders")
    marked = [cell.text.startswith("≠") for cell in rows["total"][:-1]]
    assert marked == [True, True, False]
    assert [link.attributes["href"] for link in rows["total"][-1].find("a")] == ["#f2"]
    assert FOUND.findings[1].column == "total"
    # One that names no column and no constraint belongs to the table.
    assert "BL205" in rows["table"][-1].text
    assert not rows["id"][-1].find("a")


def test_constraint_is_found_by_what_the_finding_says_of_it() -> None:
    said = "ck_orders_total CHECK (total <> '')"
    page = Page(report(finding(code="BL305", left=said, column=None)).to_html())

    rows = page.rows("table-orders")
    assert "BL305" in rows["ck_orders_total"][-1].text
    assert rows["ck_orders_total"][0].text == "≠ CHECK (total <> '')"


def test_constraint_that_waits_is_marked_by_its_name() -> None:
    link = replace(orders().foreign_keys[0], is_valid=False)
    both = Described(
        "sqlite",
        migrations=schema("sqlite", orders()),
        database=schema("sqlite", replace(orders(), foreign_keys=(link,))),
    )
    message = "constraint fk_orders_user_id of orders is not validated"
    found = finding(code="BL307", column="user_id", pair="migrations-database", message=message)

    rows = Page(report(found, described=[both]).to_html()).rows("table-orders")

    valid = "≠ → users(id) ON DELETE CASCADE"
    assert [cell.text for cell in rows["(user_id)"][:2]] == [valid, f"{valid} NOT VALID"]
    assert "BL307" in rows["(user_id)"][2].text


def test_constraints_meet_by_meaning_and_else_by_name() -> None:
    left = replace(
        orders(), uniques=(Unique(("id", "total"), "uq_a"), Unique(("user_id",), "uq_models"))
    )
    right = replace(
        orders(), uniques=(Unique(("user_id",), "uq_database"), Unique(("total",), "uq_a"))
    )
    both = Described("sqlite", models=schema("sqlite", left), database=schema("sqlite", right))

    rows = Page(report(described=[both]).to_html()).rows("table-orders")

    assert [cell.text for cell in rows["uq_a"]] == ["(id, total)", "(total)"]
    assert [cell.text for cell in rows["uq_models"]] == ["(user_id)", "uq_database (user_id)"]
    assert "uq_database" not in rows


def test_views_and_triggers_have_a_row() -> None:
    view = CatalogObject("view", "totals", "SELECT 1", "CREATE VIEW", "DROP VIEW")
    trigger = replace(view, kind="trigger", name="noted", table="orders", is_enabled=False)
    said = replace(schema("sqlite", orders()), objects=(view, trigger))
    both = Described("sqlite", models=schema("sqlite", orders()), database=said)

    found = finding(
        "warning", code="BL221", pair="models-database", table="totals", column=None,
        message="view totals is in one only", engine=None,
    )  # fmt: skip
    page = Page(report(found, described=[both]).to_html())

    assert [cell.text for cell in page.rows("table-totals")["view totals"]] == [
        "≠ –", "≠ SELECT 1", "▲ BL221 warning",
    ]  # fmt: skip
    cells = page.rows("table-orders")["trigger noted"]
    assert [cell.text for cell in cells] == ["none", "SELECT 1 (disabled)"]


def test_engines_share_what_they_agree_on() -> None:
    rows = Page(FOUND.to_html()).rows("table-orders")

    assert rows["user_id"][0].text == "BIGINT NOT NULL"
    lines = rows["id"][0].find("span", "l")
    assert [(line.attributes["data-e"], line.text) for line in lines] == [
        ("sqlite", "INTEGER NOT NULL numbered sqlite"),
        ("postgresql", "BIGINT NOT NULL numbered postgresql"),
    ]
    assert rows["id"][1].text == "as models"


def test_pydal_is_shown_by_its_fields_and_no_constraint_it_cannot_know() -> None:
    rows = Page(FOUND.to_html()).rows("table-orders")

    assert rows["total"][2].text == "name 'amount', 'string', length=40, notnull=True"
    assert rows["(user_id)"][2].text == "reference users, ondelete='CASCADE'"
    assert rows["(user_id)"][0].find("a")[0].attributes["href"] == "#table-users"
    assert rows["uq_orders_total"][2].text == "none"
    assert rows["ix_orders_user_id"][2].text == "–"


def test_source_without_the_table_says_so_and_unread_source_is_no_column() -> None:
    page = Page(FOUND.to_html())

    heads = [each.text for each in page.by_id("table-users").find("thead")[0].find("th")]
    assert heads == ["Column", "Models", "Migrations", "PyDALdoes not have it"]
    assert "Database: not read" in page.root.find("header")[0].text


def test_names_in_another_case_stand_in_one_row() -> None:
    upper = Table("Orders", (Column("ID", Type("integer", "INTEGER")),))
    lower = Table("orders", (Column("id", Type("integer", "INTEGER")),))
    both = Described("sqlite", models=schema("sqlite", upper), database=schema("sqlite", lower))

    page = Page(report(described=[both]).to_html())

    assert [cell.text for cell in page.rows("table-Orders")["ID"]] == ["INTEGER", "INTEGER"]
    assert len(page.root.find("details")) == 1


def test_tables_that_differ_in_case_only_stay_apart() -> None:
    tables = [Table(name, (Column("id", Type("integer", name)),)) for name in ("Orders", "orders")]
    both = Described("sqlite", models=schema("sqlite", *tables))

    page = Page(report(described=[both]).to_html())

    assert [page.rows(f"table-{name}")["id"][0].text for name in ("Orders", "orders")] == [
        "Orders", "orders",
    ]  # fmt: skip


def test_check_keeps_what_each_source_said(tmp_path: Path) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Text))
    live = sa.create_engine(f"sqlite:///{tmp_path / 'live.db'}")
    with live.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (id INTEGER PRIMARY KEY, old TEXT)"))
    live.dispose()

    def define(db: pydal.DAL) -> None:
        db.define_table("t", pydal.Field("a", "text"))

    found = bilayer.check(
        metadata=metadata,
        dal=define,
        migrations=write_project(tmp_path, first=CREATE),
        url=live.url,
    )

    (said,) = Report.merge([found]).described
    assert said.models is not None
    assert said.migrations is not None
    assert said.runtime is not None
    assert said.database is not None
    assert [column.name for column in said.models.tables["t"].columns] == ["id", "a"]
    assert [column.name for column in said.migrations.tables["t"].columns] == ["id"]
    assert [column.name for column in said.database.tables["t"].columns] == ["id", "old"]
    rows = Page(found.to_html()).rows("table-t")
    assert [cell.text for cell in rows["a"][:4]] == ["≠ TEXT", "≠ none", "≠ none", "≠ 'text'"]
    assert len(page_ids := rows["a"][4].find("a")) >= 2, page_ids
