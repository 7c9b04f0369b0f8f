"""A copy of an example project, and the command line run in it as its people would.

The lines of a project say what is wrong with them: ``# BL202 customer.phone`` names a finding that
belongs there, a dash one without a table, and ``[sqlite mysql]`` the only engines that have it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from bilayer.cli import main

EXAMPLES = Path(__file__).parent
_MARK = re.compile(r"\b(BL\d{3}) (-|[\w.]+)(?: \[([a-z ]+)\])?")


@dataclasses.dataclass(frozen=True, order=True, slots=True)
class Mark:
    """A finding by what a reader looks at: what, about what, and where."""

    code: str
    place: str
    location: str


class Project:
    """A project in a folder of its own: a copy of an example, or what was written there."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder / name
        if not self.folder.exists():
            shutil.copytree(EXAMPLES / name, self.folder)

    @property
    def dialects(self) -> Sequence[str]:
        """The engines it is checked on."""
        settings = tomllib.loads((self.folder / "pyproject.toml").read_text())
        dialects: list[str] = settings["tool"]["bilayer"]["dialects"]
        return dialects

    def expect(self, dialect: str) -> set[Mark]:
        """Read what the lines say is wrong with them."""
        found = set()
        for path in self.folder.rglob("*.py"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for code, place, engines in _MARK.findall(line.partition("# ")[2]):
                    if dialect in (engines or dialect).split():
                        location = f"{path.relative_to(self.folder).as_posix()}:{number}"
                        found.add(Mark(code, place, location))
        return found

    def run(self, *arguments: object) -> Result:
        """Run ``bilayer`` in the folder, and forget what it imported there."""
        with _visiting(self.folder):
            result = CliRunner().invoke(main, [str(each) for each in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def check(
        self, dialect: str, scratch_url: str | None = None, *more: str
    ) -> tuple[int, dict[str, Any]]:
        """Check on one engine, and read the report."""
        scratch = ("--scratch-url", scratch_url) if scratch_url else ()
        result = self.run("check", "--json", "--dialect", dialect, *scratch, *more)
        report: dict[str, Any] = json.loads(result.stdout)
        return result.exit_code, report

    def replace(self, name: str, old: str, new: str) -> None:
        """Edit a file."""
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def marks(report: dict[str, Any], *severities: str) -> set[Mark]:
    """List the findings of a report, of some severities or of all."""
    return {
        Mark(finding["code"], place_of(finding) or "-", finding["location"])
        for finding in report["findings"]
        if finding["severity"] in (severities or ("error", "warning", "info"))
    }


def place_of(finding: dict[str, Any]) -> str:
    """Name what a finding is about."""
    return ".".join(part for part in (finding["table"], finding["column"]) if part)


@contextlib.contextmanager
def _visiting(folder: Path) -> Iterator[None]:
    paths, here, writes = [*sys.path], Path.cwd(), sys.dont_write_bytecode
    # A file that is mended within a second would be taken for the one compiled before.
    sys.dont_write_bytecode = True
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        sys.path[:], sys.dont_write_bytecode = paths, writes
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(folder)):
                del sys.modules[name]
