"""Kill each revision after each of its statements in turn, and run it again. Run as a script.

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
from alembic.script import ScriptDirectory

from bilayer import migrate
from tests.migrations.catalog import read_catalog


def main(url: str, ini: str) -> None:
    """Kill the upgrade and the downgrade of each revision after statement 1, 2, 3, ..."""
    config = Config(ini)
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    before, killed = read_catalog(url), 0
    for revision in reversed(revisions):
        migrate.upgrade(config, revision, url=url)
        after = read_catalog(url)
        migrate.downgrade(config, "-1", url=url)
        killed += kill_each(config, revision, url, before, after)
        migrate.upgrade(config, revision, url=url)
        before = after
    sys.stdout.write(f"{killed}\n")


def kill_each(config: Config, revision: str, url: str, before: Any, after: Any) -> int:
    """Kill one revision after each statement of either direction, and run it again.

    Begins and ends before the revision. Nothing has to be done again of those that are committed.

    Returns:
        How many statements the longer direction has.
    """

    older = down_of(config, revision)

    def upgrade() -> None:
        migrate.upgrade(config, revision, url=url)

    def downgrade() -> None:
        migrate.downgrade(config, older, url=url)

    number, was_killed = 0, True
    while was_killed:
        number += 1
        was_killed = run_twice(number, upgrade)
        assert read_catalog(url) == after, f"{revision}, upgrade killed after statement {number}"
        was_killed |= run_twice(number, downgrade)
        assert read_catalog(url) == before, f"{revision}, downgrade killed after statement {number}"
    return number - 1


def down_of(config: Config, revision: str) -> str:
    """Name what is there before a revision; a relative name would go further when it is rerun."""
    down = ScriptDirectory.from_config(config).get_revision(revision).down_revision
    assert down is None or isinstance(down, str)
    return down or "base"


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
