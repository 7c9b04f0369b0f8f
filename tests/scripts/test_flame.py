"""``scripts/bench/flame``: which part of a request's time is whose."""

from __future__ import annotations

import subprocess

import pytest

from scripts.bench.flame import shares
from scripts.bench.servers import PEERS
from tests.support.databases import ROOT

OUTER = "run (gunicorn/workers/gthread.py);full_dispatch_request (flask/app.py)"


def test_samples_belong_to_the_innermost_room_that_is_known() -> None:
    parts = shares(
        [
            f"{OUTER};me (app/api/users.py);loads (json/__init__.py:346) 5",
            f"{OUTER};me (app/api/users.py);send (bilayer/runtime/adapters/running.py) 3",
            f"{OUTER} 1",
            "_bootstrap (threading.py:995) 1",
        ]
    )

    assert parts == {
        "routes, access, validation, answers (app.api)": 0.5,
        "the runtime (bilayer.runtime)": 0.3,
        "Flask and Werkzeug": 0.1,
        "the rest": 0.1,
    }


@pytest.mark.skipif(
    not (ROOT / ".venv/dev.stamp").exists() or not PEERS.with_suffix(".stamp").exists(),
    reason="scripts/bench/flame would install what it needs; run it once",
)
@pytest.mark.parametrize("arguments", [(), ("folder", "--seconds", "0")])
def test_wrong_use_is_refused(arguments: tuple[str, ...]) -> None:
    refused = subprocess.run(
        [ROOT / "scripts/bench/flame", *arguments], cwd="/", capture_output=True, check=False
    )

    assert refused.returncode == 2
    assert refused.stdout == b""


def test_help_tells_what_py_spy_takes() -> None:
    told = subprocess.run(
        [ROOT / "scripts/bench/flame", "--help"], capture_output=True, text=True, check=True
    )

    assert "SYS_PTRACE" in told.stdout
    assert "Exit codes:" in told.stdout
