"""Fixes of schemas run as they stand: in a revision, on tables with rows, on a live database."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

import bilayer
from bilayer import types
from tests.bilayer.drift.catalog import STAMP
from tests.bilayer.drift.project import write_project, write_revision
from tests.bilayer.drift.test_fixes_applied import apply, found, run_all, split

OLD = """
op.create_table("t", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(20), server_default="new"),
    sa.Column("size", sa.String(20), server_default="1"), sa.Column("code", sa.Integer))
op.create_index("extra", "t", ["code"], unique=True)
op.execute("INSERT INTO t (code) VALUES (1)")
"""


@pytest.fixture
def models() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.Enum("new", "done", name="state_words"), server_default="new"),
        sa.Column("size", sa.Integer, server_default="1"),
        sa.Column("code", sa.Integer),
        sa.Column("colour", sa.Enum("red", "green", name="colour_words")),
        sa.Column("label", types.String(40)),
    )
    return metadata


def test_operations_run_as_they_stand_in_a_table_with_rows(
    models: sa.MetaData, tmp_path: Path, scratch_url: str | None, dialect: str
) -> None:
    if dialect != "postgresql":
        pytest.skip("types of their own, casts and defaults are in the way on PostgreSQL only")
    config = write_project(tmp_path, first=OLD)
    before = bilayer.check(
        metadata=models, migrations=config, dialect=dialect, scratch_url=scratch_url
    )

    fixes = [split(finding.fix)[:2] for finding in before.findings if finding.fix]
    write_revision(tmp_path, "second", "first", "\n".join(part for fix in fixes for part in fix))
    after = bilayer.check(
        metadata=models, migrations=config, dialect=dialect, scratch_url=scratch_url
    )

    assert len(fixes) >= 5
    assert after.failures == ()
    assert [finding for finding in after.findings if finding.code != "BL106"] == []


def test_not_null_column_says_what_rows_do_to_it(tmp_path: Path) -> None:
    metadata = sa.MetaData()
    id_ = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("t", metadata, id_, sa.Column("code", sa.Integer, nullable=False))
    sa.Table("u", metadata, id_._copy(), sa.Column("code", sa.Integer, nullable=False))
    bare = 'op.create_table("u", sa.Column("id", sa.Integer, primary_key=True))'
    config = write_project(tmp_path, first=f"{OLD}\n{bare}")

    report = bilayer.check(metadata=metadata, migrations=config)

    notes = {(f.code, f.place): split(f.fix)[1].splitlines()[0] for f in report.findings if f.fix}
    assert notes["BL209", "t.code"] == "# Fails where a row has no value: give every row one first."
    assert notes["BL202", "u.code"].startswith("# Fails where there are rows: add it nullable")


def test_column_keeps_default_comment_and_numbering_on_mariadb(
    tmp_path: Path, empty_database_url: str, scratch_url: str | None, dialect: str
) -> None:
    if dialect != "mysql":
        pytest.skip("MODIFY is MariaDB's")
    first = (
        'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True),\n'
        '    sa.Column("a", sa.String(50), nullable=False, server_default="x", comment="hi"))'
    )
    config = write_project(tmp_path, first=first)
    live = sa.create_engine(empty_database_url)
    columns = (
        "id SMALLINT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(40) NOT NULL DEFAULT 'x' COMMENT 'hi'"
    )
    with live.begin() as connection:
        for statement in (
            f"CREATE TABLE t ({columns})",
            "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('first')",
        ):
            connection.exec_driver_sql(statement)

    before = bilayer.check(migrations=config, url=live.url, scratch_url=scratch_url)
    with live.begin() as connection:
        for finding in before.findings:
            connection.exec_driver_sql(finding.fix or "")
    live.dispose()
    after = bilayer.check(migrations=config, url=live.url, scratch_url=scratch_url)

    assert {finding.place for finding in before.findings} == {"t.id", "t.a"}
    assert after.findings == ()


KEPT = (
    """CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a VARCHAR({1}) COLLATE NOCASE,
    b INTEGER{0}, c INTEGER GENERATED ALWAYS AS (b + 1) STORED, d TEXT, CHECK (b < 99))""",
    "CREATE INDEX plain ON t (a)",
    "CREATE INDEX some ON t (b) WHERE b > 2",
    "CREATE INDEX lowered ON t (lower(a))",
    "CREATE INDEX down ON t (b DESC)",
    "CREATE UNIQUE INDEX one ON t (d DESC)",
    "CREATE TRIGGER counted AFTER INSERT ON t BEGIN SELECT ':x'; END",
    "CREATE VIEW seen AS SELECT a FROM t",
    "CREATE TABLE bare (id INTEGER PRIMARY KEY, a VARCHAR({1})) WITHOUT ROWID",
    "CREATE TABLE quiet (id INTEGER PRIMARY KEY, b INTEGER UNIQUE ON CONFLICT IGNORE{0})",
)


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")  # what is to be kept
def test_copy_of_a_table_keeps_what_alembic_does_not(
    tmp_path: Path, empty_database_url: str, dialect: str
) -> None:
    if dialect != "sqlite":
        pytest.skip("only SQLite's tables are copied")
    config = write_project(tmp_path, first=run_all(each.format(" NOT NULL", 20) for each in KEPT))
    live = sa.create_engine(empty_database_url)
    with live.begin() as connection:
        for statement in (*(each.format("", 10) for each in KEPT), *STAMP):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("INSERT INTO t (id, a, b) VALUES (7, 'A', 3)")

    before = bilayer.check(migrations=config, url=live.url)
    with live.begin() as connection:
        # As a fix leaves it that failed in the middle.
        connection.exec_driver_sql("CREATE TABLE _alembic_tmp_t (id INTEGER)")
        for finding in filter(lambda finding: finding.fix, before.findings):
            apply(finding.fix or "", connection)
        rows = connection.exec_driver_sql("SELECT id, a, b, c FROM t").all()
    after = bilayer.check(migrations=config, url=live.url)
    live.dispose()

    mended = [(finding.code, finding.place) for finding in before.findings if finding.fix]
    assert sorted(mended) == [("BL205", "bare.a"), ("BL205", "t.a"), ("BL209", "t.b")]
    assert rows == [(7, "A", 3, 4)]
    # No copy keeps what a key does on a conflict, and so there is no fix.
    assert [(each.code, each.place, each.fix) for each in found(after)] == [
        ("BL209", "quiet.b", None)
    ]


def test_column_goes_with_all_that_is_over_it(
    tmp_path: Path, empty_database_url: str, scratch_url: str | None, dialect: str
) -> None:
    bare = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)"
    config = write_project(
        tmp_path, first=run_all(["CREATE TABLE p (id INTEGER PRIMARY KEY)", bare])
    )
    extra = """c INTEGER, CONSTRAINT f FOREIGN KEY (c) REFERENCES p (id),
        CONSTRAINT u UNIQUE (c, a), CONSTRAINT k CHECK (c > a))"""
    live = sa.create_engine(empty_database_url)
    with live.begin() as connection:
        for statement in (
            "CREATE TABLE p (id INTEGER PRIMARY KEY)",
            f"{bare.removesuffix(')')}, {extra}",
            "CREATE INDEX i ON t (a, c)",
            "INSERT INTO t (id, a) VALUES (1, 2)",
            *STAMP,
        ):
            connection.exec_driver_sql(statement)

    before = bilayer.check(migrations=config, url=live.url, scratch_url=scratch_url)
    with live.begin() as connection:
        apply(before.findings[0].fix or "", connection)
        rows = connection.exec_driver_sql("SELECT * FROM t").all()
    after = bilayer.check(migrations=config, url=live.url, scratch_url=scratch_url)
    live.dispose()

    assert [(finding.code, finding.place) for finding in before.findings] == [("BL202", "t.c")]
    assert rows == [(1, 2)]
    assert found(after) == []


def test_index_keeps_its_prefix_on_mariadb(
    tmp_path: Path, empty_database_url: str, scratch_url: str | None, dialect: str
) -> None:
    if dialect != "mysql":
        pytest.skip("only MariaDB indexes the beginning of a text")
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(90))"
    config = write_project(tmp_path, first=run_all([table, "CREATE INDEX i ON t (a(10))"]))
    live = sa.create_engine(empty_database_url)
    with live.begin() as connection:
        for statement in (table, "CREATE INDEX i ON t (a(20))", *STAMP):
            connection.exec_driver_sql(statement)

    before = bilayer.check(migrations=config, url=live.url, scratch_url=scratch_url)
    with live.begin() as connection:
        apply(before.findings[0].fix or "", connection)
    after = bilayer.check(migrations=config, url=live.url, scratch_url=scratch_url)
    live.dispose()

    assert [(finding.code, finding.place) for finding in before.findings] == [("BL303", "t.a")]
    assert found(after) == []
