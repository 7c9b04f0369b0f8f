"""A standby is made, asked and diagnosed as docs/operations/replicas.md says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.usecases.query_cache import Key, get, get_or_compute, hash_query
from bilayer.runtime.errors import ReadOnly
from tests.architecture.documents import blocks
from tests.faults.clusters import Cluster, port_of, start_cluster
from tests.operations.conftest import diagnose, problems, settings_with
from tests.support import run as runs
from tests.support.databases import ROOT, migrate
from tests.support.run import Run
from tests.support.servers import render
from tests.support.service import connected

PAGE = ROOT / "docs/operations/replicas.md"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "postgresql" not in runs.own_server_engines(), reason="no PostgreSQL server is installed"
    ),
]


@pytest.fixture(scope="module")
def cluster(suite_run: Run) -> Iterator[Cluster]:
    """A primary with a standby that follows it, and a migrated database on both."""
    folder = suite_run.folder / f"replicas-{os.getpid()}"
    folder.mkdir(mode=0o755)
    cluster = start_cluster(folder)
    migrate(cluster.primary.create_database("app"))
    cluster.catch_up()
    yield cluster
    cluster.stop()


def test_the_service_is_told_that_it_talks_to_a_standby(cluster: Cluster, tmp_path: Path) -> None:
    url = render(cluster.standby.maintenance.set(database="app"))

    findings = diagnose(settings_with(tmp_path, url))

    assert problems(findings) == {"database_writes"}
    assert "standby" in findings["database_writes"].sentence
    assert "DATABASE_HOST" in findings["database_writes"].fix


def test_a_standby_has_no_cached_answers_and_what_computes_them_goes_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    url = render(cluster.standby.maintenance.set(database="app"))
    key = Key.public(hash_query({"prompt": "what a standby does not know"}))

    with connected(settings_with(tmp_path, url)):
        with pytest.raises(ReadOnly):
            get(key)
        assert get_or_compute(key, lambda: "computed", ttl=60) == "computed"


def test_with_both_hosts_the_service_is_well(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.url_of_both("app", "postgres")

    assert problems(diagnose(settings_with(tmp_path, url))) == set()


def test_the_questions_of_the_page_have_answers(cluster: Cluster) -> None:
    questions = [
        line
        for block in blocks(PAGE)
        if block.language == "sql"
        for line in block.text.split(";")
        if line.strip().startswith("SELECT")
    ]
    with cluster.primary.connect() as primary, cluster.standby.connect() as standby:
        (followers,) = [text for text in questions if "pg_stat_replication" in text]
        (age,) = [text for text in questions if "replay_timestamp" in text]
        (is_there,) = [text for text in questions if "is_there" in text]
        (written,) = [text for text in questions if "AS written" in text]

        behind = primary.execute(sa.text(followers)).mappings().all()
        position = primary.exec_driver_sql(written).scalar_one()

        assert [row["state"] for row in behind] == ["streaming"]
        assert standby.exec_driver_sql(age).one()[0] is True
        wait_until_there(standby, is_there.replace("0/0", position))


def wait_until_there(standby: sa.Connection, question: str) -> None:
    """Ask as the page says, until the standby has what was written."""
    deadline = time.monotonic() + 30
    while not standby.exec_driver_sql(question).scalar():
        assert time.monotonic() < deadline, question
        time.sleep(0.05)


def test_the_command_of_the_page_copies_a_server(cluster: Cluster, tmp_path: Path) -> None:
    (command,) = [block.text for block in blocks(PAGE) if block.language == "console"]
    assert cluster.primary.process is not None
    program = Path(cluster.primary.process.install[0]).with_name("pg_basebackup")
    _, *words = shlex.split(command.removeprefix("$ "))
    words[words.index("-h") + 1] = "127.0.0.1"
    words[words.index("-D") + 1] = str(tmp_path / "copy")
    # Whoever follows the page comes to this statement first.
    (role,) = re.findall(r"CREATE ROLE replicator[^;]*", PAGE.read_text())
    cluster.primary.execute(role)

    copied = subprocess.run(
        [program, "-p", str(port_of(cluster.primary)), "-c", "fast", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    with cluster.primary.connect() as primary:
        slots = (
            primary.exec_driver_sql("SELECT slot_name FROM pg_replication_slots").scalars().all()
        )

    assert copied.returncode == 0, copied.stderr
    assert (tmp_path / "copy/standby.signal").exists()
    assert "replica1" in slots
