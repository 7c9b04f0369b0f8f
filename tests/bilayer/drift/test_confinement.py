"""Migrations reach the scratch database and nothing else, and leave nothing behind."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import bilayer
from bilayer.drift.scratch.databases import scratch_databases
from bilayer.errors import BilayerError
from bilayer.urls import EngineName, engine_name, parse_url
from tests.bilayer.drift.project import CREATE, ENV, write_project

OWN_URL = ENV.replace('sa.engine_from_config(context.config.get_section("alembic"))', "ENGINE")


@pytest.fixture
def models() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A database that no migration may touch."""
    path = tmp_path / "live.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE precious (id INTEGER)")
    engine.dispose()
    return path


def tables_of(path: Path) -> list[str]:
    engine = sa.create_engine(f"sqlite:///{path}")
    names = sa.inspect(engine).get_table_names()
    engine.dispose()
    return names


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


def list_scratch(url: str | None, process: int | None = None) -> set[str]:
    """Name a process's scratch databases, or the scratch folders of this test.

    Other processes of the run use the same server at the same time.
    """
    if url is None:
        return {path.name for path in Path(tempfile.gettempdir()).glob("bilayer_scratch_*")}
    engine = sa.create_engine(url)
    column = (
        "datname FROM pg_database"
        if engine.name == "postgresql"
        else "schema_name FROM information_schema.schemata"
    )
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT {column}").scalars().all()
    engine.dispose()
    owner = f"_{process or os.getpid()}_"
    return {name for name in rows if name.startswith("bilayer_") and owner in name}


def test_env_that_ignores_the_config_still_gets_the_scratch_database(
    models: sa.MetaData, live: Path, tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    env = OWN_URL.replace("ENGINE", f'sa.create_engine("sqlite:///{live}")')
    config = write_project(tmp_path / "project", env, first=CREATE)

    report = bilayer.check(
        metadata=models, migrations=config, dialect=dialect, scratch_url=scratch_url
    )

    assert report.findings == ()
    assert report.failures == ()
    assert tables_of(live) == ["precious"]


def test_env_that_reads_its_own_environment_reads_the_scratch_url(
    models: sa.MetaData, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_DATABASE", f"sqlite:///{live}")
    env = "import os\n" + OWN_URL.replace("ENGINE", 'sa.create_engine(os.environ["SOME_DATABASE"])')
    config = write_project(tmp_path / "project", env, first=CREATE)

    report = bilayer.check(metadata=models, migrations=config)

    assert report.failures == ()
    assert tables_of(live) == ["precious"]


@pytest.mark.parametrize(
    "reach",
    [
        'import sqlite3; sqlite3.connect("LIVE").execute("DROP TABLE precious")',
        'import psycopg2; psycopg2.connect("host=127.0.0.1 port=1 dbname=live")',
        'import pymysql; pymysql.connect(host="127.0.0.1", port=1, database="live")',
        'import socket; socket.create_connection(("127.0.0.1", 1))',
    ],
    ids=["sqlite3", "psycopg2", "pymysql", "socket"],
)
def test_revision_that_connects_by_itself_is_refused(
    models: sa.MetaData, live: Path, tmp_path: Path, reach: str
) -> None:
    body = f"{CREATE}\n{reach.replace('LIVE', str(live))}"
    config = write_project(tmp_path / "project", first=body)

    report = bilayer.check(metadata=models, migrations=config)

    assert report.exit_code == 2
    assert "refused to connect" in report.failures[0].reason
    assert tables_of(live) == ["precious"]


def test_env_that_keeps_a_log_and_two_connections_is_replayed(
    models: sa.MetaData, tmp_path: Path
) -> None:
    env = OWN_URL.replace("ENGINE", 'sa.create_engine("sqlite:///live.db")').replace(
        "with ",
        "first = engine.connect()\nfirst.exec_driver_sql('PRAGMA journal_mode = WAL')\n"
        "first.exec_driver_sql('SELECT * FROM sqlite_master')\nwith ",
        1,
    )
    config = write_project(tmp_path / "project", env, first=CREATE)

    report = bilayer.check(metadata=models, migrations=config)

    assert report.findings == ()
    assert report.failures == ()


@pytest.fixture
def other_database(scratch_url: str | None) -> Iterator[str]:
    """A database of the MariaDB server that is none of the check's."""
    if scratch_url is None or not scratch_url.startswith(("mysql", "mariadb")):
        pytest.skip("only on MariaDB is a schema another database")
    name = f"precious_{secrets.token_hex(4)}"
    engine = sa.create_engine(scratch_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        connection.exec_driver_sql(f"CREATE TABLE {name}.customers (id INTEGER)")
        yield name
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    engine.dispose()


@pytest.mark.parametrize(
    "reach",
    [
        'op.drop_table("customers", schema="OTHER")',
        'op.execute("USE OTHER")\nop.drop_table("customers")',
        'op.execute("DROP DATABASE OTHER")',
        "op.execute(\"EXECUTE IMMEDIATE 'DROP TABLE OTHER.customers'\")",
        'op.get_bind().connection.cursor().execute("DROP TABLE `OTHER`.`customers`")',
        'op.get_bind().connection.select_db("OTHER")\nop.drop_table("customers")',
        (
            "from pymysql.connections import Connection\nu = op.get_bind().engine.url\n"
            'Connection(host=u.host, port=u.port, user=u.username, password=u.password or "",'
            ' database="OTHER").cursor().execute("DROP TABLE customers")'
        ),
    ],
    ids=["schema", "use", "drop-database", "immediate", "cursor", "select-db", "connection"],
)
def test_revision_reaches_no_other_database_of_its_server(
    models: sa.MetaData, tmp_path: Path, scratch_url: str, other_database: str, reach: str
) -> None:
    config = write_project(tmp_path, first=f"{CREATE}\n{reach.replace('OTHER', other_database)}")

    report = bilayer.check(
        metadata=models, migrations=config, dialect="mysql", scratch_url=scratch_url
    )

    assert report.exit_code == 2
    assert "refused" in report.failures[0].reason
    engine = sa.create_engine(scratch_url)
    assert sa.inspect(engine).get_table_names(schema=other_database) == ["customers"]
    engine.dispose()


def test_models_with_a_schema_are_not_built_where_that_is_another_database(
    tmp_path: Path, scratch_url: str, other_database: str
) -> None:
    models = sa.MetaData()
    sa.Table("new", models, sa.Column("id", sa.Integer), schema=other_database)
    sa.Table("elsewhere", models, sa.Column("id", sa.Integer), schema="bilayer_never_made")
    config = write_project(tmp_path, first=CREATE)

    report = bilayer.check(
        metadata=models, migrations=config, dialect="mysql", scratch_url=scratch_url
    )

    assert "nothing is built outside the scratch database" in report.failures[0].reason
    engine = sa.create_engine(scratch_url)
    assert sa.inspect(engine).get_table_names(schema=other_database) == ["customers"]
    assert "bilayer_never_made" not in sa.inspect(engine).get_schema_names()
    engine.dispose()


def test_revision_attaches_no_sqlite_file(models: sa.MetaData, live: Path, tmp_path: Path) -> None:
    body = (
        f"{CREATE}\nwith op.get_context().autocommit_block():\n"
        f"    op.execute(\"ATTACH DATABASE '{live}' AS live\")\n"
        '    op.execute("DROP TABLE live.precious")'
    )
    config = write_project(tmp_path / "project", first=body)

    report = bilayer.check(metadata=models, migrations=config)

    assert "without ATTACH" in report.failures[0].reason
    assert tables_of(live) == ["precious"]


@pytest.mark.parametrize(
    "start",
    [
        'import subprocess; subprocess.run(["true"])',
        'import os; os.system("true")',
        'import os; os.execv("/bin/true", ["true"])',
        'import psycopg2; psycopg2._connect("host=127.0.0.1 port=1 dbname=live")',
    ],
    ids=["subprocess", "system", "exec", "psycopg2"],
)
def test_revision_gets_past_the_fence_by_no_program_or_private_name(
    models: sa.MetaData, tmp_path: Path, start: str
) -> None:
    report = bilayer.check(
        metadata=models, migrations=write_project(tmp_path, first=f"{CREATE}\n{start}")
    )

    assert "refused to" in report.failures[0].reason


@pytest.mark.parametrize("location", ["migrations", "project/migrations"])
def test_relative_script_location_is_found_beside_the_configuration_or_here(
    models: sa.MetaData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    config = write_project(tmp_path / "project", first=CREATE)
    config.set_main_option("script_location", location)
    monkeypatch.chdir(tmp_path)

    report = bilayer.check(metadata=models, migrations=config)

    assert report.failures == ()
    assert report.findings == ()


def test_environment_of_the_caller_stays_as_it_is(
    models: sa.MetaData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_DATABASE", "postgresql://live/live")

    bilayer.check(metadata=models, migrations=write_project(tmp_path, first=CREATE))

    assert os.environ["SOME_DATABASE"] == "postgresql://live/live"


def test_scratch_databases_are_gone_after_an_error(
    models: sa.MetaData, tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    config = write_project(tmp_path, first=CREATE, second='op.execute("SELECT nonsense")')

    report = bilayer.check(
        metadata=models, migrations=config, dialect=dialect, scratch_url=scratch_url
    )

    assert report.exit_code == 2
    assert not list_scratch(scratch_url)


def test_scratch_databases_are_gone_after_the_child_is_killed(
    models: sa.MetaData, tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    config = write_project(
        tmp_path, first="import os, signal\nos.kill(os.getpid(), signal.SIGTERM)"
    )

    report = bilayer.check(
        metadata=models, migrations=config, dialect=dialect, scratch_url=scratch_url
    )

    assert "could not be replayed" in report.failures[0].reason
    assert report.exit_code == 2
    assert not list_scratch(scratch_url)


def test_scratch_databases_are_gone_after_the_check_is_terminated(
    tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    started = tmp_path / "started"
    body = f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)"
    write_project(tmp_path / "project", first=body)
    program = (
        "import bilayer\nfrom alembic.config import Config\n"
        f"bilayer.check(migrations=Config({str(tmp_path / 'project/alembic.ini')!r}),"
        f" dialect={dialect!r}, scratch_url={scratch_url!r})"
    )

    with subprocess.Popen([sys.executable, "-c", program]) as process:
        wait_for(started)
        assert list_scratch(scratch_url, process.pid)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)

    assert code == 128 + signal.SIGTERM
    assert not list_scratch(scratch_url, process.pid)


def test_second_signal_does_not_stop_the_dropping(
    scratch_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if scratch_url is None:
        pytest.skip("SQLite's scratch databases are files")

    with pytest.raises(SystemExit), scratch_databases(*name_server(scratch_url)) as scratch:
        scratch.create("models")
        drop = scratch.drop_all

        def drop_after_a_signal() -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            drop()

        monkeypatch.setattr(scratch, "drop_all", drop_after_a_signal)
        os.kill(os.getpid(), signal.SIGTERM)

    assert not list_scratch(scratch_url)


def name_server(url: str) -> tuple[EngineName, sa.URL]:
    parsed = parse_url(url)
    return engine_name(parsed.drivername), parsed


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, "the migrations never started"
        time.sleep(0.05)


def test_scratch_url_of_another_engine_is_refused(tmp_path: Path) -> None:
    config = write_project(tmp_path, first=CREATE)

    with pytest.raises(BilayerError, match="postgresql"):
        bilayer.check(migrations=config, dialect="mysql", scratch_url="postgresql://localhost/x")
