"""The reference client over real HTTP: as its page shows it, and killed at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offline_store import Agreement, HttpTransport, Store
from tests.architecture.documents import blocks
from tests.support import diarist
from tests.support.backend import Backend
from tests.support.databases import ROOT

ROUNDS = 8
DELETED = "-"


def guest_token(backend: Backend) -> str:
    """Come as a guest and return the token."""
    with backend.client() as client:
        return str(client.post("/api/v1/auth/guest").json()["access_token"])


def write_until_killed(arguments: list[str], told: dict[str, set[str]]) -> None:
    """Let a device be used, kill it at some moment, and note what each row may hold now."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "clients/python/src")}
    command = [sys.executable, "-P", diarist.__file__, *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as device:
        assert device.stdout is not None
        last_line = random.randint(1, 30)
        for number, line in enumerate(device.stdout):
            word, row_id, text = line.split()
            told[row_id] = {text} | (told.get(row_id, set()) if word == "try" else set())
            if number == last_line:
                time.sleep(random.random() / 50)
                device.kill()
    assert device.returncode == -signal.SIGKILL


def texts_of(store: Store) -> dict[str, str]:
    """Return what the device sees, by id."""
    return {row.id: row.fields["payload"]["text"] for row in store.list("history")}


def test_a_device_that_is_killed_at_any_moment_loses_nothing(
    sqlite_backend: Backend, tmp_path: Path
) -> None:
    path, base_url = tmp_path / "diary.db", f"{sqlite_backend.url}/api/v1"
    token = guest_token(sqlite_backend)
    told: dict[str, set[str]] = {}

    for _ in range(ROUNDS):
        write_until_killed([str(path), base_url, token], told)
        with Store(path) as store:
            seen = texts_of(store)
        wrong = {one: texts for one, texts in told.items() if seen.get(one, DELETED) not in texts}
        assert wrong == {}
        # From here on it is known what became of the last action of each life.
        told = {one: {seen.get(one, DELETED)} for one in {*told, *seen}}

    transport = HttpTransport(base_url, lambda: token)
    with Store(path) as store, Store(tmp_path / "new.db") as other:
        agreements = {store.verify(transport), other.verify(transport)}
        assert agreements == {Agreement.AGREES}
        kept = {one: text for one, (text,) in told.items() if text != DELETED}
        assert texts_of(store) == texts_of(other) == kept
        assert (store.pending(), store.refused()) == ([], [])


def block(language: str, word: str) -> str:
    """Return the block of the page that has a word in it."""
    [found] = [
        one.text
        for one in blocks(ROOT / "docs/sync.md")
        if one.language == language and word in one.text
    ]
    return found


def test_the_example_of_the_page_runs_as_written(sqlite_backend: Backend) -> None:
    commands = block("sh", "mutation_id").replace(":5000", f":{sqlite_backend.port}")

    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    first, second, changes, checksums = map(json.loads, run.stdout.splitlines())
    assert first == second
    assert first["results"][0]["verdict"] == "applied"
    [row] = changes["changes"]["history"]["upserted"]
    assert row["payload"] == {"text": "woof"}
    assert changes["cursor"] == checksums["cursor"]


def test_the_client_is_used_as_the_page_says(
    backend: Backend,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    program = block("python", "offline_store").replace(":5000", f":{backend.port}")

    exec(compile(program, "sync.md", "exec"), {"token": guest_token(backend)})

    printed = capsys.readouterr().out
    assert "woof, woof not sent yet" in printed
    assert "2 sent, " in printed
    assert printed.endswith("agrees\n")
