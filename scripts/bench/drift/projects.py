"""Mistakes in the set-up of a project, each made in a project of its own.

Each is checked as people check theirs: by the command, which replays the revisions in a confined
child. Engines make no difference here, so SQLite is the one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from bilayer.drift.findings import Finding
from scripts.bench.drift.cases import Wanted, read
from scripts.bench.drift.cost import write_project
from scripts.bench.drift.scoring import Score, judge
from scripts.bench.frame import progress

GROUP: Final = "set-up of projects"
_HEAD: Final = "import sqlalchemy as sa\nfrom alembic import op\n"
_REVISION: Final = (
    "revision = {name!r}\ndown_revision = {down!r}\n"
    "def upgrade(): pass\ndef downgrade(): raise NotImplementedError\n"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake, and what has to be said of it.

    Attributes:
        make: Makes it in the folder of a project of two tables.
        wants: As ``Case.wants``, of the pair setup; another pair stands before it.
        live: The revision a live database is at; ``None`` if none is checked.
    """

    name: str
    make: Callable[[Path], object]
    wants: tuple[str, ...]
    live: str | None = None


def _swap(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new))


def _revise(
    name: str, down: str | None, place: str = "migrations/versions"
) -> Callable[..., object]:
    text = _HEAD + _REVISION.format(name=name, down=down)
    return lambda folder: (folder / place / f"{name}.py").write_text(text)


def _hide(folder: Path) -> None:
    (folder / "migrations").rename(folder / "alembic")
    (folder / "alembic" / "__init__.py").write_text("")
    _swap("alembic.ini", "%(here)s/migrations", "%(here)s/alembic")(folder)


def _split(folder: Path) -> None:
    _revise("second", "first")(folder)
    _revise("third", "first")(folder)


_ENV: Final = "migrations/env.py"
_METADATA: Final = "target_metadata=metadata"
MISTAKES: Final = (
    Mistake("nothing done", lambda _: None, ()),
    Mistake("several heads", _split, ("BL102 @ E",)),
    Mistake("a predecessor that is not there", _revise("second", "lost"), ("BL103 @ E",)),
    Mistake("two revisions start from nothing", _revise("second", None),
            ("BL103 @ E", "BL102 @ E")),
    Mistake("a revision beside the folder", _revise("second", "first", "migrations"),
            ("BL104 @ W",)),
    Mistake("env.py without metadata", _swap(_ENV, _METADATA, "target_metadata=None"),
            ("BL105 @ E",)),
    Mistake("env.py with empty metadata", _swap(_ENV, _METADATA,
            "target_metadata=__import__('sqlalchemy').MetaData()"), ("BL105 @ E",)),
    Mistake("env.py that lacks a table", _swap(_ENV, "engine = ",
            "metadata.remove(metadata.tables['t1'])\nengine = "), ("BL106 t1 E",)),
    Mistake("a package called alembic", _hide, ("BL101 @ E",)),
    Mistake("a table that PyDAL migrates", _swap("runtime.py",
            'db.define_table("t1",', 'define_table = lambda *given: db.define_table(*given,'
            ' migrate=True)\n    define_table("t1",'), ("BL107 t1 E",)),
    Mistake("a revision that fails", _swap("migrations/versions/first.py", "def upgrade():",
            "def upgrade():\n    op.execute('no statement')"), ("BL114 @ E",)),
    Mistake("a database that is behind", _revise("second", "first"), ("md BL116 @ W",), "first"),
    Mistake("a database at a revision nobody has", lambda _: None, ("md BL117 @ E",), "lost"),
    Mistake("a database that is not stamped", lambda _: None, ("md BL118 @ E",), ""),
)  # fmt: skip


def try_all() -> Iterator[Score]:
    """Make each mistake, and judge what the command says."""
    progress(f"{len(MISTAKES)} projects with mistakes")
    for each in MISTAKES:
        with tempfile.TemporaryDirectory(prefix="bench_drift_") as name:
            group = GROUP if each.wants else "no-op"
            blank = Score(group, each.name, "sqlite", "project")
            yield dataclasses.replace(blank, **_try_one(each, Path(name)))


def _try_one(mistake: Mistake, folder: Path) -> dict[str, Any]:
    write_project(folder, 2)
    arguments = ["check", "--format", "json"]
    if mistake.live is not None:
        _swap("alembic.ini", "[alembic]", "[alembic]\nprepend_sys_path = %(here)s")(folder)
        _run(folder, "alembic", "upgrade", "head")
        with sqlite3.connect(folder / "live.db") as connection:
            connection.execute("DELETE FROM alembic_version")
            rows = [(mistake.live,)] if mistake.live else []
            connection.executemany("INSERT INTO alembic_version VALUES (?)", rows)
        connection.close()
        arguments += ["--url", f"sqlite:///{folder}/live.db"]
    mistake.make(folder)
    done = _run(folder, "bilayer.cli", *arguments)
    try:
        listed = json.loads(done.stdout)["findings"]
    except ValueError:
        return {"error": (done.stderr or done.stdout).strip()[-200:]}
    found = [Finding(**{name: one.get(name) for name in _NAMES}) for one in listed]
    return judge(list(_expect(mistake)), found)


_NAMES: Final = ("code", "name", "severity", "pair", "message", "table", "column")


def _expect(mistake: Mistake) -> Iterator[Wanted]:
    for text in mistake.wants:
        pair, wanted = "setup", text
        if text.startswith("md "):
            pair, wanted = "migrations-database", text.removeprefix("md ")
        if (one := read(wanted, pair, "lite", is_left=False)) is not None:
            yield one


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        # -P: as an installed command, which does not look into the folder it is started in.
        [sys.executable, "-P", "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
        check=False,
    )
