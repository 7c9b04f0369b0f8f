"""Whoever dies, or finds no room, leaves nothing that looks like a backup, and nothing behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.operations.backup.creating import Place
from app.operations.backup.engines.scratch import PREFIX, is_abandoned, new_name
from app.operations.backup.errors import BackupError
from app.operations.backup.folder import BackupFolder
from tests.operations.backup.conftest import Site, running_backend, scratches_on
from tests.support.disks import small_disk
from tests.support.run import Run


def has_work(site: Site) -> bool:
    return any(site.place.folder.path.glob(".work-*/backup"))


def test_who_is_killed_while_making_a_backup_leaves_none(site: Site) -> None:
    with running_backend(site, "create", after=lambda _: has_work(site)) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert site.place.folder.names() == []

    made = site.create()

    assert [path.name for path in site.place.folder.path.iterdir() if path.is_dir()] == [made.name]


def test_who_is_ended_while_verifying_leaves_no_scratch_database(
    site: Site, engine: str, scratch_url: str | None
) -> None:
    made = site.create()
    folder = site.place.folder.path

    def is_loading(pid: int) -> bool:
        if scratch_url is None:
            return any(folder.glob(".work-*/*.sqlite"))
        return bool(scratches_on(scratch_url, pid))

    with running_backend(site, "verify", made.name, after=is_loading) as process:
        process.terminate()
        _, told = process.communicate()

    assert process.returncode == 128 + signal.SIGTERM, told
    assert {path.name for path in folder.iterdir()} == {".lock", made.name}
    assert scratch_url is None or not scratches_on(scratch_url, process.pid)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True)
def test_who_is_ended_when_a_scratch_database_is_made_drops_it(
    site: Site, scratch_url: str
) -> None:
    made = site.create()
    ended = []

    def end(*arguments: Any) -> None:
        if arguments[2].startswith(f"CREATE DATABASE {PREFIX}"):
            ended.append(arguments[2])
            raise SystemExit(143)

    sa.event.listen(sa.Engine, "after_cursor_execute", end)
    try:
        with pytest.raises(SystemExit):
            site.verify(made.name)
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", end)

    assert len(ended) == 1
    assert not scratches_on(scratch_url, os.getpid())


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_only_one_works_on_the_backups_at_a_time(site: Site) -> None:
    with (
        site.place.folder.lock(),
        pytest.raises(BackupError, match="Somebody works on the backups"),
    ):
        site.create()

    first, second = site.create(), site.create()

    assert site.place.folder.names() == sorted([first.name, second.name], reverse=True)


@pytest.mark.parametrize("megabytes", [1])
def test_disk_that_is_full_is_named_and_keeps_nothing(
    site: Site, suite_run: Run, megabytes: int
) -> None:
    with small_disk(suite_run, megabytes) as disk:
        place = Place(BackupFolder(disk.folder / "backups"))
        with place.folder.lock():
            pass
        disk.fill()

        with pytest.raises(BackupError) as refusal:
            Site(site.url, site.settings, place).create()

        assert str(refusal.value).count("\n") == 0
        assert "full" in str(refusal.value)
        assert place.folder.names() == []
        assert [path.name for path in place.folder.path.iterdir()] == [".lock"]


def test_scratch_database_of_somebody_who_may_be_alive_is_left() -> None:
    assert not is_abandoned(new_name())
    assert is_abandoned("backup_scratch_1000000000_00000000")
    assert not is_abandoned("backup_scratch_of_mine")


def test_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(BackupError, match="BACKUP_DIR cannot be written to"),
        BackupFolder(tmp_path / "file").lock(),
    ):
        pass
