"""The README is true: the service starts as it says, and its walk-through runs as written."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import ROOT

START_SECONDS = 30
BARE = {name: os.environ[name] for name in ("HOME", "PATH")}
pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv/dev.stamp").exists(),
    reason="scripts/run would make .venv anew; start the suite with scripts/test",
)


def block(heading: str, language: str = "sh") -> str:
    """Take the first block to be run below a heading of the README."""
    section = (ROOT / "README.md").read_text().split(f"\n## {heading}\n", 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of a service that scripts/run has started, and its output."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    output = tmp_path / "output"
    with output.open("w") as stream:
        service = subprocess.Popen(
            [ROOT / "scripts/run", "--port", str(port), "--data", tmp_path / "data with spaces"],
            cwd=tmp_path,
            env=BARE,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_it_listens(service, port, output)
        yield port, output
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(START_SECONDS)
    assert service.returncode == 0, output.read_text()


def wait_until_it_listens(service: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            assert service.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        else:
            return


def test_the_walk_through_runs_as_written(started: tuple[int, Path], tmp_path: Path) -> None:
    port, output = started
    commands = block("A walk-through").replace(":5000", f":{port}")

    walked = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], capture_output=True, text=True, check=False
    )
    shell = subprocess.run(
        [ROOT / ".venv/bin/python", "-c", block("A walk-through", "python")],
        env={**BARE, "DATA_DIR": str(tmp_path / "data with spaces")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert walked.returncode == 0, walked.stderr
    assert shell.returncode == 0, shell.stderr
    assert "'full_name': 'Ada'" in shell.stdout
    assert "'full_name': 'Somebody else'" in shell.stdout
    assert "problem" not in walked.stdout
    assert '"email":"ada@example.org"' in walked.stdout.replace(": ", ":")
    assert "TRANSLATE" in walked.stdout
    assert f"http://127.0.0.1:{port}/docs" in output.read_text()


def test_the_first_start_shows_the_password_of_the_admin_and_no_other_does(
    started: tuple[int, Path], tmp_path: Path
) -> None:
    _, output = started

    again = subprocess.run(
        [ROOT / "scripts/run", "--setup-only", "--data", tmp_path / "data with spaces"],
        cwd=tmp_path,
        env=BARE,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "assword" in output.read_text()
    assert "assword" not in again.stdout
