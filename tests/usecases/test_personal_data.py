"""No column of any table is forgotten: not when a person is exported, not when they are erased."""

import re

import pytest
import sqlalchemy as sa

from app.db.models import metadata
from app.usecases.personal_data import ELSEWHERE, HOLDINGS, Holding

# ``query_hash`` is the client's own name for a question.
SECRET = re.compile(r"hash|token|secret|digest|fingerprint|password|_key$")


def table_of(holding: Holding) -> sa.Table:
    return metadata.tables[holding.owned.table]


def holdings() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("holding", HOLDINGS, ids=lambda one: one.owned.table)


def test_every_table_is_declared_once() -> None:
    names = [holding.owned.table for holding in HOLDINGS]

    assert sorted([*names, *ELSEWHERE]) == sorted(metadata.tables)


def test_no_table_that_says_whose_its_rows_are_is_left_out() -> None:
    owned = {name for name, table in metadata.tables.items() if "user_id" in table.columns}

    # A claim is by outside ids, and what it is about stands in the purchase.
    assert owned & set(ELSEWHERE) == {"stripe_objects"}


@holdings()
def test_each_column_is_kept_for_a_reason_or_erased(holding: Holding) -> None:
    columns = set(table_of(holding).columns.keys())

    if holding.kept:
        assert set(holding.kept) | set(holding.emptied) == columns
        assert set(holding.kept) & set(holding.emptied) == set()
    else:
        assert holding.emptied == {}  # The rows go.
    assert all(holding.kept.values())


@holdings()
def test_each_column_is_exported_or_withheld_for_a_reason(holding: Holding) -> None:
    columns = set(table_of(holding).columns.keys())
    secrets = {name for name in columns if SECRET.search(name)} - {"query_hash"}

    if not holding.section:
        assert set(holding.withheld) == {"*"}
    else:
        assert set(holding.withheld) <= columns
        assert secrets <= set(holding.withheld)
    assert all(holding.withheld.values())


@holdings()
def test_rows_are_told_apart_by_their_key(holding: Holding) -> None:
    key = [column.name for column in table_of(holding).primary_key]

    assert [holding.owned.owner, *holding.owned.order] == key


def test_sections_have_names_of_their_own() -> None:
    sections = [holding.section for holding in HOLDINGS if holding.section]

    assert len(set(sections)) == len(sections)


def test_free_text_is_never_kept() -> None:
    texts = {"reason", "description", "payload", "result", "body", "preferences", "address"}

    kept = {(h.owned.table, name) for h in HOLDINGS for name in h.kept if name in texts}

    assert kept == set()
