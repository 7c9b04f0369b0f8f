"""Revisions run up, down and up again on made-up rows: what is found, and what is not."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bilayer.drift.config import ConfigurationError
from bilayer.drift.readers.database import read_catalog
from bilayer.drift.rehearsal.probing import MODES, probing
from bilayer.drift.rehearsal.project import Rehearsal, rehearse_project
from bilayer.drift.rehearsal.stage import Stage
from bilayer.drift.scratch.connecting import connect
from bilayer.drift.scratch.databases import scratch_databases
from bilayer.drift.scratch.server import ScratchServer
from bilayer.urls import engine_name, parse_url
from tests.bilayer.drift.rehearsal.project import SOUND, Revisions, write

ITEMS = (
    'op.create_table("items", sa.Column("id", sa.Integer, primary_key=True),'
    ' sa.Column("price", sa.Numeric(8, 2), nullable=False), sa.Column("note", sa.String(30)),'
    ' sa.Column("code", sa.String(30)))'
)
DROP = 'with op.batch_alter_table("items") as batch: batch.drop_column("{}")'


def rehearse(
    folder: Path,
    dialect: str,
    scratch_url: str | None,
    revisions: Revisions,
) -> Rehearsal:
    project = write(folder, revisions)
    return rehearse_project(
        project, dialects=[dialect], scratch_urls=[scratch_url] if scratch_url else []
    )


def test_sound_revisions_of_any_graph_pass(
    tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    report = rehearse(tmp_path, dialect, scratch_url, SOUND).report

    assert not report.failures, report.to_text()
    assert [(each.code, each.location) for each in report.findings if each.severity != "info"] == [
        ("BL710", "migrations/versions/left.py:9")
    ], report.to_text()


def test_what_fails_or_loses_only_with_rows_is_found(
    tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    revisions: Revisions = {
        "a": (None, ITEMS, 'op.drop_table("items")'),
        "required": (
            "a",
            ('with op.batch_alter_table("items") as batch:\n'
            '    batch.add_column(sa.Column("on_day", sa.Date, nullable=False))'),
            DROP.format("on_day"),
        ),
        "nulls": (
            "required",
            ('with op.batch_alter_table("items") as batch:\n'
            '    batch.alter_column("note", existing_type=sa.String(30), nullable=False)'),
            ('with op.batch_alter_table("items") as batch:\n'
            '    batch.alter_column("note", existing_type=sa.String(30), nullable=True)'),
        ),
        "made_anew": (
            "nulls",
            ('with op.batch_alter_table("items") as batch: batch.drop_column("price")\n'
            'with op.batch_alter_table("items") as batch:\n'
            '    batch.add_column(sa.Column("price", sa.Numeric(8, 2), server_default="1"))'),
            "pass",
        ),
        "written": (
            "made_anew",
            "op.execute(\"UPDATE items SET note = 'x'\")",
            "op.execute('SELECT 1')",
        ),
        "dropped": ("written", DROP.format("note"), "raise NotImplementedError"),
        "unique": ("dropped", 'op.create_index("u", "items", ["code"], unique=True)', "1 / 0"),
        "trace": ("unique", ('op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))\n'
                  'op.create_index("i", "items", ["price"])'), 'op.drop_table("b")'),
    }  # fmt: skip

    report = rehearse(tmp_path, dialect, scratch_url, revisions).report

    found = {
        (each.code, each.severity, Path(str(each.location).partition(":")[0]).stem)
        for each in report.findings
    }
    for expected in [
        ("BL715", "warning", "required") if dialect == "mysql" else ("BL702", "error", "required"),
        ("BL703", "warning", "nulls"),
        ("BL704", "warning", "made_anew"),
        ("BL708", "error", "made_anew"),
        ("BL708", "info", "written"),
        ("BL711", "warning", "written"),
        ("BL709", "warning", "dropped"),
        ("BL704", "warning", "dropped"),
        ("BL703", "info", "unique"),
        ("BL705", "error", "unique"),
        ("BL706", "error", "trace"),
        ("BL707", "error", "trace"),
    ]:
        assert expected in found, report.to_text()
    assert ("BL712", "warning", "a") not in found


def test_a_table_no_row_fits_is_named_with_the_reason(
    tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    create = (
        'op.create_table("odd", sa.Column("id", sa.Integer, primary_key=True), sa.Column("code",'
        " sa.String(40), nullable=False), sa.CheckConstraint(\"code LIKE 'x' AND code LIKE 'y'\","
        ' name="never"))\nop.create_table("child", sa.Column("odd_id", sa.Integer,'
        ' sa.ForeignKey("odd.id"), primary_key=True))'
    )
    revisions: Revisions = {
        "a": (None, create, 'op.drop_table("child"); op.drop_table("odd")'),
        "b": ("a", 'op.create_index("i", "odd", ["code"])', 'op.drop_index("i", "odd")'),
    }

    report = rehearse(tmp_path, dialect, scratch_url, revisions).report

    reasons = {each.table: each.message for each in report.findings if each.code == "BL712"}
    assert reasons.keys() == {"odd", "child"}
    assert "never" in reasons["odd"]
    assert "refers to odd" in reasons["child"]


def test_a_whole_name_is_no_beginning_of_another(tmp_path: Path) -> None:
    project = write(tmp_path, {"a": (None, "pass", "pass"), "ab": ("a", "pass", "pass")})

    assert rehearse_project(project, dialects=["sqlite"], revision="a").report.ok
    with pytest.raises(ConfigurationError, match="no revision b"):
        rehearse_project(project, dialects=["sqlite"], revision="b")


def test_a_database_is_gone_once_another_takes_its_place(
    tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    config = write(tmp_path, {"a": (None, "pass", "pass")}).load_migrations()
    assert config is not None
    server = parse_url(scratch_url) if scratch_url else None

    with (
        scratch_databases(engine_name(dialect), server) as scratch,
        contextlib.closing(Stage(config, scratch)) as stage,
    ):
        stage.rebuild(1)
        first = stage.player.url
        stage.rebuild(1)

        assert is_there(stage.player.url)
        assert not is_there(first)


def is_there(url: sa.URL) -> bool:
    if url.get_backend_name() == "sqlite":
        return Path(str(url.database)).exists()
    try:
        connect(url).connect().close()
    except SQLAlchemyError:
        return False
    return True


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True)
def test_the_next_run_drops_what_a_killed_one_left(scratch_url: str) -> None:
    killed, following = (ScratchServer(parse_url(scratch_url)) for _ in range(2))
    left = killed.create(killed.make_name("rehearse12"))
    killed.close()

    made = following.make_name("rehearse1")
    following.create(made)

    assert not is_there(left)
    following.drop(made)
    following.close()


def test_an_upgrade_that_fails_everywhere_and_an_env_that_fails(tmp_path: Path) -> None:
    fails = rehearse(
        tmp_path / "up", "sqlite", None, {"a": (None, 'op.drop_table("no_such")', "pass")}
    )
    project = write(tmp_path / "env", {"a": (None, "pass", "pass")})
    (tmp_path / "env" / "migrations" / "env.py").write_text("import no_such_module")

    assert [each.code for each in fails.report.findings] == ["BL701"]
    assert rehearse_project(project).report.exit_code == 2


def test_a_revision_that_ends_the_process_is_named(tmp_path: Path) -> None:
    dies = "print('hello')\nimport os; os._exit(0)"
    both = {"a": (None, "pass", "pass"), "b": ("a", dies, "pass")}

    (failure,) = rehearse(tmp_path, "sqlite", None, both).report.failures

    assert "(exit code 0) while revision b ran. It last said: hello" in failure.reason


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_postgresql_has_more_to_leave_behind(tmp_path: Path, scratch_url: str) -> None:
    types = (
        'op.create_table("t", sa.Column("id", sa.Integer, sa.Identity(always=True),'
        ' primary_key=True), sa.Column("mood", sa.Enum("ok", "sad", name="mood"), nullable=False),'
        ' sa.Column("tags", sa.ARRAY(sa.Text), nullable=False), sa.Column("span", sa.Interval,'
        ' nullable=False), sa.Column("land", sa.CHAR(2), nullable=False),'
        " sa.CheckConstraint(\"land ~ '^[A-Z]{2}$'\"),"
        ' sa.Column("ip", pg.INET, nullable=False), sa.Column("at",'
        ' sa.DateTime(timezone=True), nullable=False), sa.Column("doc", pg.JSONB, nullable=False))'
    )
    types = f"from sqlalchemy.dialects import postgresql as pg\n{types}"
    concurrently = (
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("i", "t", ["at"], postgresql_concurrently=True)'
    )
    back = concurrently.replace('create_index("i", "t", ["at"]', 'drop_index("i", "t"')
    revisions: Revisions = {
        "a": (None, types, 'op.drop_table("t")'),
        "b": ("a", concurrently, back),
    }

    report = rehearse(tmp_path, "postgresql", scratch_url, revisions).report

    found = {each.code: each for each in report.findings if each.severity == "error"}
    assert found.keys() == {"BL706", "BL707"}, report.to_text()
    assert "type public.mood is there and was not" in found["BL706"].message
    assert not {"BL712"} & {each.code for each in report.findings}, report.to_text()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_table_that_cannot_be_read_is_a_failure(tmp_path: Path, scratch_url: str) -> None:
    name = """'"in_quotes"'"""
    create = f'op.create_table({name}, sa.Column("id", sa.Integer, primary_key=True))'

    report = rehearse(
        tmp_path, "postgresql", scratch_url, {"a": (None, create, f"op.drop_table({name})")}
    ).report

    assert report.exit_code == 2
    assert "does not exist" in report.failures[0].reason


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_clients_that_wait_do_not_keep_a_rehearsal_from_ending(scratch_url: str) -> None:
    url = parse_url(scratch_url)
    with (
        scratch_databases("postgresql", url) as scratch,
        connect(scratch.create("probed")).connect() as connection,
    ):
        connection.exec_driver_sql("CREATE TABLE t (id integer PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        connection.commit()
        table = read_catalog(connection).tables["t"]
        connection.commit()
        with (
            pytest.raises(KeyboardInterrupt),
            probing(connection.engine.url, connection, [table]) as (pairs, _),
        ):
            connection.exec_driver_sql("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            time.sleep(0.1)
            raise KeyboardInterrupt

        assert [client.is_alive() for client in pairs["t"]] == [True, True]


MANY = """from sqlalchemy.dialects import postgresql as pg
op.create_table("users", sa.Column("id", sa.Uuid, primary_key=True))
op.create_table("acts", sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True), sa.Column("at", sa.DateTime))
op.create_table("numbers", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))
op.create_table("links", sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("number_id", sa.Integer, sa.ForeignKey("numbers.id"), primary_key=True))
op.create_table("keyless", sa.Column("note", sa.Text))
op.create_table("log.old", sa.Column("id", sa.Integer, primary_key=True))
op.create_table("dropped", sa.Column("id", sa.Integer, primary_key=True))"""


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_tables_of_every_shape_are_multiplied_and_probed(tmp_path: Path, scratch_url: str) -> None:
    # The revision itself fails unless rows refer to many others rather than to a few.
    change = """op.drop_table("dropped")
for name in ("acts", "links", "keyless", "numbers", "log.old"):
    op.add_column(name, sa.Column("more", sa.Integer))
op.alter_column("log.old", "id", type_=sa.BigInteger)
shared = sa.text("SELECT max(n) FROM (SELECT count(*) AS n FROM acts GROUP BY user_id) AS c")
assert op.get_bind().scalar(shared) < 200"""
    revisions: Revisions = {
        "a": (None, MANY, "raise NotImplementedError"),
        "b": ("a", change, "raise NotImplementedError"),
    }

    found = rehearse_project(
        write(tmp_path, revisions),
        dialects=["postgresql"], scratch_urls=[scratch_url], revision="b", rows=2000,
    )  # fmt: skip

    (cost,) = found.costs
    tables = {each.table: each for each in cost.tables}
    assert (cost.error, dict(cost.unfilled)) == (None, {})
    assert tables.keys() == {"acts", "dropped", "keyless", "links", "numbers", '"log.old"'}
    assert (tables['"log.old"'].lock, tables['"log.old"'].is_rewritten) == (MODES[-1], True)
    assert all(each.reader is not None and each.writer is not None for each in cost.tables)
    assert "does not exist" in str(tables["dropped"].ended)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_cost_tells_who_waits_and_what_is_rewritten(tmp_path: Path, scratch_url: str) -> None:
    revisions: Revisions = {
        "a": (None, ITEMS, 'op.drop_table("items")'),
        "b": ("a", ('op.alter_column("items", "price", type_=sa.Numeric(20, 5))\n'
              'op.execute("SELECT pg_sleep(1.2)")'), "raise NotImplementedError"),
    }  # fmt: skip

    found = rehearse_project(
        write(tmp_path, revisions),
        dialects=["postgresql"], scratch_urls=[scratch_url], revision="b", rows=5000,
    )  # fmt: skip

    (cost,) = found.costs
    (items,) = cost.tables
    assert (items.table, items.lock, items.is_rewritten) == ("items", "AccessExclusiveLock", True)
    assert (items.reader or 0) > 1
    assert (items.writer or 0) > 1
    assert cost.wal_bytes > 0
    assert not cost.unfilled
    assert {"BL713", "BL714"} <= {each.code for each in found.report.findings}
