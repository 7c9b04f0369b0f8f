"""The other line of PyDAL, 3.x, keeps and refuses the same values. It is pinned in pydal3.lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import run as runs
from tests.support.databases import ROOT

OTHER_PYDAL = Path(sys.prefix, "pydal3")
SUITES = ("values", "refusals", "injection")
RUN = """
import sys
import pydal, pytest
assert pydal.__version__.startswith("3."), pydal.__file__
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.skipif(
    not OTHER_PYDAL.is_dir(), reason="scripts/test installs PyDAL 3 in .venv/pydal3"
)
def test_other_line_of_pydal_keeps_and_refuses_the_same_values(
    engine: str, scratch_url: str | None
) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(OTHER_PYDAL)}
    if scratch_url is not None:
        environment[runs.URL_SETTINGS[engine]] = scratch_url
    suites = [str(Path(__file__).with_name(f"test_{name}.py")) for name in SUITES]

    ran = subprocess.run(
        [sys.executable, "-c", RUN, "-q", "-p", "no:cacheprovider", "-k", engine, *suites],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
