"""Statements that leave the scratch database are told from those that only look like it."""

from __future__ import annotations

import pytest

from bilayer.drift.readers.fence import StatementRefused, require_inside


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE live.customers",
        "drop table `Live` . `customers`",
        "/*!50003 DROP TABLE live.customers */",
        "SELECT 1; USE live",
        "CREATE OR REPLACE DATABASE x",
        "DROP SCHEMA x",
        "ALTER USER app IDENTIFIED BY 'x'",
        "DROP ROLE app",
    ],
)
def test_statement_that_leaves_the_database_is_refused(statement: str) -> None:
    with pytest.raises(StatementRefused):
        require_inside(statement, is_mysql=True, others={"live"})


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES ('DROP TABLE live.customers; USE live')",
        "SELECT t.live FROM t -- live.customers",
        "SELECT 'it''s', \"a\", 1.5 FROM information_schema.tables",
        "ALTER TABLE t DROP COLUMN user",
        "CREATE ROLE app",
        "CREATE TABLE live (id INTEGER)",
    ],
)
def test_statement_that_stays_is_let_through(statement: str) -> None:
    require_inside(statement, is_mysql=True, others={"live", "information_schema"})


@pytest.mark.parametrize("statement", ["DROP ROLE app", "DO $$ BEGIN DROP DATABASE x; END $$"])
def test_what_belongs_to_the_whole_server_is_refused_on_postgresql(statement: str) -> None:
    with pytest.raises(StatementRefused):
        require_inside(statement, is_mysql=False)


def test_schema_of_postgresql_may_be_dropped() -> None:
    require_inside("DROP SCHEMA app; DROP TABLE other.t", is_mysql=False)
