"""A copy that ended early, and what is to become of what it left."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.operations import transfer
from app.operations.transfer import copying
from tests.operations.transfer.conftest import Heard, ask, compare, copy, run_sql
from tests.operations.transfer.extremes import DOCUMENTS

KILLED = """
import os, signal, sys
from app.cli.progress import Silence
from app.operations import transfer
from app.operations.transfer import copying
from bilayer.runtime.verbatim_writes import VerbatimWriter, CopyWriter
copying.ROWS_PER_BATCH = 3
left = 30
def dying(write):
    def write_or_die(self, rows):
        global left
        left -= 1
        write(self, rows)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return write_or_die
for kind in (VerbatimWriter, CopyWriter):
    kind.write = dying(kind.write)
with transfer.open_from(sys.argv[1]) as here, transfer.open_to(sys.argv[2]) as there:
    transfer.copy_tables(here, there, Silence())
"""
"""A copy in small batches that is killed when it has written one and not committed it."""


class Stopping(Heard):
    """Stops when so many rows are done.

    Args:
        at: How many.
    """

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def advance(self, table: str, rows: int) -> None:
        """Stop, if it is time."""
        super().advance(table, rows)
        if self.done >= self._at:
            raise KeyboardInterrupt


def test_copy_that_was_killed_is_finished_by_another(source_file: Path, target_url: str) -> None:
    source_url = f"sqlite:///{source_file}"
    killed = subprocess.run([sys.executable, "-c", KILLED, source_url, target_url], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert compare(source_url, target_url).differing > 0

    with pytest.raises(
        transfer.EndRefused, match="TO is not empty: there are rows in audit_blocks"
    ):
        copy(source_url, target_url)
    copied = copy(source_url, target_url, is_resumed=True)

    assert copied["history"] == len(DOCUMENTS) + 2
    assert compare(source_url, target_url).differing == 0


def test_copy_can_be_stopped_at_every_batch(
    source_file: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS_PER_BATCH", 7)
    source_url = f"sqlite:///{source_file}"

    stops = 0
    for at in range(1, 1000, 20):
        with transfer.open_from(source_url) as here, transfer.open_to(sqlite_url) as there:
            try:
                transfer.copy_tables(here, there, Stopping(at), is_resumed=True)
            except KeyboardInterrupt:
                stops += 1
            else:
                break

    assert stops > 3
    assert compare(source_url, sqlite_url).differing == 0


@pytest.mark.parametrize(
    "changing", ["DELETE FROM chat_messages", "UPDATE chat_messages SET content = 'changed'"]
)
def test_copy_of_what_has_changed_since_is_not_gone_on_with(
    source_file: Path, sqlite_url: str, changing: str
) -> None:
    source_url = f"sqlite:///{source_file}"
    copy(source_url, sqlite_url)
    run_sql(source_url, f"{changing} WHERE content = ''")
    copies = ask(sqlite_url, "SELECT count(*) FROM chat_messages")

    with pytest.raises(transfer.EndRefused, match="they differ in chat_messages") as refused:
        copy(source_url, sqlite_url, is_resumed=True)

    assert "Empty TO, and copy anew" in str(refused.value)
    assert ask(sqlite_url, "SELECT count(*) FROM chat_messages") == copies


def test_copy_that_is_whole_can_be_gone_on_with(source_file: Path, sqlite_url: str) -> None:
    source_url = f"sqlite:///{source_file}"
    first = copy(source_url, sqlite_url)

    assert copy(source_url, sqlite_url, is_resumed=True) == first
    assert compare(source_url, sqlite_url).differing == 0
