"""A small Alembic project in a temporary folder, whose revisions a test writes itself."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config

from bilayer import migrate
from bilayer.migrate import Limits
from tests.support.run import sources

ENV = """
import sqlalchemy as sa
from alembic import context
from bilayer.migrate import Limits, run_env

run_env(context, sa.MetaData(), default_url=lambda: {url!r}, limits={limits!r})
"""

REVISION = """
import os, signal, time
import sqlalchemy as sa
from alembic import op
from bilayer.migrate import commits_each_statement

revision = {name!r}
down_revision = {parent!r}
branch_labels = None
depends_on = None


def upgrade():
{up}


def downgrade():
{down}
"""

IMPATIENT = Limits(
    lock_timeout=1, statement_timeout=5, attempts=20, pause=0.1, longest_pause=0.2, wait=20
)


def only(*engines: str) -> pytest.MarkDecorator:
    """Run a test on these engines alone, as far as they are to be had."""
    found = [engine for engine in engines if engine in sources()]
    return pytest.mark.parametrize("engine", found, indirect=True)


@dataclass
class Project:
    """One chain of revisions and the database they are for."""

    folder: Path
    url: sa.URL
    limits: Limits = IMPATIENT
    revisions: list[str] = field(default_factory=list)

    def add(self, name: str, up: str, down: str = "pass") -> None:
        """Append a revision."""
        text = REVISION.format(
            name=name,
            parent=self.revisions[-1] if self.revisions else None,
            up=textwrap.indent(textwrap.dedent(up).strip(), "    "),
            down=textwrap.indent(textwrap.dedent(down).strip(), "    "),
        )
        folder = self.folder / "scripts" / "versions"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        self.revisions.append(name)
        self._write_env()

    @property
    def config(self) -> Config:
        """The project's configuration, as a program would make it."""
        self._write_env()
        config = Config()
        config.set_main_option("script_location", str(self.folder / "scripts"))
        config.set_main_option("path_separator", "newline")
        return config

    def upgrade(self, revision: str = "head") -> None:
        """Migrate in this process."""
        migrate.upgrade(self.config, revision)

    def downgrade(self, revision: str) -> None:
        """Undo in this process."""
        migrate.downgrade(self.config, revision)

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Alembic's command line in a process of its own."""
        self._write_env()
        ini = self.folder / "alembic.ini"
        ini.write_text("[alembic]\nscript_location = %(here)s/scripts\npath_separator = newline\n")
        return subprocess.Popen(
            [sys.executable, "-m", "alembic", "-c", str(ini), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def tables(self) -> set[str]:
        """Name the tables there are, without Alembic's own."""
        with self.connect() as connection:
            return set(sa.inspect(connection).get_table_names()) - {"alembic_version"}

    def connect(self) -> sa.Connection:
        """Open a connection that commits each statement."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        return engine.connect()

    def _write_env(self) -> None:
        url = self.url.render_as_string(hide_password=False)
        (self.folder / "scripts").mkdir(exist_ok=True)
        (self.folder / "scripts" / "env.py").write_text(ENV.format(url=url, limits=self.limits))


def wait_until(
    is_so: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 20
) -> None:
    """Wait for something that a running process brings about; fail if it ends first."""
    end = time.monotonic() + seconds
    while not is_so():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
