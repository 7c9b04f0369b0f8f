"""Statements of SQL are told apart, however they are written."""

from __future__ import annotations

import pytest

from bilayer.drift.lint.raw_sql import read_sql


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("/* a /* b */ DROP TABLE c; */ DROP TABLE t", [("drop_table", "t")]),
        ("SELECT '/* /*'; DROP TABLE t; SELECT '*/ */'", [("drop_table", "t")]),
        (
            "DO $$ BEGIN ALTER TABLE t ADD COLUMN x int; DROP TABLE u; END $$;",
            [("add_column", "t"), ("drop_table", "u")],
        ),
        (
            "do language plpgsql $a$ declare n int; begin if n then create index i on t (x);end$a$",
            [("create_index", "t")],
        ),
        ("ALTER TABLE t ADD (a int, b decimal(4, 2))", [("add_column", "t"), ("add_column", "t")]),
        ("CREATE FUNCTION f() AS $$ DROP TABLE t; $$ LANGUAGE sql", []),
        ("BEGIN; UPDATE t SET x = ';'; COMMIT", [("write_rows", "t")]),
    ],
)
def test_statements_are_told(text: str, steps: list[tuple[str, str]]) -> None:
    told = [(kind, table) for kind, table, _ in read_sql(text) if kind != "other"]

    assert told == steps
