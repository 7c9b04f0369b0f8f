"""SQLite on a disk that nobody can write: what is there is read, and nothing goes stale."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest

from bilayer.runtime import ReadOnly
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.owners import add
from tests.support.disks import small_disk
from tests.support.run import Run


def test_file_on_a_read_only_disk_is_read(suite_run: Run) -> None:
    with small_disk(suite_run, 8) as disk:
        url = f"sqlite:///{disk.folder}/a file, 100% sure?.db"
        schema.create_tables(url)
        with schema.connect(url) as database:
            add(database.dal, "kept")
        disk.make_read_only()

        with schema.connect(url) as database:
            owners = database.dal.owners
            assert [row["name"] for row in database.dal(owners).dicts()] == ["kept"]
            with pytest.raises(ReadOnly):
                owners.insert(id=uuid.uuid4())
            with pytest.raises(ReadOnly), database.transaction():
                owners.insert(id=uuid.uuid4())


def test_log_that_a_crash_left_is_read_too(suite_run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    schema.create_tables(url)
    with small_disk(suite_run, 8) as disk:
        with schema.connect(url) as database:
            add(database.dal, "in the log")
            for file in tmp_path.glob("app.db*"):
                shutil.copy(file, disk.folder)
        disk.make_read_only()

        with schema.connect(f"sqlite:///{disk.folder}/app.db") as database:
            owners = database.dal.owners
            assert [row["name"] for row in database.dal(owners).dicts()] == ["in the log"]
            with pytest.raises(ReadOnly):
                owners.insert(id=uuid.uuid4())


def test_connection_is_replaced_when_the_disk_takes_writes_again(suite_run: Run) -> None:
    with small_disk(suite_run, 8) as disk:
        url = f"sqlite:///{disk.folder}/app.db"
        schema.create_tables(url)
        disk.make_read_only()
        with schema.connect(url) as database:
            assert database.dal(database.dal.owners).count() == 0
            database.release()

            disk.make_writable()

            add(database.dal, "written")
            assert database.dal(database.dal.owners).count() == 1
