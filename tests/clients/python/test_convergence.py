"""Two devices that do anything in any order, while requests and answers are lost: they agree."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offline_store import Agreement, Unreachable
from tests.clients.python.conftest import Backup, Home
from tests.clients.python.devices import Device, Loss

Deed = Literal["note", "change", "delete", "sync", "reopen", "backup", "restore"]
DEEDS: list[Deed] = ["note", "note", "change", "change", "delete", "sync", "sync", "reopen"]
LOSSES: list[Loss | None] = [None, None, "request", "answer"]
STEPS = st.tuples(
    st.sampled_from([*DEEDS, "backup", "restore"]),
    st.integers(0, 1),
    st.integers(0, 9),
    st.lists(st.sampled_from(LOSSES), max_size=4),
)


@dataclass
class Story:
    """What two devices do, and what may be seen in the end.

    Attributes:
        written: Every text that each action ever had.
        deleted: Actions that somebody has deleted.
        safe: Actions that no restore may take away.
    """

    home: Home
    database_url: str
    devices: list[Device]
    written: dict[str, set[str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    safe: set[str] = field(default_factory=set)
    backup: Backup | None = None

    def act(self, deed: Deed, which: int, choice: int, losses: list[Loss | None]) -> None:
        device = self.devices[which]
        seen = sorted(device.texts())
        text = f"{deed} {len(self.written)} {choice}"
        if deed == "note":
            made = device.note(text)
            self.written[made] = {text}
            self.safe.add(made)
        elif deed == "change" and seen:
            chosen = seen[choice % len(seen)]
            device.store.change("history", chosen, payload={"text": text})
            self.written[chosen].add(text)
        elif deed == "delete" and seen:
            chosen = seen[choice % len(seen)]
            device.store.delete("history", chosen)
            self.deleted.add(chosen)
        elif deed == "sync":
            device.wire.losses = list(losses)
            with suppress(Unreachable):
                device.sync()
        elif deed == "reopen":
            device.reopen()
        elif deed == "backup":
            self.backup = Backup(self.database_url)
        elif deed == "restore" and self.backup:
            self.backup.put_back()
            # What no device has seen come back is sent again; what has is as the backup has it.
            rows = [row for one in self.devices for row in one.store.list("history")]
            unseen = {row.id for row in rows if row.version == 0}
            self.safe &= unseen | self.backup.live_history()

    def end(self) -> None:
        for device in self.devices * 2:
            device.wire.losses = []
            device.sync()
        first, second = (device.texts() for device in self.devices)
        assert first == second
        assert all(text in self.written[one] for one, text in first.items())
        assert self.safe - self.deleted <= set(first)
        for device in self.devices:
            assert device.store.verify(device.wire) is Agreement.AGREES
            assert device.store.pending() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=5, max_size=30))
def test_devices_agree_whatever_they_do_and_whatever_is_lost(
    home: Home, database_url: str, steps: list[tuple[Deed, int, int, list[Loss | None]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as closing:
        mine = Home(home.app, Path(folder), closing)
        devices = [mine.device("phone", page_size=2), mine.device("tablet")]
        story = Story(mine, database_url, devices)

        for step in steps:
            story.act(*step)

        story.end()
