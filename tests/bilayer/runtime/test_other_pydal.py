"""The other line of PyDAL, 3.x, gives and takes the same values. It is pinned in pydal3.lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import run as runs
from tests.support.databases import ROOT

OTHER_PYDAL = Path(sys.prefix, "pydal3")
RUN = """
import sys
import pydal, pytest
assert pydal.__version__.startswith("3."), pydal.__file__
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.skipif(
    not OTHER_PYDAL.is_dir(), reason="scripts/test installs PyDAL 3 in .venv/pydal3"
)
def test_every_value_makes_the_round_trip_on_the_other_line_too(suite_run: runs.Run) -> None:
    environment = {
        setting: suite_run.server(engine).url
        for engine, setting in runs.URL_SETTINGS.items()
        if engine in runs.sources()
    }
    environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(OTHER_PYDAL)}
    values = "tests/bilayer/runtime/test_values.py"

    ran = subprocess.run(
        [sys.executable, "-c", RUN, "-q", "-p", "no:cacheprovider", values],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
