"""However a check ends, its scratch databases are gone: at once, or with the next check."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config
from pydal import Field

import bilayer
from bilayer.drift import pairing, sources
from bilayer.drift.readers import building, migrations
from bilayer.drift.scratch.databases import Scratch, scratch_databases
from bilayer.drift.scratch.folder import ScratchFolder
from bilayer.drift.scratch.server import ScratchServer
from bilayer.drift.scratch.signals import unwinding
from bilayer.drift.values import checking
from bilayer.urls import engine_name, parse_url
from tests.bilayer.drift.project import CREATE, write_project

SLEEPER = """
import os, pathlib, time
pathlib.Path({started!r}).write_text(str(os.getpid()))
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    """Whoever starts a program in the background may have it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def server(scratch_url: str | None) -> Iterator[sa.Connection | None]:
    """The scratch server, if there is one."""
    if scratch_url is None:
        yield None
        return
    engine = sa.create_engine(scratch_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def list_scratch(server: sa.Connection | None, process: int) -> set[str]:
    """Name a process's scratch databases, or all folders in this test's folder."""
    if server is None:
        return {path.name for path in Path(tempfile.gettempdir()).glob("bilayer_*")}
    names = sa.inspect(server).get_schema_names()
    if server.dialect.name == "postgresql":
        names = list(server.exec_driver_sql("SELECT datname FROM pg_database").scalars())
    return {name for name in names if name.startswith("bilayer_") and f"_{process}_" in name}


def define(db: Any) -> None:
    db.define_table("t", Field("name", length=20))


@pytest.fixture
def models() -> sa.MetaData:
    metadata = sa.MetaData()
    id_ = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("t", metadata, id_, sa.Column("name", sa.String(20)))
    return metadata


@pytest.mark.parametrize(
    ("number", "places"),
    [
        (signal.SIGINT, [(building, "build"), (Scratch, "drop_all")]),
        (signal.SIGTERM, [(ScratchServer, "create"), (ScratchFolder, "make")]),
        (signal.SIGTERM, [(migrations, "_finish"), (checking, "build_table")]),
        (signal.SIGINT, [(sources, "read_catalog"), (pairing, "compare_catalogs")]),
    ],
    ids=["build-drop", "make", "replay-values", "read-compare"],
)
def test_scratch_databases_are_gone_after_a_signal_at_any_moment(
    *,
    models: sa.MetaData,
    tmp_path: Path,
    dialect: str,
    scratch_url: str | None,
    server: sa.Connection | None,
    number: signal.Signals,
    places: list[tuple[Any, str]],
) -> None:
    config = write_project(tmp_path / "project", first=CREATE)
    code = 128 + signal.SIGTERM
    for place, name in places:
        if (place is ScratchServer and server is None) or (place is ScratchFolder and server):
            continue
        with pytest.MonkeyPatch.context() as patch, pytest.raises(BaseException) as stop:  # noqa: PT011 - two kinds, told apart below
            patch.setattr(place, name, signalled(getattr(place, name), number))
            bilayer.check(
                metadata=models, dal=define, migrations=config, dialect=dialect,
                scratch_url=scratch_url, values=True,
            )  # fmt: skip

        expected = KeyboardInterrupt() if number == signal.SIGINT else SystemExit(code)
        assert stop.type is type(expected) or isinstance(stop.value, type(expected)), name
        assert not list_scratch(server, os.getpid()), name
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def signalled(function: Callable[..., Any], number: int) -> Callable[..., Any]:
    """Let a signal arrive while a function runs."""

    def run(*arguments: Any, **options: Any) -> Any:
        if function.__name__ == "drop_all":
            os.kill(os.getpid(), number)
        result = function(*arguments, **options)
        os.kill(os.getpid(), number)
        return result

    return run


def test_signal_that_somebody_swallows_is_raised_in_the_end() -> None:
    with pytest.raises(KeyboardInterrupt), unwinding():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        except:  # noqa: E722 - what a project's code may do
            pass


def start(tmp_path: Path, dialect: str, scratch_url: str | None) -> subprocess.Popen[bytes]:
    """Start a check that replays for a long time; wait until it does."""
    started = tmp_path / "started"
    write_project(tmp_path / "project", first=SLEEPER.format(started=str(started)).strip())
    program = (
        "import bilayer\nfrom alembic.config import Config\n"
        f"bilayer.check(migrations=Config({str(tmp_path / 'project/alembic.ini')!r}),"
        f" dialect={dialect!r}, scratch_url={scratch_url!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_next_check_sweeps_what_a_killed_one_left_and_nothing_else(
    tmp_path: Path, dialect: str, scratch_url: str | None, server: sa.Connection | None
) -> None:
    with start(tmp_path, dialect, scratch_url) as process:
        process.kill()
    left = list_scratch(server, process.pid)
    assert left
    wait_for_end(int((tmp_path / "started").read_text()))
    name = left.pop()
    # One letter off: somebody's own, which happens to be called nearly so.
    similar = name[:-1] + ("0" if name[-1] != "0" else "1")
    make(server, similar)

    other = parse_url(scratch_url) if scratch_url else None
    with scratch_databases(engine_name(dialect), other) as living:
        living.create("first")
        ours = list_scratch(server, os.getpid())
        config = write_project(tmp_path / "second", first=CREATE)
        report = bilayer.check(migrations=config, dialect=dialect, scratch_url=scratch_url)
        kept = list_scratch(server, os.getpid()) & ours

    assert report.failures == ()
    assert kept == ours
    assert list_scratch(server, process.pid) == ({similar} if server is not None else set())
    unmake(server, similar)


def make(server: sa.Connection | None, name: str) -> None:
    """Make a database, or make the folders look old: a young one may be about to be locked."""
    if server is not None:
        server.exec_driver_sql(f"CREATE DATABASE {name}")
        return
    for folder in Path(tempfile.gettempdir()).glob("bilayer_*"):
        os.utime(folder, (0, 0))


def unmake(server: sa.Connection | None, name: str) -> None:
    if server is not None:
        server.exec_driver_sql(f"DROP DATABASE {name}")


def wait_for_end(process: int) -> None:
    """Wait until a process that is no child of ours has ended, as it must by itself."""
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < deadline, "the child outlives the check that started it"
        time.sleep(0.02)


def test_folder_in_use_is_not_swept(tmp_path: Path) -> None:
    with scratch_databases("sqlite", None) as living:
        living.create("first")
        (folder,) = Path(tempfile.gettempdir()).glob("bilayer_*")
        os.utime(folder, (0, 0))
        with scratch_databases("sqlite", None) as second:
            second.create("first")
        assert folder.exists()

    assert not list_scratch(None, 0)


def test_two_checks_at_once_do_not_meet(
    models: sa.MetaData, tmp_path: Path, dialect: str, scratch_url: str | None
) -> None:
    config = write_project(tmp_path, first=CREATE)
    reports: list[bilayer.Report] = []

    def define_and_check(db: Any) -> None:
        define(db)
        reports.append(run_check(models, config, dialect, scratch_url))

    reports.append(
        bilayer.check(
            metadata=models, dal=define_and_check, migrations=config, dialect=dialect,
            scratch_url=scratch_url,
        )
    )  # fmt: skip

    assert [report.failures for report in reports] == [(), ()]
    assert {f.code for f in reports[0].findings} == {f.code for f in reports[1].findings}


def run_check(
    models: sa.MetaData, config: Config, dialect: str, scratch_url: str | None
) -> bilayer.Report:
    return bilayer.check(
        metadata=models, dal=define, migrations=config, dialect=dialect, scratch_url=scratch_url
    )
