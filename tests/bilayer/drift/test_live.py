"""A live database: compared with its revisions and with PyDAL, and never written."""

from __future__ import annotations

import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from pydal import Field
from sqlalchemy.pool import Pool, SingletonThreadPool, StaticPool

import bilayer
from bilayer.drift import waiting
from bilayer.drift.findings import Finding
from bilayer.drift.live import LiveUnreadable, open_live
from tests.bilayer.drift.conftest import PROJECTS
from tests.bilayer.drift.project import CREATE, write_project, write_revision

SECOND = 'op.add_column("t", sa.Column("name", sa.String(20)))'


@pytest.fixture
def project(tmp_path: Path) -> Config:
    return write_project(tmp_path, first=CREATE, second=SECOND)


@pytest.fixture
def live(empty_database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(empty_database_url)
    yield engine
    engine.dispose()


def migrate(engine: sa.Engine, revision: str, *statements: str) -> None:
    """Bring a database to a revision by hand, and alter it."""
    name = ", name VARCHAR(20)" if revision == "second" else ""
    number = {"postgresql": "SERIAL", "sqlite": "INTEGER"}.get(
        engine.name, "INTEGER AUTO_INCREMENT"
    )
    with engine.begin() as connection:
        for statement in (
            f"CREATE TABLE t (id {number} NOT NULL PRIMARY KEY{name})",
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
            f"INSERT INTO alembic_version VALUES ('{revision}')",
            *statements,
        ):
            connection.exec_driver_sql(statement)


def check(project: Config, live: sa.Engine, scratch_url: str | None, **options: Any) -> Any:
    return bilayer.check(migrations=project, url=live.url, scratch_url=scratch_url, **options)


def test_database_at_head_has_no_findings(
    project: Config, live: sa.Engine, scratch_url: str | None
) -> None:
    migrate(live, "second")

    report = check(project, live, scratch_url)

    assert report.findings == ()
    assert report.failures == ()


def test_database_altered_by_hand_is_reported_with_sql_that_mends_it(
    project: Config, live: sa.Engine, scratch_url: str | None
) -> None:
    migrate(
        live, "second", "ALTER TABLE t DROP COLUMN name", "ALTER TABLE t ADD COLUMN age INTEGER"
    )

    report = check(project, live, scratch_url)

    assert [(f.code, f.place, f.severity, f.pair) for f in report.findings] == [
        ("BL202", "t.name", "error", "migrations-database"),
        ("BL202", "t.age", "warning", "migrations-database"),
    ]
    with live.begin() as connection:
        for finding in report.findings:
            connection.exec_driver_sql(finding.fix)
    assert check(project, live, scratch_url).findings == ()


def test_pending_revision_is_reported_and_is_no_drift(
    project: Config, live: sa.Engine, scratch_url: str | None
) -> None:
    migrate(live, "first")

    report = check(project, live, scratch_url)

    assert [(f.code, f.severity) for f in report.findings] == [("BL116", "warning")]


def test_revision_nobody_knows_is_reported(
    project: Config, live: sa.Engine, scratch_url: str | None
) -> None:
    migrate(live, "second", "UPDATE alembic_version SET version_num = 'other'")

    report = check(project, live, scratch_url)

    assert [(f.code, f.severity) for f in report.findings] == [("BL117", "error")]


def test_database_with_tables_and_no_revision_is_compared_with_the_head(
    project: Config, live: sa.Engine, scratch_url: str | None
) -> None:
    migrate(live, "second", "DROP TABLE alembic_version", "CREATE TABLE other (id INTEGER)")

    report = check(project, live, scratch_url)

    assert [(f.code, f.table) for f in report.findings] == [("BL118", None), ("BL201", "other")]
    assert "alembic stamp second" in report.findings[0].message


def test_no_fix_drops_what_the_head_knows(
    project: Config, live: sa.Engine, scratch_url: str | None, tmp_path: Path
) -> None:
    write_revision(tmp_path, "third", "second", CREATE.replace('"t"', '"later"'))
    migrate(
        live, "first", "ALTER TABLE t ADD COLUMN name VARCHAR(20)",
        "CREATE TABLE later (id INTEGER NOT NULL)", "CREATE TABLE other (id INTEGER)",
    )  # fmt: skip

    stamped = check(project, live, scratch_url)
    with live.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    unstamped = check(project, live, scratch_url)

    dropped = {f.place for report in (stamped, unstamped) for f in report.findings if drops(f)}
    assert dropped == {"other"}
    later = {
        f.place for f in stamped.findings if f.message.endswith("a later revision makes it so")
    }
    assert later == {"t.name", "later"}


def drops(finding: Finding) -> bool:
    # What a copy of SQLite's that failed has left is nobody's table.
    pattern = r"drop[ _](table|column)(?! if exists _alembic_tmp_)"
    return re.search(pattern, (finding.fix or "").lower()) is not None


def test_empty_database_is_behind_and_nothing_else(
    project: Config, live: sa.Engine, scratch_url: str | None
) -> None:
    live.connect().close()  # SQLite makes its file.

    report = check(project, live, scratch_url)

    assert [finding.code for finding in report.findings] == ["BL116"]


def test_fix_that_destroys_data_says_so(
    project: Config, live: sa.Engine, scratch_url: str | None
) -> None:
    migrate(
        live, "first", "UPDATE alembic_version SET version_num = 'second'",
        "ALTER TABLE t ADD COLUMN name INTEGER", "ALTER TABLE t ADD COLUMN age INTEGER",
        "CREATE TABLE other (id INTEGER)",
    )  # fmt: skip

    report = check(project, live, scratch_url)

    warnings = {f.place: f.fix.splitlines()[0].lstrip("-# ") for f in report.findings}
    assert warnings == {
        "other": "Destroys data: every row of the table.",
        "t.age": "Destroys data: every value of the column.",
        "t.name": "Can destroy data: values that do not fit are converted, rounded or refused.",
    }


def test_pydal_is_judged_by_the_live_database(live: sa.Engine) -> None:
    migrate(live, "second")

    def define(db: Any) -> None:
        db.define_table("t", Field("name", length=20), Field("age", "integer"))

    report = bilayer.check(dal=define, url=live.url)

    assert [(f.code, f.place, f.pair) for f in report.findings] == [
        ("BL202", "t.age", "runtime-database")
    ]
    assert (report.findings[0].left, report.findings[0].right) == ("integer", "no column")


def test_an_engine_may_be_given_and_can_write_afterwards(live: sa.Engine) -> None:
    migrate(live, "second")

    report = bilayer.check(dal=lambda db: db.define_table("t", Field("name", length=20)), url=live)

    assert report.findings == ()
    with live.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t (name) VALUES ('a')")


def test_field_that_stands_already_is_no_fix_of_a_database(live: sa.Engine) -> None:
    migrate(live, "first")
    models = sa.MetaData()
    id_ = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("t", models, id_, sa.Column("name", sa.String(20)))

    report = bilayer.check(
        metadata=models,
        dal=lambda db: db.define_table("t", Field("name", length=20)),
        url=live.url,
    )

    assert [(f.code, f.place, f.fix) for f in report.findings] == [("BL202", "t.name", None)]


@pytest.mark.parametrize("pool", [StaticPool, SingletonThreadPool])
def test_database_in_memory_is_borrowed_and_given_back(pool: type[Pool]) -> None:
    engine = sa.create_engine("sqlite://", poolclass=pool)
    migrate(engine, "second")

    report = bilayer.check(dal=lambda db: db.define_table("t", Field("other")), url=engine)

    assert [f.place for f in report.findings] == ["t.other", "t.name"]
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO t (name) VALUES ('a')")
    engine.dispose()


def test_pool_of_an_engine_stays_untouched(live: sa.Engine) -> None:
    migrate(live, "second")
    events: list[str] = []
    for name in ("checkout", "invalidate"):
        sa.event.listen(live, name, lambda *_, name=name: events.append(name))

    bilayer.check(dal=lambda db: db.define_table("t"), url=live)

    assert events == []


def test_sqlite_file_with_a_log_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    program = (
        "import os, sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n"
        "c.execute('PRAGMA journal_mode = WAL')\n"
        "c.execute('CREATE TABLE t (id INTEGER PRIMARY KEY)')\nos._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    before = path.read_bytes()

    report = bilayer.check(dal=lambda db: db.define_table("t"), url=f"sqlite:///{path}")

    assert report.failures == ()
    assert report.findings == ()
    assert path.read_bytes() == before
    assert path.with_name("live.db-wal").stat().st_size > 0


def test_sqlite_file_may_be_named_by_a_uri(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a b.db'}")
    migrate(engine, "second")
    engine.dispose()
    url = f"sqlite:///file:{tmp_path}/a%20b.db?mode=ro&uri=true"

    report = bilayer.check(dal=lambda db: db.define_table("t", Field("name", length=20)), url=url)

    assert (report.failures, report.findings) == ((), ())


def test_revision_that_may_not_be_read_is_no_missing_stamp(
    project: Config, live: sa.Engine, scratch_url: str | None
) -> None:
    if live.name != "postgresql":
        pytest.skip("one engine's rights are enough")
    migrate(live, "second")
    role = f"reader_{secrets.token_hex(4)}"
    with live.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")

    report = bilayer.check(
        dal=lambda db: db.define_table("t", Field("age", "integer")),
        migrations=project,
        url=live.url.set(username=role),
        scratch_url=scratch_url,
    )

    with live.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE {role}")
    assert {(f.pair, f.place) for f in report.findings} == {
        ("runtime-database", "t.age"),
        ("runtime-database", "t.name"),
    }
    assert "revisions could not be read: permission denied" in report.failures[0].reason
    assert report.not_done == ("migrations-database: the revision is not known",)


def test_locked_table_is_a_failure_in_time(
    live: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if live.name != "postgresql":
        pytest.skip("reading the catalog waits for a locked table on PostgreSQL only")
    migrate(live, "second")
    monkeypatch.setitem(waiting._LIVE, "postgresql", ["SET lock_timeout = '200ms'"])

    with live.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        report = bilayer.check(dal=lambda db: db.define_table("t"), url=live.url)

    assert "lock timeout" in report.failures[0].reason


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_server_that_does_not_answer_is_a_failure_in_time(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in waiting._DRIVERS.values():
        monkeypatch.setitem(arguments, "connect_timeout", 2)
    monkeypatch.setattr("bilayer.drift.live.STATEMENT", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://user@127.0.0.1:{silent.getsockname()[1]}/x"

        report = bilayer.check(dal=lambda db: db.define_table("t"), url=url)

    assert report.failures[0].source == "database"


def test_the_connection_cannot_write(live: sa.Engine) -> None:
    migrate(live, "second")

    with pytest.raises(LiveUnreadable), open_live(live.url) as connection:
        connection.exec_driver_sql("INSERT INTO t (name) VALUES ('a')")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all.db",
        "postgresql://user:secret@127.0.0.1:1/x",
        "mysql://user:secret@127.0.0.1:1/x",
    ],
)
def test_database_that_cannot_be_reached_is_a_failure_without_its_password(url: str) -> None:
    report = bilayer.check(dal=lambda db: db.define_table("t"), url=url)

    assert report.exit_code == 2
    assert report.failures[0].source == "database"
    assert "secret" not in str(report.failures[0])
    assert not Path("/nowhere").exists()


def test_tables_of_an_extension_are_left_out(live: sa.Engine) -> None:
    if live.name != "postgresql":
        pytest.skip("only PostgreSQL has extensions with tables")
    migrate(live, "second", "CREATE TABLE extra (id integer)", "CREATE TABLE own (id integer)")
    with live.begin() as connection:
        connection.exec_driver_sql("ALTER EXTENSION plpgsql ADD TABLE extra")

    report = bilayer.check(dal=lambda db: db.define_table("t", Field("name", length=20)), url=live)

    assert [finding.table for finding in report.findings] == ["own"]


def test_sql_of_every_fix_makes_the_database_what_its_revisions_make(
    live: sa.Engine, scratch_url: str | None, load: Callable[[str], ModuleType]
) -> None:
    if live.name == "sqlite":
        pytest.skip("SQLite cannot alter a column; its fixes are op. calls for batch mode")
    load("history_models").metadata.create_all(live)
    with live.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('1aaa')")
    history = Config(PROJECTS / "history" / "alembic.ini")

    before = check(history, live, scratch_url)
    fixes = [finding for finding in before.findings if finding.fix]
    with live.begin() as connection:
        for finding in fixes:
            for statement in finding.fix.split(";\n"):
                connection.exec_driver_sql(statement.replace("%", "%%"))
    after = check(history, live, scratch_url)

    left = {(finding.code, finding.place) for finding in after.findings}
    assert len(fixes) > 20
    assert sorted({(f.code, f.place) for f in fixes} & left) == []
