"""The one database of a process, and the shell in which it needs no set-up."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from app.config import Settings
from app.models import close_db, get_database, get_db, init_db, release
from bilayer.runtime import Database
from tests.support.service import settings_for
from tests.support.threads import run_together

SHELL_SESSION = """
from app.models import get_db, create_user, get_user_by_email, update_user
hashed_password = "hash"
user = create_user(
    email="test@example.com", password_hash=hashed_password, full_name="Test User", role="viewer"
)
user = get_user_by_email("test@example.com")
user_id = user["id"]
update_user(user_id, full_name="Updated Name")
db = get_db()
users = db(db.users).select()
print(users)
"""


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Iterator[Settings]:
    close_db()
    yield settings_for(database_url, tmp_path)
    close_db()


def test_shell_session_of_the_documentation_works_as_written(
    database_url: str, tmp_path: Path
) -> None:
    environment = {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(tmp_path),
        "PYTHONPATH": ":".join(sys.path),
    }

    session = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHELL_SESSION],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert session.stderr == ""
    assert "test@example.com" in session.stdout
    assert "Updated Name" in session.stdout


def test_first_call_decides_which_database_it_is(settings: Settings, tmp_path: Path) -> None:
    database = init_db(settings)

    other = settings_for(f"sqlite:///{tmp_path}/other.db", tmp_path)

    assert init_db(other) is database
    assert get_database() is database
    assert get_db() is database.dal


def test_nothing_is_opened_before_the_first_statement(settings: Settings) -> None:
    opened = partial(sqlalchemy_connections, init_db(settings))
    release()
    assert opened() == 0

    get_db().executesql("SELECT 1")

    assert opened() == 1
    release()


def test_threads_that_begin_at_once_share_one_database(settings: Settings) -> None:
    databases = run_together([partial(init_db, settings)] * 6)

    assert len({id(database) for database in databases}) == 1


def test_each_thread_gives_its_connection_back(settings: Settings) -> None:
    database = init_db(settings)
    names = set()

    def work() -> None:
        get_db().executesql("SELECT 1")
        names.add(threading.current_thread().name)

    run_together([work] * 4)

    assert len(names) == 4
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a QueuePool has it


def test_another_database_can_be_named_after_the_first_is_closed(
    settings: Settings, tmp_path: Path
) -> None:
    first = init_db(settings)

    close_db()

    second = init_db(settings_for(f"sqlite:///{tmp_path}/other.db", tmp_path))
    assert second is not first
    assert second.engine_name == "sqlite"


def sqlalchemy_connections(database: Database) -> int:
    pool = database.engine.pool
    return int(pool.checkedout() + pool.checkedin())  # type: ignore[attr-defined]  # a QueuePool has them
