"""Whatever has happened to a backup is found before anybody needs it. No engine matters here."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest
import sqlalchemy as sa

from app.data_settings import DataSettings
from app.operations.backup.creating import Place
from app.operations.backup.engines import find_orphans
from app.operations.backup.errors import BackupError, Broken
from app.operations.backup.manifest import FILE, FileEntry, Manifest, read_manifest
from app.operations.backup.sealing import seal, unseal
from app.operations.backup.verifying import open_backup
from tests.factories import make_user
from tests.operations.backup.conftest import HEAD, Site

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

LARGE = 32 << 20


@pytest.fixture
def identity() -> Any:
    return pyrage.x25519.Identity.generate()


def encrypted(site: Site, identity: Any) -> Site:
    recipients = [str(identity.to_public())]
    return replace(site, place=Place(site.place.folder, recipients, str(identity)))


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_one_flipped_byte_anywhere_is_found(site: Site, identity: Any, is_encrypted: bool) -> None:
    site = encrypted(site, identity) if is_encrypted else site
    made = site.create()
    folder = site.path(made.name)
    for name in made.files:
        size = (folder / name).stat().st_size
        for at in {0, 1, size // 3, size // 2, size - 1}:
            flip(folder / name, at)
            with pytest.raises(Broken, match=name):
                open_backup(folder, engine="sqlite", head=HEAD)
            flip(folder / name, at)
    size = (folder / FILE).stat().st_size
    for at in {*range(0, size, 17), *range(size - 200, size)}:
        flip(folder / FILE, at)
        with pytest.raises(Broken, match=FILE):
            read_manifest(folder)
        flip(folder / FILE, at)

    site.verify(made.name)


def cut(folder: Path, name: str) -> None:
    with (folder / name).open("r+b") as file:
        file.truncate((folder / name).stat().st_size - 1)


def link(path: Path) -> None:
    path.symlink_to(path.rename(path.parent.parent / "elsewhere"))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda folder: cut(folder, "database.sqlite"), "bytes, and had"),
        (lambda folder: cut(folder, FILE), "is not what was written"),
        (lambda folder: (folder / "database.sqlite").unlink(), "cannot be read: No such file"),
        (lambda folder: (folder / FILE).unlink(), "cannot be read: No such file"),
        (lambda folder: (folder / "other").touch(), "a file that is none of its own: other"),
        (lambda folder: (folder / FILE).write_text("[" * 100_000), "is not what was written"),
        (lambda folder: link(folder / "database.sqlite"), "is no file"),
    ],
)
def test_what_is_missing_or_cut_or_added_is_found(
    site: Site, harm: Callable[[Path], object], sentence: str
) -> None:
    made = site.create()
    harm(site.path(made.name))

    with pytest.raises(Broken, match=sentence):
        site.verify(made.name)


def test_backup_under_another_name_and_another_manifest_are_found(site: Site) -> None:
    first, second = site.create(), site.create()
    with pytest.raises(Broken, match="another manifest than the one that the database knows"):
        site.verify(first.name, known=second.digest)
    shutil.rmtree(site.path(second.name))
    shutil.copytree(site.path(first.name), site.path(second.name))

    with pytest.raises(Broken, match=f"says that it is {first.name}"):
        site.verify(second.name)


def test_rows_that_are_not_those_that_were_counted_are_found(site: Site) -> None:
    made = site.create()
    tables = dict(made.tables)
    tables["users"] = {**tables["users"], "rows": 7}
    tables["history"] = {**tables["history"], "sha256": "0" * 64}
    (site.path(made.name) / FILE).unlink()
    replace(made, tables=tables).write(site.path(made.name))

    with pytest.raises(Broken) as found:
        site.verify(made.name)

    assert "rows of history differ; users has 2 rows, and had 7" in str(found.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": ["../database.sqlite", "erasures.jsonl"]},
        {"files": ["database.sqlite"]},
        {"files": ["erasures.jsonl", "database.sqlite/../../x"]},
        {"tables": {"users": {"rows": 1}}},
        {"tables": None},
    ],
)
def test_manifest_that_somebody_made_up_names_no_other_file(
    tmp_path: Path, engine: str, changes: dict[str, Any]
) -> None:
    strings = ("created_at", "app_version", "revision", "engine", "server", "tool")
    facts: dict[str, Any] = dict.fromkeys(strings, "") | {"name": tmp_path.name, "tables": {}}
    facts |= {"is_encrypted": False, "audit_head": None, **changes}
    names = changes.get("files", ("database.sqlite", "erasures.jsonl"))
    facts["files"] = dict.fromkeys(names, FileEntry(0, "0" * 64))
    Manifest(**facts).write(tmp_path)

    with pytest.raises(Broken, match="is not what was written"):
        read_manifest(tmp_path)


def test_row_that_refers_to_nothing_is_found(site: Site, tmp_path: Path) -> None:
    with sa.create_engine(site.url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("DELETE FROM users")

    assert "2 rows of history(user_id) refer to nothing" in find_orphans(site.url)


def test_backup_of_another_revision_or_engine_is_refused_with_what_to_do(site: Site) -> None:
    made = site.create()
    with pytest.raises(BackupError) as older:
        site.verify(made.name, head="000000000000")
    with pytest.raises(BackupError) as elsewhere:
        open_backup(site.path(made.name), engine="postgresql", head=HEAD)

    assert f"Use release {made.app_version}, with which it was made" in str(older.value)
    assert "backend db upgrade" in str(older.value)
    assert "restore it into sqlite, then use `backend db copy`" in str(elsewhere.value)


def test_who_has_no_key_or_another_one_is_told_so_and_reads_nothing(
    site: Site, identity: Any
) -> None:
    user = make_user()
    closed = encrypted(site, identity)
    made = closed.create()
    other = replace(
        closed, place=replace(closed.place, identity=str(pyrage.x25519.Identity.generate()))
    )
    nobody = replace(closed, place=replace(closed.place, identity=None))
    wrong = replace(closed, place=replace(closed.place, identity="AGE-SECRET-KEY-1"))

    closed.verify(made.name)
    refusals = []
    for one in (other, nobody, wrong):
        with pytest.raises(BackupError) as refusal:
            one.verify(made.name)
        refusals.append(str(refusal.value))

    key = "set BACKUP_IDENTITY (or _FILE) to the private key it was encrypted for."
    assert refusals == [
        f"{made.name} was encrypted for another key than BACKUP_IDENTITY.",
        f"{made.name} is encrypted: {key}",
        "BACKUP_IDENTITY must be an age private key (AGE-SECRET-KEY-1...).",
    ]
    stored = b"".join(path.read_bytes() for path in closed.path(made.name).iterdir())
    assert user["email"].encode() not in stored
    for text in ("age1", ",", " "):
        recipients = DataSettings(backup_recipients=text).recipients
        with pytest.raises(BackupError, match="BACKUP_RECIPIENTS must be age public keys"):
            replace(site, place=replace(site.place, recipients=recipients)).create()


def test_later_backup_that_does_not_tell_who_was_erased_is_named(
    site: Site, identity: Any, other_url: str
) -> None:
    made = site.create()
    later = encrypted(site, identity).create()

    done = site.restore(made.name, other_url)

    assert [why.split()[0] for why in done.unread] == [later.name]


class Zeros:
    """A stream that is too large to be in memory, and looks at how much is asked for."""

    def __init__(self) -> None:
        self.left, self.most = LARGE, 0

    def read(self, size: int = -1) -> bytes:
        self.most = max(self.most, size if size >= 0 else LARGE)
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


class Counter(io.RawIOBase):
    count = most = 0

    def write(self, data: Any) -> int:
        self.count, self.most = self.count + len(data), max(self.most, len(data))
        return len(data)


def test_files_are_never_in_memory_as_a_whole(tmp_path: Path, identity: Any, engine: str) -> None:
    source, target = Zeros(), Counter()

    entry = seal(source, tmp_path / "zeros.age", [identity.to_public()])
    unseal(tmp_path / "zeros.age", target, [identity])

    assert (target.count, entry.bytes) == (LARGE, (tmp_path / "zeros.age").stat().st_size)
    assert max(source.most, target.most) <= 1 << 20
