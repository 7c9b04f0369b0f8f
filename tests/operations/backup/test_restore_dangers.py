"""What may happen while a restore replaces a database: kills, writers, locks, lost limits."""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.health import State, probe_database
from app.models import get_user
from app.operations.backup.engines import ENGINES, begin_restore, common, empty, end_restore, sqlite
from app.operations.backup.errors import BackupError
from app.operations.backup.sealing import Target
from bilayer import migrate
from bilayer.urls import parse_url
from tests.factories import make_user
from tests.operations.backup.conftest import HEAD, Site, digests_of
from tests.support.service import connected

CHANGES = re.compile(r"\s*(ALTER|CREATE|DELETE|DROP|INSERT)\b")


class Killed(BaseException):
    """Nobody lives to tidy up."""


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """Let whoever works here die before the statement of that number that changes anything."""
    left = count()

    def die(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        if CHANGES.match(statement) and next(left) == number:
            raise Killed

    sa.event.listen(sa.Engine, "before_cursor_execute", die)
    try:
        with suppress(Killed):
            yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", die)


def test_no_kill_leaves_half_a_database_with_a_revision_or_a_whole_one_without(
    empty_database_url: str,
) -> None:
    url = parse_url(empty_database_url)

    def tables(work: Callable[[sa.URL], None], number: int) -> set[str]:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        empty(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            connection.exec_driver_sql("CREATE TABLE users (id INTEGER)")
            connection.exec_driver_sql("CREATE TABLE history (id INTEGER)")
        with killed_at(number):
            work(url)
        return set(sa.inspect(engine).get_table_names())

    def finish(to: sa.URL) -> None:
        end_restore(to, "f02b9d73c8e6")

    for number in range(6):
        left = tables(begin_restore, number)
        assert left == {"alembic_version", "users", "history"} or "unfinished_restore" in left
        assert ("unfinished_restore" in left) != ("alembic_version" in left)
        begin_restore(url)
        with killed_at(number):
            finish(url)
        assert migrate.current(url) in [(), ("f02b9d73c8e6",)]
        if not migrate.current(url):
            finish(url)
        assert migrate.current(url) == ("f02b9d73c8e6",)


def test_what_somebody_writes_until_it_is_replaced_is_not_lost(site: Site) -> None:
    url = site.url.render_as_string(hide_password=False)
    made, late = site.create(), []

    def write(news: str) -> None:
        if news == "comparing all rows":
            with connected(site.settings):
                late.append(make_user()["id"])

    with pytest.raises(BackupError, match=r"Somebody has written since .*: stop the service"):
        site.restore(made.name, url, replace=True, tell=write)

    with connected(site.settings):
        assert get_user(late[0]) is not None
        assert probe_database() is State.READY


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_who_does_not_end_a_transaction_lets_nothing_be_replaced(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(common._PATIENCE, "postgresql", "SET LOCAL lock_timeout = '200ms'")
    url = site.url.render_as_string(hide_password=False)
    made = site.create()
    before = digests_of(url)

    with sa.create_engine(site.url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("SELECT FROM users")
        with pytest.raises(BackupError, match=r"cannot be emptied: .* Stop the service"):
            site.restore(made.name, url, replace=True)

    assert digests_of(url) == before
    assert migrate.current(site.url) == (HEAD,)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_file_that_stays_locked_is_not_waited_for_without_end(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site.create()
    monkeypatch.setattr(sqlite, "_PATIENCE", 0.2)
    target = tmp_path / "target.sqlite"

    def write(file: Target) -> None:
        file.write((site.path(made.name) / "database.sqlite").read_bytes())

    with closing(sqlite3.connect(target, isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BackupError, match="locked"):
            ENGINES["sqlite"].load(
                sa.URL.create("sqlite", database=str(target)),
                write,
                tmp_path,
                dumped_with="",
            )


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_service_may_no_more_with_the_audit_log_than_before(site: Site, other_url: str) -> None:
    made = site.create()
    role = f"backup_{secrets.token_hex(6)}"
    root = sa.create_engine(parse_url(other_url), poolclass=sa.NullPool)
    with root.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
        connection.exec_driver_sql(
            "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO " + role
        )
    try:
        site.restore(made.name, other_url)
        with root.begin() as connection:
            found = connection.exec_driver_sql(
                "SELECT name, right_ FROM unnest(ARRAY['users', 'audit_log', 'audit_blocks'])"
                " AS name, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS right_"
                f" WHERE has_table_privilege('{role}', name, right_)"
            )
            rights = {tuple(row) for row in found}
    finally:
        with root.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")

    assert rights == {
        *(("users", right) for right in ("INSERT", "UPDATE", "DELETE")),
        ("audit_log", "INSERT"),
        ("audit_blocks", "INSERT"),
    }
