"""What a check costs beside ``alembic check``, on the same schema, for 10, 100 and 300 tables.

Both are commands, as people and CI start them, and take turns. The check compares models with
revisions and with PyDAL's tables; Alembic compares models with a database that is at the head.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.bench.frame import CannotMeasure, Comparison, Goal, Options, Result, Turn, compare

SIZES: Final = (10, 100, 300)
_BOUND: Final = 3.0
_MOST_SECONDS: Final = 3.0
_GROWTH: Final = 1.5
"""How much more than its part a table of the largest schema may take."""

_TABLE: Final = """
sa.Table("t{n}", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("title", sa.String(200)),
    sa.Column("body", sa.Text),
    sa.Column("amount", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("rank", sa.SmallInteger),
    sa.Column("born_on", sa.Date),
    sa.Column("ratio", sa.Double),
    sa.Column("parent_id", sa.Integer),
    sa.UniqueConstraint("code", name="uq_t{n}_code"),
    sa.CheckConstraint("amount >= 0", name="ck_t{n}_amount"),
    sa.ForeignKeyConstraint(["parent_id"], ["t{parent}.id"], name="fk_t{n}_parent"),
    sa.Index("ix_t{n}_title", "title"),
)
"""
_FIELDS: Final = """
    db.define_table("t{n}",
        Field("id", "id"),
        Field("code", "string", length=40, notnull=True),
        Field("title", "string", length=200),
        Field("body", "text"),
        Field("amount", "integer", notnull=True, default=0),
        Field("rank", "integer"),
        Field("born_on", "date"),
        Field("ratio", "double"),
        Field("parent_id", "integer"),
    )
"""
_ENV: Final = """
import sqlalchemy as sa
from alembic import context
from models import metadata
engine = sa.engine_from_config(context.config.get_section("alembic"))
with engine.connect() as connection:
    context.configure(connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
_SETTINGS: Final = """
[tool.bilayer]
models = "models:metadata"
runtime = "runtime:define"
migrations = "alembic.ini"
dialects = ["sqlite"]
pythonpath = ["."]
"""


@dataclasses.dataclass
class Command:
    """A command that is run once in each turn."""

    name: str
    arguments: tuple[str, ...]
    folder: Path

    def take_turn(self, _seconds: int) -> Turn:
        """Run it; it has to find nothing."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", *self.arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{self.folder}"},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise CannotMeasure(f"{self.name}: {done.stdout}{done.stderr}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Turn(1, seconds, cpu, p50_ms=1000 * seconds)


def measure(options: Options, sizes: tuple[int, ...] = SIZES) -> Iterator[Result]:
    """Compare both at each size; then say whether 100 tables are fast, and growth is linear."""
    results = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="bench_drift_") as name:
            folder = Path(name)
            write_project(folder, size)
            command = Command("alembic upgrade", ("alembic", "upgrade", "head"), folder)
            command.take_turn(0)
            contestants = (
                Command("bilayer check", ("bilayer.cli", "check"), folder),
                Command("alembic check", ("alembic", "check"), folder),
            )
            title = f"drift, cost of {size} tables on SQLite"
            results[size] = compare(Comparison(title, contestants, Goal("cost", _BOUND)), options)
        yield results[size]
    yield _judge_growth(results)


def write_project(folder: Path, size: int) -> None:
    """Write a project of so many tables: models, a revision, and PyDAL's tables."""
    tables = "".join(_TABLE.format(n=n, parent=max(n - 1, 0)) for n in range(size))
    fields = "".join(_FIELDS.format(n=n) for n in range(size))
    models = f"import sqlalchemy as sa\nmetadata = sa.MetaData()\n{tables}"
    (folder / "models.py").write_text(models)
    (folder / "runtime.py").write_text(f"from pydal import Field\ndef define(db):\n{fields}")
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "migrations" / "env.py").write_text(_ENV)
    body = tables.replace("sa.Table(", "op.create_table(").replace(", metadata,", ",")
    indented = "".join(f"    {line}\n" for line in body.splitlines() if line)
    (versions / "first.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'first'\n"
        f"down_revision = None\ndef upgrade():\n{indented}\ndef downgrade():\n"
        "    raise NotImplementedError\n"
    )
    (folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\npath_separator = os\n"
        f"sqlalchemy.url = sqlite:///{folder}/live.db\n"
    )
    (folder / "pyproject.toml").write_text(_SETTINGS)


def _judge_growth(results: dict[int, Result]) -> Result:
    """Compare what a table more costs between the sizes."""
    seconds = {
        size: result.figures["contestants"]["bilayer check"]["p50_ms"]["median"] / 1000
        for size, result in results.items()
    }
    figures = {"seconds": {str(size): round(taken, 2) for size, taken in seconds.items()}}
    told = ", ".join(f"{size} tables {taken:.2f} s" for size, taken in seconds.items())
    if set(seconds) != set(SIZES):
        return Result("drift, growth", figures, f"drift, growth: {told}", None)
    few, some, many = (seconds[size] for size in SIZES)
    steep = ((many - some) / (SIZES[2] - SIZES[1])) / ((some - few) / (SIZES[1] - SIZES[0]))
    is_good = some <= _MOST_SECONDS and steep <= _GROWTH
    sentence = (
        f"drift, growth: {told}; 100 tables wanted in {_MOST_SECONDS:.0f} s; a table more costs"
        f" {steep:.2f} times as much past 100 as before, wanted at most {_GROWTH}:"
        f" {'met' if is_good else 'MISSED'}"
    )
    return Result("drift, growth", {**figures, "steepness": round(steep, 2)}, sentence, is_good)
