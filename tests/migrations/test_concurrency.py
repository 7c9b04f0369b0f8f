"""Many start at once and one migrates; who is killed is replaced by the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from alembic.config import Config
from alembic.script import Script

from bilayer import migrate
from bilayer.migrate import Limits, migration_lock
from bilayer.urls import parse_url

ROOT = Path(__file__).parents[2]
MIGRATORS = 8


def test_of_eight_migrators_one_migrates_and_all_succeed(
    config: Config, revisions: list[Script], empty_database_url: str
) -> None:
    # Nobody starts before all have seen an empty database and wait for the lock.
    with migration_lock(parse_url(empty_database_url), Limits()):
        migrators = [start_alembic(empty_database_url) for _ in range(MIGRATORS)]
        for migrator in migrators:
            assert migrator.stdout is not None
            assert any("Another process is migrating" in line for line in migrator.stdout)

    outputs = [migrator.communicate()[0] for migrator in migrators]

    assert [migrator.returncode for migrator in migrators] == [0] * MIGRATORS, outputs
    ran = sorted(output.count("Running upgrade") for output in outputs)
    assert ran == [0] * (MIGRATORS - 1) + [len(revisions)]
    assert migrate.current(empty_database_url) == (revisions[-1].revision,)


def test_migration_killed_after_any_statement_can_be_run_again(
    revisions: list[Script], empty_database_url: str
) -> None:
    script = Path(__file__).with_name("kill_each_statement.py")

    done = subprocess.run(
        [sys.executable, script, empty_database_url, ROOT / "alembic.ini"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    # At least one statement changes the schema and one notes the revision.
    assert int(done.stdout) >= 2 * len(revisions)


def start_alembic(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
