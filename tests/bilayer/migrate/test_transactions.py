"""What is left of a revision that fails, is killed, or rebuilds a table others refer to."""

from __future__ import annotations

import signal

import pytest
import sqlalchemy as sa

from bilayer.migrate import MigrationError, current
from tests.bilayer.migrate.project import Project, only, wait_until

PARENT_AND_CHILD = """
op.create_table("parents", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(20), nullable=False))
op.create_table("children", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("parents.id", ondelete="CASCADE"),
        nullable=False))
op.execute("INSERT INTO parents VALUES (1, 'a'), (2, 'b')")
op.execute("INSERT INTO children VALUES (10, 1), (20, 2)")
"""

TWO_TABLES = """
again = commits_each_statement()
op.create_table("first", sa.Column("id", sa.Integer), if_not_exists=again)
{between}
op.create_table("second", sa.Column("id", sa.Integer), if_not_exists=again)
op.create_index("ix_second_id", "second", ["id"], if_not_exists=again)
"""

ONCE = """
if not os.path.exists({mark!r}):
    open({mark!r}, "w").close()
    {do}
"""


@only("sqlite", "postgresql")
def test_failing_revision_leaves_nothing_and_those_before_it_stay(project: Project) -> None:
    project.add("one", "op.create_table('kept', sa.Column('id', sa.Integer))")
    project.add("two", TWO_TABLES.format(between="raise OSError('disk full')"))

    with pytest.raises(OSError, match="disk full"):
        project.upgrade()

    assert project.tables() == {"kept"}
    assert current(project.url) == ("one",)


def test_killed_revision_can_be_run_again(project: Project) -> None:
    mark = str(project.folder / "mark")
    kill = ONCE.format(mark=mark, do="os.kill(os.getpid(), signal.SIGKILL)")
    project.add("one", TWO_TABLES.format(between=kill))
    process = project.spawn("upgrade", "head")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert current(project.url) == ()

    project.upgrade()

    assert project.tables() == {"first", "second"}
    assert current(project.url) == ("one",)


@only("postgresql", "mariadb")
def test_revision_killed_while_the_server_works_on_can_be_run_again(project: Project) -> None:
    mark = project.folder / "mark"
    is_postgresql = project.url.get_backend_name() == "postgresql"
    sleep = "SELECT pg_sleep(2)" if is_postgresql else "SELECT SLEEP(2)"
    work = ONCE.format(mark=str(mark), do=f"op.execute({sleep!r})")
    project.add("one", TWO_TABLES.format(between=work))
    process = project.spawn("upgrade", "head")
    wait_until(mark.exists, process)
    process.kill()
    process.communicate()

    project.upgrade()

    assert project.tables() == {"first", "second"}
    assert current(project.url) == ("one",)


@only("sqlite", "postgresql")
def test_table_of_somebody_else_is_not_taken_for_ours(project: Project) -> None:
    project.add("one", TWO_TABLES.format(between=""))
    with project.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE second (other INTEGER)")

    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        project.upgrade()

    assert project.tables() == {"second"}


def test_autocommit_block_works_under_the_lock(project: Project) -> None:
    project.add(
        "one",
        """
        op.create_table("t", sa.Column("id", sa.Integer))
        with op.get_context().autocommit_block():
            op.create_index("ix_t", "t", ["id"], postgresql_concurrently=True)
        op.create_table("u", sa.Column("id", sa.Integer))
        """,
        """
        op.drop_table("u")
        with op.get_context().autocommit_block():
            op.drop_index("ix_t", "t", postgresql_concurrently=True)
        op.drop_table("t")
        """,
    )

    project.upgrade()
    made = project.tables()
    project.downgrade("base")

    assert made == {"t", "u"}
    assert project.tables() == set()


@only("postgresql")
def test_concurrent_index_that_was_killed_is_built_again(project: Project) -> None:
    project.add("one", "op.execute('CREATE TABLE t AS SELECT generate_series(1, 3) % 2 AS id')")
    project.add(
        "two",
        """
        with op.get_context().autocommit_block():
            op.drop_index("ix_t", "t", if_exists=True, postgresql_concurrently=True)
            op.create_index("ix_t", "t", ["id"], unique=True, postgresql_concurrently=True)
        """,
    )
    with pytest.raises(sa.exc.IntegrityError):
        project.upgrade()
    with project.connect() as connection:
        connection.exec_driver_sql("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)")

    project.upgrade()

    with project.connect() as connection:
        statement = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_t'::regclass"
        assert connection.scalar(sa.text(statement))


@only("sqlite")
def test_rebuilding_a_parent_table_deletes_no_child(project: Project) -> None:
    project.add("one", PARENT_AND_CHILD)
    project.add(
        "two",
        """
        with op.batch_alter_table("parents") as table:
            table.alter_column("name", type_=sa.String(40), nullable=True)
        """,
    )

    project.upgrade()

    with project.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id, parent_id FROM children").all()
        sql = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'children'")
        assert "REFERENCES parents" in sql.scalar_one()
    assert rows == [(10, 1), (20, 2)]


@only("sqlite")
def test_revision_that_leaves_orphans_is_undone(project: Project) -> None:
    project.add("one", PARENT_AND_CHILD)
    project.add("two", "op.execute('DELETE FROM parents WHERE id = 2')")

    with pytest.raises(MigrationError, match=r"two was undone: 1 rows.* children.* parents"):
        project.upgrade()

    with project.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM parents")) == 2
    assert current(project.url) == ("one",)


@only("sqlite")
def test_revision_keeps_other_writers_out_from_its_first_statement(project: Project) -> None:
    project.add("one", "pass")
    project.add(
        "two",
        """
        import sqlite3
        other = sqlite3.connect(op.get_bind().engine.url.database, timeout=0)
        try:
            other.execute("CREATE TABLE intruder (id INTEGER)")
            raise AssertionError("two transactions write")
        except sqlite3.OperationalError as error:
            assert "locked" in str(error), error
        finally:
            other.close()
        """,
    )

    project.upgrade()

    assert current(project.url) == ("two",)


@only("mariadb")
def test_index_that_exists_is_skipped_where_the_server_cannot_say_so(project: Project) -> None:
    project.add("one", "op.create_table('t', sa.Column('id', sa.Integer))")
    project.add(
        "two",
        """
        op.get_bind().dialect.is_mariadb = False  # As MySQL, which has no IF NOT EXISTS here.
        for attempt in range(2):
            op.create_index("ix_t", "t", ["id"], if_not_exists=True)
        """,
    )

    project.upgrade()

    with project.connect() as connection:
        assert [one["name"] for one in sa.inspect(connection).get_indexes("t")] == ["ix_t"]


@only("mariadb")
def test_session_of_mariadb_is_strict_utc_and_innodb(project: Project) -> None:
    project.add(
        "one",
        """
        found = op.get_bind().exec_driver_sql(
            "SELECT locate('STRICT_ALL_TABLES', @@sql_mode) > 0, @@time_zone,"
            " @@character_set_client, @@default_storage_engine").one()
        assert tuple(found) == (1, "+00:00", "utf8mb4", "InnoDB"), found
        op.create_table("t", sa.Column("path", sa.String(20), server_default="a\\\\b'c"))
        op.execute("INSERT INTO t VALUES ()")
        """,
    )

    project.upgrade()

    with project.connect() as connection:
        assert connection.scalar(sa.text("SELECT path FROM t")) == r"a\b'c"
