"""A service whose clock a test moves and whose database it puts back, and the wire to it.

A device tries once; whether it was heard is known here all the same, because whoever sends a change
again is told the first verdict. People at a screen send again until they are answered.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa

from app.db.models import metadata
from bilayer.urls import parse_url
from tests.support import stepped
from tests.support.backend import Backend, running_stepped
from tests.support.wallet_site import write_time

API: Final = "/api/v1"
KILLED_AFTER: Final = {"worker killed": 0.001, "worker killed later": 0.006}
_PATIENCE_SECONDS: Final = 30
_FAR: Final = datetime(2200, 1, 1, tzinfo=UTC)
# What a story changes. Who is signed in is no part of what is told here.
_TABLES: Final = tuple(
    metadata.tables[name]
    for name in (
        "consent_events", "history", "installation", "profiles",
        "sync_clients", "sync_heads", "sync_mutations", "user_consents",
    )
)  # fmt: skip

Copy = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Person:
    """Somebody with an account, signed in for good."""

    id: UUID
    token: str


class Site:
    """The service, its database and its clock.

    Attributes:
        now: What time it is there.
        person: Whose devices these are.
    """

    person: Person

    def __init__(self, backend: Backend, database_url: str, folder: Path, clock: Path) -> None:
        self._backend = backend
        self._url = database_url
        self._folder = folder
        self._clock = clock
        self._addresses = count(1)
        self._database = sa.create_engine(parse_url(database_url), pool_size=1)
        self._client = backend.client()
        self.now = datetime.fromisoformat(clock.read_text())

    def begin(self) -> None:
        """Let somebody come, at noon of a later day than all there were."""
        self.step_to(datetime(2026, 11, 20, 12, tzinfo=UTC))
        answer = self._until_answered("POST", "auth/guest", {}, None)
        assert answer.status_code == 201, answer.text
        self.person = self._sign_in(UUID(answer.json()["user"]["id"]))

    def step_to(self, moment: datetime) -> None:
        """Make it another time, at once and for every worker."""
        self.now = moment
        write_time(self._clock, moment)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        fault: str | None = None,
        etag: str | None = None,
    ) -> httpx.Response:
        """Ask as the person until answered; return the answer.

        Args:
            method: GET, POST and so on.
            path: Behind the API's own.
            body: A document, or its bytes.
            fault: What happens to the service meanwhile.
            etag: Ask whether what had it is still the answer.
        """
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.person.token}"}
        headers |= {"Content-Type": "application/json"} if content is not None else {}
        headers |= {"If-None-Match": etag} if etag else {}
        with self._killing(fault):
            return self._until_answered(method, path, headers, content)

    def head(self) -> int:
        """Return the version of the account, as it is stored."""
        heads = metadata.tables["sync_heads"]
        found = self._column(sa.select(heads.c.version).where(heads.c.user_id == self.person.id))
        return int(found[0]) if found else 0

    def version_of(self, action_id: str) -> int:
        """Return the version of an action, as it is stored."""
        history = metadata.tables["history"]
        statement = sa.select(history.c.version).where(history.c.user_id == self.person.id)
        return int(self._column(statement.where(history.c.id == UUID(action_id)))[0])

    def known_changes(self) -> set[tuple[str, str]]:
        """Return the changes whose verdicts are stored, by device and change."""
        mutations = metadata.tables["sync_mutations"]
        statement = sa.select(mutations.c.client_id, mutations.c.mutation_id)
        with self._database.connect() as connection:
            rows = connection.execute(statement.where(mutations.c.user_id == self.person.id))
            return {(row[0], row[1]) for row in rows}

    def stored_history(self) -> set[tuple[str, str]]:
        """Return the keys of all actions, the deleted ones too."""
        history = metadata.tables["history"]
        ids = self._column(sa.select(history.c.id).where(history.c.user_id == self.person.id))
        return {("history", str(found)) for found in ids}

    def copy(self) -> Copy:
        """Return a backup of what the account has."""
        with self._database.connect() as connection:
            return {
                table.name: [
                    dict(row)
                    for row in connection.execute(table.select().where(self._own(table))).mappings()
                ]
                for table in _TABLES
            }

    def put_back(self, backup: Copy) -> None:
        """Restore a backup as an operator does: the rows, then a new epoch."""
        with self._database.begin() as connection:
            for table in _TABLES:
                connection.execute(table.delete().where(self._own(table)))
                if backup[table.name]:
                    connection.execute(table.insert(), backup[table.name])
        self.command("new-epoch")

    def command(self, *words: str) -> str:
        """Run ``backend sync`` by the clock of the service, and return what it says."""
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ
        }
        environment |= {"DATABASE_URL": self._url, "DATA_DIR": str(self._folder)}
        environment |= {"CLOCK_FILE": str(self._clock)}
        program = [sys.executable, "-P", str(Path(stepped.__file__)), "sync", *words]
        done = subprocess.run(
            program, env=environment, cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill_workers(self) -> None:
        """Let no worker finish what it does."""
        for pid in self._backend.workers():
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Hang up."""
        self._client.close()
        self._database.dispose()

    def _sign_in(self, user_id: UUID) -> Person:
        """Let somebody be signed in, whatever the clock says."""
        token = f"{user_id}.{secrets.token_urlsafe(32)}"
        row: dict[str, Any] = {"user_id": user_id, "id": uuid4(), "family_id": uuid4()}
        row |= {"token_hash": sha256(token.encode()).hexdigest(), "refresh_hash": uuid4().hex}
        row |= dict.fromkeys(("created_at", "last_used_at"), self.now)
        row |= dict.fromkeys(("expires_at", "refresh_expires_at"), _FAR)
        with self._database.begin() as connection:
            connection.execute(metadata.tables["sessions"].insert(), row)
        return Person(user_id, token)

    def _column(self, statement: Any) -> list[Any]:
        with self._database.connect() as connection:
            return list(connection.execute(statement).scalars())

    def _own(self, table: sa.Table) -> Any:
        """Choose the rows of a table that are the person's, or the one there is."""
        return table.c.user_id == self.person.id if "user_id" in table.c else sa.true()

    @contextmanager
    def _killing(self, fault: str | None) -> Iterator[None]:
        """Kill the workers while somebody waits for them."""
        killer = threading.Timer(KILLED_AFTER.get(fault or "", 0), self.kill_workers)
        if fault in KILLED_AFTER:
            killer.start()
        yield
        if fault in KILLED_AFTER:
            killer.join()

    def _until_answered(
        self, method: str, path: str, headers: dict[str, str], content: bytes | None
    ) -> httpx.Response:
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            number = next(self._addresses)  # Limits count by address.
            where = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            sent = headers | {"X-Forwarded-For": where}
            try:
                answer = self._client.request(
                    method, f"{API}/{path}", headers=sent, content=content
                )
            except httpx.TransportError:
                continue
            if answer.status_code != 503:
                return answer
        raise AssertionError(f"no answer: {method} {path}")


@contextmanager
def site_on(database_url: str, folder: Path) -> Iterator[Site]:
    """Serve a migrated database until the block ends."""
    clock = folder / "clock"
    write_time(clock, datetime(2026, 11, 20, 12, tzinfo=UTC))
    settings = {"PROXY_HOPS": "1", "WORKERS": "1"}
    with running_stepped(database_url, folder, clock, **settings) as backend:
        site = Site(backend, database_url, folder, clock)
        try:
            yield site
        finally:
            site.close()
