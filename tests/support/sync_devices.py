"""Devices of one person behind a wire that loses, and somebody who only reads.

A device is the reference client with its own store. The reader keeps rows in a dict, and shares no
code with it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from offline_store import Answer, Mutation, Request, Result, Store, Unreachable
from tests.support.sync_model import TABLES, Document
from tests.support.sync_site import KILLED_AFTER, Site

FAULTS: Final = ("request lost", "answer lost", *KILLED_AFTER)
Place = tuple[str, str, str | None]
_PAGE: Final = 3
"""Rows of a page: few, so that there are pages."""
_WAITED_FOR: Final = timedelta(days=90) - timedelta(hours=1)
"""Deletions are kept for a device so long; when it was here is noted once an hour."""


@dataclass
class Push:
    """What a device has sent, which anybody may send again."""

    device: str
    body: Document


class Wire:
    """Carries the requests of one device, and loses the one it is told to.

    Args:
        site: Where they go.
        hear: Is told each push and its answer, whether the device hears of it or not.

    Attributes:
        is_left_behind: Deletions were forgotten that the device has not heard of.
    """

    def __init__(self, site: Site, hear: Callable[[Document, httpx.Response], None]) -> None:
        self._site = site
        self._hear = hear
        self._fault: str | None = None
        self._left = 0
        self.is_left_behind = False

    def arm(self, fault: str | None, where: int) -> None:
        """Let something happen to a request, after some others."""
        self._fault, self._left, self.is_left_behind = fault, where, False

    def send(self, request: Request) -> Answer:
        """Send a request and return the answer.

        Raises:
            Unreachable: It was lost, or the answer was.
        """
        fault, self._left = self._fault if self._left == 0 else None, self._left - 1
        if fault == "request lost":
            raise Unreachable(fault)
        path = f"{request.path}?{urlencode(request.query)}" if request.query else request.path
        # What a killed worker did is known by asking again, which changes nothing.
        answer = self._site.request(
            request.method, path, request.body, fault=fault, etag=request.etag
        )
        if request.body is not None:
            self._hear(json.loads(request.body), answer)
        if answer.status_code == 410:
            self.is_left_behind |= answer.json()["reason"] == "horizon"
        if fault is not None:
            raise Unreachable(fault)
        return Answer(answer.status_code, dict(answer.headers), answer.content)


class Device:
    """The reference client on one of the person's devices, and what it still has to be heard of.

    Attributes:
        name: The device's.
        unheard: The last values it was told to store that the service did not decide about yet, by
            table, id and field; a deletion has no field.
    """

    def __init__(
        self,
        name: str,
        site: Site,
        folder: Path,
        hear: Callable[[Document, httpx.Response], None],
    ) -> None:
        self.name = name
        self.unheard: dict[Place, Any] = {}
        self._untold: set[str] = set()
        self._site = site
        self._seen_at: datetime | None = None
        self._file = folder / f"{site.person.id}-{name}.sqlite"
        self._wire = Wire(site, hear)
        self._store = self._open()

    def ids(self, table: str) -> list[str]:
        """List the rows that the person sees."""
        return [row.id for row in self._store.list(table)]

    def rows(self, table: str) -> dict[str, Document]:
        """Return the rows that the person sees, as the service writes them."""
        return {
            row.id: {"id": row.id, "version": row.version, **row.fields}
            for row in self._store.list(table)
        }

    def put(self, table: str, row_id: str, fields: Document) -> None:
        """Make a row."""
        self._store.put(table, fields, row_id)
        self._wrote(table, row_id, fields)

    def change(self, table: str, row_id: str, fields: Document) -> None:
        """Change a row."""
        self._store.change(table, row_id, **fields)
        self._wrote(table, row_id, fields)

    def delete(self, table: str, row_id: str) -> None:
        """Delete a row."""
        self._store.delete(table, row_id)
        for place in [place for place in self.unheard if place[:2] == (table, row_id)]:
            del self.unheard[place]
        self.unheard[table, row_id, None] = True
        assert self._store.get(table, row_id) is None

    def sync(self, fault: str | None, where: int) -> bool:
        """Sync; tell whether it came to its end.

        Args:
            fault: What happens to one of the requests; the program is started anew afterwards.
            where: How many requests are let through before.
        """
        self._wire.arm(fault, where)
        try:
            self._store.sync(self._wire)
        except Unreachable:
            assert fault is not None
            self.close()
            self._store = self._open()
            return False
        finally:
            self._sees_its_own_changes()
            assert not self._wire.is_left_behind or self._seen_at is None, self.name
        self._seen_at = self._site.now
        return True

    def is_away(self) -> None:
        """Note that deletions are collected: nobody waits for a device that was away for long."""
        if self._seen_at and self._site.now - self._seen_at > _WAITED_FOR:
            self._seen_at = None

    def is_forgotten(self) -> None:
        """Note that the service may not know what the device has."""
        self._seen_at = None

    def hear(self, mutations: list[Document]) -> None:
        """Note which changes the service has decided about."""
        for mutation in mutations:
            fields = as_told(mutation.get("fields", {})) or {None: True}
            for name, value in fields.items():
                place = (mutation["table"], mutation["id"], name)
                if self.unheard.get(place, ...) == value:
                    del self.unheard[place]

    def has_to_be_told(self, mutation_ids: Iterable[str]) -> None:
        """Note which of its changes were refused, so that the person has to hear of it."""
        waiting = {mutation.mutation_id for mutation in self._store.pending()}
        self._untold |= waiting & set(mutation_ids)

    def is_done(self) -> bool:
        """Tell whether nothing is queued, and the person was told whatever was refused."""
        return not (self._store.pending() or self._store.refused() or self._untold or self.unheard)

    def checksum(self, table: str) -> str:
        """Return the hash by which the device could compare itself."""
        return self._store.checksum(table)

    def close(self) -> None:
        """End the program."""
        self._store.close()

    def _open(self) -> Store:
        return Store(
            self._file,
            client_id=self.name,
            page_size=_PAGE,
            on_conflict=self._tell,
            on_rejected=self._tell,
        )

    def _tell(self, mutation: Mutation, result: Result) -> None:
        assert result.verdict in ("conflict", "rejected")
        self._untold.discard(mutation.mutation_id)

    def _wrote(self, table: str, row_id: str, fields: Document) -> None:
        self.unheard |= {(table, row_id, name): value for name, value in as_told(fields).items()}
        self._sees_its_own_changes()

    def _sees_its_own_changes(self) -> None:
        """Nobody's change is gone from their own screen, unless somebody deleted the row."""
        for (table, row_id, name), value in self.unheard.items():
            row = self._store.get(table, row_id)
            if name is None:
                assert row is None
            elif row is not None:
                assert as_told(row.fields).get(name) == value, (row, name, value)


def as_told(fields: Document) -> dict[str | None, Any]:
    """Name each preference like a field, because each is merged alone."""
    told: dict[str | None, Any] = {f"/{n}": v for n, v in fields.get("preferences", {}).items()}
    return told | {name: value for name, value in fields.items() if name != "preferences"}


@dataclass
class Reader:
    """Has read the changes of all tables so far, and is no device that the server knows.

    Attributes:
        rows: By table and id.
        version: Of the account, when everything was read.
    """

    site: Site
    rows: dict[str, dict[str, Document]] = field(default_factory=dict)
    cursor: str | None = None
    resyncs: int = 0

    def read(self, limit: int = _PAGE) -> None:
        """Read what is new, page by page."""
        has_more = True
        while has_more:
            cursor = f"&cursor={self.cursor}" if self.cursor else ""
            answer = self.site.request("GET", f"sync?limit={limit}{cursor}")
            if answer.status_code == 410:
                assert answer.json()["code"] == "FULL_RESYNC_REQUIRED", answer.text
                assert self.cursor is not None
                self.cursor, self.resyncs = None, self.resyncs + 1
                continue
            assert answer.status_code == 200, answer.text
            told = answer.json()
            if self.cursor is None:
                self.rows = {table: {} for table in told["changes"]}
            self._take(told["changes"], limit)
            self.cursor, has_more = told["cursor"], told["has_more"]

    def _take(self, changes: dict[str, Document], limit: int) -> None:
        assert set(changes) >= set(TABLES)
        sizes = [len(news["upserted"]) + len(news["deleted"]) for news in changes.values()]
        assert sum(sizes) <= limit
        for table, news in changes.items():
            for row in news["upserted"]:
                self.rows[table][row["id"]] = row
            for row_id in news["deleted"]:
                self.rows[table].pop(row_id, None)


def checksum_of(rows: Iterable[Mapping[str, Any]]) -> Document:
    """Return what the server says of a table that has these rows."""
    lines = sorted(f"{row['id']}:{row['version']}\n" for row in rows)
    return {"count": len(lines), "sha256": sha256("".join(lines).encode()).hexdigest()}
