"""Kill a migration after each of its statements in turn, and run it again. Run as a script.

A process of its own, because it forks. Arguments: the URL of an empty database, the alembic.ini.
Writes how many statements there were; fails if a rerun leaves anything else than a run that nobody
disturbs.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import sqlalchemy as sa
from alembic.config import Config

from bilayer import migrate
from tests.migrations.catalog import read_catalog


def main(url: str, ini: str) -> None:
    """Kill an upgrade and a downgrade after statement 1, 2, 3, ..."""
    config = Config(ini)
    empty = read_catalog(url)
    migrate.upgrade(config, url=url)
    full = read_catalog(url)

    def upgrade() -> None:
        migrate.upgrade(config, url=url)

    def downgrade() -> None:
        migrate.downgrade(config, "base", url=url)

    downgrade()
    number, was_killed = 0, True
    while was_killed:
        number += 1
        was_killed = run_twice(number, upgrade)
        assert read_catalog(url) == full, f"upgrade killed after statement {number}"
        was_killed |= run_twice(number, downgrade)
        assert read_catalog(url) == empty, f"downgrade killed after statement {number}"
    sys.stdout.write(f"{number - 1}\n")


def run_twice(number: int, migration: Callable[[], None]) -> bool:
    """Run a migration that is killed after its n-th statement, and again if it was."""
    was_killed = kill_after(number, migration)
    if was_killed:
        migration()
    return was_killed


def kill_after(number: int, migration: Callable[[], None]) -> bool:
    """Run a migration in a child that kills itself after its n-th writing statement.

    Returns:
        Whether it had that many statements.
    """
    child = os.fork()
    if child == 0:
        statements = count(1)

        @sa.event.listens_for(sa.Engine, "after_cursor_execute")
        def kill(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            is_writing = statement.lstrip().startswith(WRITING)
            if is_writing and next(statements) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        migration()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


WRITING = ("CREATE", "\nCREATE", "DROP", "\nDROP", "ALTER", "INSERT", "UPDATE", "DELETE")

if __name__ == "__main__":
    main(*sys.argv[1:])
