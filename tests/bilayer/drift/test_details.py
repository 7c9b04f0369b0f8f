"""Details only the engine itself can tell: each is found, and its other spellings are not."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydal import Field
from sqlalchemy.dialects import mysql, postgresql

import bilayer
from tests.bilayer.drift.project import write_project

Found = list[tuple[str, str, str | None]]
Row = tuple[str, list[Any], list[str], Found]
SETUP = {"BL106"}
"""The env.py of a project written for a test knows none of these tables."""
APART = r"\b(?:t|ix|(?<=INDEX )u|(?<=CONSTRAINT )u)\b"
"""What is of one row only, and has its number."""
KEYS = {
    "sqlite": "INTEGER NOT NULL PRIMARY KEY",
    "postgresql": "SERIAL PRIMARY KEY",
    "mysql": "INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY",
}


def find(folder: Path, dialect: str, scratch_url: str | None, rows: Sequence[Row]) -> list[Found]:
    """Compare the table ``t`` each row has in the models with the one its SQL makes, at once."""
    metadata = sa.MetaData()
    body = []
    for number, (_, items, statements, _) in enumerate(rows):
        for item in items:
            if isinstance(item, sa.Index | sa.UniqueConstraint):
                item.name = f"{item.name}_{number}"
        key = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table(f"t_{number}", metadata, key, *items)
        for each in statements:
            sql = each.replace("KEY ", f"id {KEYS[dialect]}, ", 1)
            own = re.sub(APART, rf"\g<0>_{number}", sql)
            body.append(f"op.execute(sa.text({own!r}))")
    report = bilayer.check(
        metadata=metadata,
        migrations=write_project(folder, first="\n".join(body)),
        dialect=dialect,
        scratch_url=scratch_url,
    )
    assert report.failures == ()
    assert {f.table for f in report.findings} <= metadata.tables.keys()
    return [
        [
            (f.code, f.severity, f.column)
            for f in report.findings
            if f.table == f"t_{number}" and f.code not in SETUP
        ]
        for number in range(len(rows))
    ]


def column(name: str, type_: Any = sa.Integer, *items: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, *items, **options)


SQLITE: list[Row] = [
    (
        "expression index missing",
        [column("a", sa.String(9)), sa.Index("ix", sa.text("lower(a)"))],
        ["CREATE TABLE t (KEY a VARCHAR(9))"],
        [("BL303", "warning", None)],
    ),
    (
        "expression index",
        [column("a", sa.String(9)), sa.Index("ix", sa.text("lower(a)"))],
        ["CREATE TABLE t (KEY a VARCHAR(9))", 'create index ix on "t"(LOWER(a))'],
        [],
    ),
    (
        "partial unique in lower case against a full one",
        [column("a"), column("b"), sa.Index("ix", "a", unique=True)],
        ["CREATE TABLE t (KEY a INTEGER, b INTEGER)", "create unique index ix on t (a) where b=0"],
        [("BL302", "warning", "a")],
    ),
    (
        "partial unique in lower case",
        [
            column("a"),
            column("b"),
            sa.Index("ix", "a", unique=True, sqlite_where=sa.text("b = 0")),
        ],
        ["CREATE TABLE t (KEY a INTEGER, b INTEGER)", "create unique index ix on t(a) where b=0"],
        [],
    ),
    (
        "checks of columns on one line",
        [column("b"), column("c"), sa.CheckConstraint("b > 0"), sa.CheckConstraint("c > (0)")],
        ["CREATE TABLE t (KEY b INTEGER constraint x check (b > 0), c INTEGER check (c > (0)))"],
        [],
    ),
    (
        "check with needless parentheses",
        [column("a"), column("k", sa.String(9)), sa.CheckConstraint("a > 0 AND k IN ('x')")],
        ["CREATE TABLE t (KEY a INTEGER, k VARCHAR(9), CHECK ((a>0) and (k in ('x'))))"],
        [],
    ),
    (
        "generated column on one line",
        [column("f", sa.Integer, sa.Computed("id+1", persisted=True)), column("g")],
        ["CREATE TABLE t (KEY f INTEGER generated always as (id+1) stored, g INTEGER)"],
        [],
    ),
    (
        "generated column with another expression",
        [column("f", sa.Integer, sa.Computed("id+1", persisted=True)), column("g")],
        ["CREATE TABLE t (KEY f INTEGER generated always as (id+2) stored, g INTEGER)"],
        [("BL215", "error", "f")],
    ),
]


POSTGRESQL: list[Row] = [
    (
        "nulls not distinct",
        [column("a"), sa.UniqueConstraint("a", postgresql_nulls_not_distinct=True, name="u")],
        ["CREATE TABLE t (KEY a INT, CONSTRAINT u UNIQUE (a))"],
        [("BL302", "warning", "a")],
    ),
    (
        "deferrable unique",
        [column("a"), sa.UniqueConstraint("a", deferrable=True, initially="DEFERRED", name="u")],
        ["CREATE TABLE t (KEY a INT, CONSTRAINT u UNIQUE (a))"],
        [("BL302", "warning", "a")],
    ),
    (
        "same deferrable unique",
        [column("a"), sa.UniqueConstraint("a", deferrable=True, initially="DEFERRED", name="u")],
        ["CREATE TABLE t (KEY a INT, CONSTRAINT u UNIQUE (a) DEFERRABLE INITIALLY DEFERRED)"],
        [],
    ),
    (
        "included columns",
        [column("a"), sa.Index("u", "a", unique=True, postgresql_include=["id"])],
        ["CREATE TABLE t (KEY a INT)", "CREATE UNIQUE INDEX u ON t (a)"],
        [("BL302", "warning", "a")],
    ),
    (
        "match full",
        # Its own table: the number is that of this row.
        [column("a"), sa.ForeignKeyConstraint(["a"], ["t_4.id"], match="FULL")],
        ["CREATE TABLE t (KEY a INT REFERENCES t (id))"],
        [("BL306", "warning", "a")],
    ),
    (
        "identity always against serial",
        [column("a", sa.Integer, sa.Identity(always=True))],
        ["CREATE TABLE t (KEY a SERIAL)"],
        [("BL217", "warning", "a")],
    ),
    (
        "char against varchar",
        [column("a", sa.CHAR(10))],
        ["CREATE TABLE t (KEY a VARCHAR(10))"],
        [("BL204", "warning", "a")],
    ),
    (
        "interval precision",
        [column("a", postgresql.INTERVAL(precision=3))],
        ["CREATE TABLE t (KEY a INTERVAL)"],
        [("BL204", "warning", "a")],
    ),
]
MARIADB: list[Row] = [
    (
        f"{type_} against {text}",
        [column("a", type_)],
        [f"CREATE TABLE t (KEY a {text})"],
        [("BL204", "warning", "a")],
    )
    for type_, text in [
        (sa.Text(), "LONGTEXT"),
        (sa.Text(), "TINYTEXT"),
        (sa.CHAR(10), "VARCHAR(10)"),
        (sa.BINARY(16), "VARBINARY(16)"),
        (mysql.MEDIUMINT(), "INT"),
        (mysql.TIMESTAMP(), "DATETIME"),
        (mysql.SET("a", "b"), "SET('a','b','c')"),
    ]
] + [
    (
        "stored against virtual",
        [column("a", sa.Integer, sa.Computed("1+1", persisted=True))],
        ["CREATE TABLE t (KEY a INT GENERATED ALWAYS AS (1+1) VIRTUAL)"],
        [("BL215", "warning", "a")],
    ),
    ("display width", [column("a", sa.BigInteger)], ["CREATE TABLE t (KEY a BIGINT(7))"], []),
]
ROWS = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mysql": MARIADB}


def test_details_of_an_engine(tmp_path: Path, dialect: str, scratch_url: str | None) -> None:
    rows = ROWS[dialect]
    expected = {name: findings for name, _, _, findings in rows}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find(tmp_path, dialect, scratch_url, rows)

    assert dict(zip(expected, found, strict=True)) == expected


@pytest.mark.parametrize(
    ("order", "is_found"),
    [("id, a, b", False), ("id, a, b, c", False), ("id, b, a, c", True)],
    ids=["missing", "appended", "other"],
)
def test_a_column_that_was_appended_is_not_out_of_order(
    tmp_path: Path, order: str, *, is_found: bool
) -> None:
    names = [name for name in order.split(", ") if name != "id"]
    body = ", ".join(f"{name} INTEGER" for name in names)
    items = [column(name) for name in ("c", "a", "b") if name in names]

    (found,) = find(
        tmp_path, "sqlite", None, [(order, items, [f"CREATE TABLE t (KEY {body})"], [])]
    )

    assert [code for code, _, _ in found] == (["BL212"] if is_found else [])


def test_column_order_of_a_live_database_stands_on_the_right(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/live.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT)")
    engine.dispose()

    report = bilayer.check(
        dal=lambda db: db.define_table("t", Field("b", "integer"), Field("a", "integer")), url=url
    )

    (finding,) = [f for f in report.findings if f.code == "BL212"]
    assert (finding.left, finding.right) == ("id, b, a", "id, a, b")


def test_a_live_database_with_odd_indexes_is_read_without_a_warning(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/live.db"
    statements = [
        "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a INTEGER)",
        "CREATE UNIQUE INDEX u ON t (a) where a > 0",
        "CREATE INDEX i ON t (abs(a))",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('first')",
    ]
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    body = "\n".join(f"op.execute({statement!r})" for statement in statements[:3])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = bilayer.check(migrations=write_project(tmp_path, first=body), url=url)

    assert report.failures == ()
    assert report.findings == ()
