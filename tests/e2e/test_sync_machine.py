"""Three devices, their service and misfortune, step by step beside a model that knows no code.

Requests and answers are lost, workers are killed, changes are sent again, the clock goes back and
forth, what was deleted is collected and backups are put back. Whenever nothing is left to sync, all
devices and the service have the same rows, and they are those that were acknowledged. A longer
search: scripts/bench/sync_machine.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.sync_devices import FAULTS, Device, Push, Reader, checksum_of
from tests.support.sync_model import (
    CONSENTS,
    HISTORY,
    LONGEST_TYPE,
    PROFILES,
    TABLES,
    Document,
    Key,
    Model,
)
from tests.support.sync_site import KILLED_AFTER, Copy, Site, site_on

Heard = tuple[str, Document, httpx.Response]

DEVICES = ("phone", "tablet", "laptop")
FULL_SIZE = "full"
STEPS_OF_TIME = {
    "a minute": timedelta(minutes=1),
    "an hour": timedelta(hours=1),
    "three weeks": timedelta(days=21),
    "a month": timedelta(days=31),
    "a season": timedelta(days=100),
    "an hour back": -timedelta(hours=1),
    "40 days back": -timedelta(days=40),
}

SCALED_DOWN = settings(
    max_examples=5,
    stateful_step_count=20,
    # The shortest story that goes wrong is looked for at full size only: it takes minutes.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
FULL = settings(
    SCALED_DOWN,
    max_examples=200,
    stateful_step_count=50,
    phases=[Phase.generate, Phase.shrink],
)

any_device = st.sampled_from(DEVICES)
any_number = st.integers(0, 999)
# Where a sync is interrupted: at its push, at a page, or not at all because it is over by then.
any_request = st.integers(0, 4)
some = st.booleans()
faults = st.sampled_from([*[None] * 4, *FAULTS])
kills = st.sampled_from([*[None] * 8, *KILLED_AFTER])
action_fields = st.sampled_from(["action_type", "payload"])
profile_fields = st.sampled_from(["display_name", "phone", "theme", "size"])


class SyncMachine(RuleBasedStateMachine):
    """Does anything to an account that its devices, its owner, time and misfortune do."""

    site: ClassVar[Site]
    folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.site.begin()
        self.model = Model.of_new(str(self.site.person.id))
        self.numbers = count(1)
        self.pushes: list[Push] = []
        self.backups: list[tuple[Copy, Model]] = []
        self.overheard: list[Heard] | None = None
        self.reader = Reader(self.site)
        self.devices = {
            name: Device(name, self.site, self.folder, partial(self.hear, name)) for name in DEVICES
        }

    def teardown(self) -> None:
        try:
            self.everything_is_synced()
        finally:
            for device in self.devices.values():
                device.close()

    @rule(who=any_device, is_bad=st.sampled_from([False, False, False, True]))
    def act(self, who: str, *, is_bad: bool) -> None:
        fields = self.news("action_type") | self.news("payload")
        if is_bad:
            fields["action_type"] += "!" * LONGEST_TYPE
        self.devices[who].put(HISTORY, str(uuid4()), fields)

    @rule(who=any_device, which=any_number, name=action_fields)
    def change(self, who: str, which: int, name: str) -> None:
        if known := self.devices[who].ids(HISTORY):
            self.devices[who].change(HISTORY, known[which % len(known)], self.news(name))

    @rule(who=any_device, which=any_number)
    def delete(self, who: str, which: int) -> None:
        if known := self.devices[who].ids(HISTORY):
            self.devices[who].delete(HISTORY, known[which % len(known)])

    @rule(who=any_device, name=profile_fields)
    def change_profile(self, who: str, name: str) -> None:
        device, user_id = self.devices[who], str(self.site.person.id)
        write = device.change if user_id in device.ids(PROFILES) else device.put
        write(PROFILES, user_id, self.news(name))

    @rule(who=any_device, fault=faults, where=any_request)
    def sync(self, who: str, fault: str | None, where: int) -> None:
        self.devices[who].sync(fault, where)

    @precondition(lambda self: self.pushes)
    @rule(which=any_number, is_cursor_kept=some)
    def replay(self, which: int, *, is_cursor_kept: bool) -> None:
        """Send what a device has sent before: a request that was late, or sent twice."""
        push = self.pushes[which % len(self.pushes)]
        body = push.body if is_cursor_kept else {**push.body, "cursor": None}
        self.hear(push.device, body, self.site.request("POST", "sync", body))

    @rule(fault=kills)
    def post(self, fault: str | None) -> None:
        body = self.action()
        answer = self.site.request("POST", "history", body, fault=fault)
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["version"] == self.site.head()
        self.stored(body, answer.json()["version"])

    @rule(which=any_number, name=action_fields, fault=kills)
    def patch(self, which: int, name: str, fault: str | None) -> None:
        if live := sorted(self.model.live(HISTORY)):
            row_id, fields = live[which % len(live)], self.news(name)
            answer = self.site.request("PATCH", f"history/{row_id}", fields, fault=fault)
            assert answer.status_code == 200, answer.text
            self.wrote((HISTORY, row_id), fields, answer.json()["version"])

    @rule(which=any_number, fault=kills)
    def remove(self, which: int, fault: str | None) -> None:
        if live := sorted(self.model.live(HISTORY)):
            row_id = live[which % len(live)]
            answer = self.site.request("DELETE", f"history/{row_id}", fault=fault)
            # 404: a killed worker had done it.
            assert answer.status_code == 204 or fault, answer.text
            self.model.delete((HISTORY, row_id), self.site.now, self.site.head())

    @rule(name=profile_fields, fault=kills)
    def patch_profile(self, name: str, fault: str | None) -> None:
        fields = self.news(name)
        answer = self.site.request("PATCH", "users/me/profile", fields, fault=fault)
        assert answer.status_code == 200, answer.text
        self.wrote((PROFILES, str(self.site.person.id)), fields, answer.json()["version"])

    @rule(is_agreed=some)
    def decide(self, *, is_agreed: bool) -> None:
        fields = {"terms_accepted": False, "marketing_consent": is_agreed}
        answer = self.site.request("PUT", "consents/me", fields)
        assert answer.status_code == 200, answer.text
        key = (CONSENTS, str(self.site.person.id))
        if key not in self.model.rows or self.model.rows[key].fields != fields:
            self.wrote(key, fields, self.site.head())

    @rule(limit=st.integers(1, 4))
    def read(self, limit: int) -> None:
        self.reader.read(limit)

    @rule(how=st.sampled_from(sorted(STEPS_OF_TIME)))
    def time_passes(self, how: str) -> None:
        self.site.step_to(self.site.now + STEPS_OF_TIME[how])

    @rule()
    def collect(self) -> None:
        self.site.command("gc")
        left, known = self.site.stored_history(), self.site.known_changes()
        self.model.collect(left, known, self.site.now)
        for device in self.devices.values():
            device.is_away()

    @rule()
    def back_up(self) -> None:
        self.backups.append((self.site.copy(), self.model.copy()))

    @precondition(lambda self: self.backups)
    @rule(which=any_number)
    def restore(self, which: int) -> None:
        stored, model = self.backups[which % len(self.backups)]
        self.site.put_back(stored)
        self.model = model.copy()
        for device in self.devices.values():
            device.is_forgotten()

    @rule(number=st.integers(0, 3))
    def all_at_once(self, number: int) -> None:
        """Let devices, their owner and a reader come together, each writer with rows of its own."""
        self.everything_is_synced()
        for who in DEVICES:
            self.act(who, is_bad=False)
            self.act(who, is_bad=False)
        actions = [self.action() for _ in range(number)]
        self.overheard = []
        with ThreadPoolExecutor() as pool:
            posts = [pool.submit(self.site.request, "POST", "history", one) for one in actions]
            syncs = [pool.submit(device.sync, None, 0) for device in self.devices.values()]
            pool.submit(self.reader.read, 2).result()
        assert all(sync.result() for sync in syncs)
        events: list[tuple[int, Callable[[], None]]] = []
        for action, post in zip(actions, posts, strict=True):
            version = post.result().json()["version"]
            events.append((version, partial(self.stored, action, version)))
        for heard in self.overheard:
            version = self.site.version_of(heard[1]["mutations"][0]["id"])
            events.append((version, partial(self.judge, *heard, version)))
        self.overheard = None
        # Each transaction has a version of its own, in which the model hears of it.
        for _, tell in sorted(events, key=itemgetter(0)):
            tell()

    @rule()
    def everything_is_synced(self) -> None:
        """Let all devices sync until nothing is left; then all agree."""
        for _ in ("what they have", "what the others had"):
            for device in self.devices.values():
                assert device.sync(None, 0)
        self.reader.read()
        truth = Reader(self.site)
        truth.read(limit=1000)
        told = self.site.request("GET", "sync/checksum").json()
        assert told["version"] == self.site.head() == self.model.version
        for table in TABLES:
            rows = truth.rows[table]
            assert shown(rows, self.model.live(table)) == self.model.live(table)
            assert told["tables"][table] == checksum_of(rows.values())
            assert self.reader.rows[table] == rows
            for device in self.devices.values():
                assert device.rows(table) == rows, device.name
                assert device.checksum(table) == told["tables"][table]["sha256"]
        for device in self.devices.values():
            assert device.is_done(), (device.name, device.unheard)

    def hear(self, device: str, body: Document, answer: httpx.Response) -> None:
        """Note what a device sent, and what it was answered or would have been."""
        if self.overheard is not None:
            self.overheard.append((device, body, answer))
        else:
            self.judge(device, body, answer, self.site.head())

    def judge(self, device: str, body: Document, answer: httpx.Response, version: int) -> None:
        """Compare an answer with what it should be."""
        if answer.status_code == 410:
            assert answer.json()["code"] == "FULL_RESYNC_REQUIRED", answer.text
            assert version == self.model.version
            return
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
        decided = self.model.push(device, body["mutations"], results, self.site.now, version)
        refused = [r["mutation_id"] for r in results if r["verdict"] in ("conflict", "rejected")]
        self.devices[device].hear(decided)
        self.devices[device].has_to_be_told(refused)
        self.pushes.append(Push(device, body))

    def action(self) -> Document:
        """Return an action that nobody has stored yet."""
        return {"id": str(uuid4()), **self.news("action_type"), **self.news("payload")}

    def stored(self, action: Document, version: int) -> None:
        """Note that the owner stored an action without a device."""
        fields = {name: action[name] for name in ("action_type", "payload")}
        self.model.write((HISTORY, action["id"]), fields, version)

    def wrote(self, key: Key, fields: Document, version: int) -> None:
        """Note what the owner wrote without a device."""
        assert version == self.site.head()
        self.model.write(key, fields, version)

    def news(self, name: str) -> dict[str, Any]:
        """Return a value that was never written before."""
        number = next(self.numbers)
        news: dict[str, dict[str, Any]] = {
            "action_type": {"action_type": f"type {number}"},
            "payload": {"payload": {"number": number}},
            "display_name": {"display_name": f"name {number}"},
            "phone": {"phone": f"+{number}"},
            "theme": {"preferences": {"theme": number}},
            "size": {"preferences": {"size": number if number % 3 else None}},
        }
        return news[name]


def shown(rows: dict[str, Document], model: dict[str, Document]) -> dict[str, Document]:
    """Leave of rows what the model has a word for."""
    return {
        row_id: {name: row[name] for name in model.get(row_id, row)} for row_id, row in rows.items()
    }


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with site_on(database_url, tmp_path) as site:
        yield site


def fields_are_merged(told: SyncMachine) -> None:
    told.act("phone", is_bad=False)
    told.act("phone", is_bad=True)
    told.act("phone", is_bad=False)
    told.sync("phone", "answer lost", 0)
    for who in DEVICES:
        told.sync(who, None, 0)
    told.change("phone", 0, "action_type")
    told.change("tablet", 0, "payload")
    told.patch(0, "payload", None)
    told.delete("tablet", 1)
    told.change("laptop", 1, "payload")
    told.change_profile("phone", "theme")
    told.change_profile("tablet", "size")
    told.patch_profile("display_name", None)
    told.decide(is_agreed=True)
    told.time_passes("an hour back")
    told.sync("tablet", "answer lost", 0)
    told.change("tablet", 0, "payload")
    told.sync("phone", "worker killed later", 0)
    told.replay(1, is_cursor_kept=True)
    told.sync("laptop", None, 0)
    told.replay(0, is_cursor_kept=True)


def what_was_deleted_stays_away(told: SyncMachine) -> None:
    for who in DEVICES:
        told.act(who, is_bad=False)
        told.act(who, is_bad=False)
        told.sync(who, None, 0)
    told.everything_is_synced()
    told.delete("phone", 0)
    told.everything_is_synced()
    told.remove(2, None)
    told.sync("laptop", "answer lost", 0)
    told.time_passes("three weeks")
    told.collect()
    for who in ("phone", "tablet", "phone", "tablet"):
        told.sync(who, None, 0)
    told.time_passes("three weeks")
    told.collect()
    told.sync("laptop", None, 0)
    told.change("tablet", 0, "payload")
    told.act("tablet", is_bad=False)
    told.remove(0, None)
    told.time_passes("a season")
    told.sync("phone", None, 0)
    told.collect()
    told.read(1)
    told.time_passes("40 days back")
    told.sync("tablet", "request lost", 1)
    told.delete("laptop", 0)


def backups_are_put_back(told: SyncMachine) -> None:
    told.act("phone", is_bad=False)
    told.post(None)
    told.change_profile("laptop", "theme")
    told.everything_is_synced()
    told.back_up()
    told.change("phone", 0, "payload")
    told.act("tablet", is_bad=False)
    told.sync("phone", None, 0)
    told.sync("tablet", "answer lost", 0)
    told.act("tablet", is_bad=False)
    told.delete("laptop", 0)
    told.change("laptop", 1, "action_type")
    told.restore(0)
    for _ in range(4):
        told.post(None)
    told.replay(1, is_cursor_kept=True)
    told.sync("phone", None, 0)
    told.read(2)
    told.sync("tablet", "worker killed", 1)
    told.replay(0, is_cursor_kept=False)


def pages_are_cut(told: SyncMachine) -> None:
    for _ in range(7):
        told.post(None)
    told.sync("phone", "request lost", 1)
    told.remove(3, None)
    told.patch(1, "payload", None)
    told.sync("phone", "answer lost", 1)
    told.act("phone", is_bad=False)
    told.sync("tablet", "worker killed", 2)
    told.sync("laptop", None, 0)
    for number in range(5):
        told.patch(number, "action_type", None)
        told.change("laptop", number, "payload")
    told.sync("laptop", "answer lost", 2)
    told.decide(is_agreed=False)
    told.sync("phone", "request lost", 3)


def everybody_writes_at_once(told: SyncMachine) -> None:
    for number in range(4):
        told.all_at_once(number)


STORIES = (
    fields_are_merged,
    what_was_deleted_stays_away,
    backups_are_put_back,
    pages_are_cut,
    everybody_writes_at_once,
)


@pytest.mark.slow
def test_devices_never_diverge_from_what_was_acknowledged(site: Site, tmp_path: Path) -> None:
    machine = type("SyncMachine", (SyncMachine,), {"site": site, "folder": tmp_path})
    is_full = settings.get_current_profile_name() == FULL_SIZE

    for story in STORIES:
        told = machine()
        story(told)
        told.teardown()
    run_state_machine_as_test(machine, settings=FULL if is_full else SCALED_DOWN)
