"""A service whose clock a test moves, behind a wire that loses requests and answers.

Clients here do what clients do: they send again, with the same key, until they hear an answer.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import sqlalchemy as sa

from app.db.models import metadata
from bilayer.urls import parse_url
from tests.fakes import SECRET_KEY, WEBHOOK_SECRET, sign
from tests.support.backend import Backend, running_stepped
from tests.support.proxy import Proxy

API: Final = "/api/v1"
FAULTS: Final = ("request lost", "answer lost", "worker killed", "worker killed later")
_PATIENCE_SECONDS: Final = 30
_TOKEN_LIFETIME: Final = timedelta(minutes=15)
_KILLED_AFTER: Final = {"worker killed": 0.001, "worker killed later": 0.008}
_emails = (f"payer-{number}@example.com" for number in count(1))


@dataclass
class Person:
    """Somebody with an account, signed in until ``expires_at``."""

    id: UUID
    access_token: str
    refresh_token: str
    expires_at: datetime


class Site:
    """The service, its database, its clock and its wire.

    Attributes:
        now: What time it is there.
        admin: Somebody who may give credits.
    """

    def __init__(self, backend: Backend, wire: Proxy, database_url: str, clock: Path) -> None:
        self._backend = backend
        self._wire = wire
        self._clock = clock
        self._addresses = count(1)
        self._database = sa.create_engine(
            parse_url(database_url), pool_size=1, isolation_level="AUTOCOMMIT"
        )
        self._client = httpx.Client(base_url=wire.url, timeout=30, verify=False, trust_env=False)
        self.now = datetime.fromisoformat(clock.read_text())
        self.begin()

    def begin(self) -> None:
        """Let it be noon of the next day."""
        noon = self.now.replace(hour=12, minute=0, second=0, microsecond=0)
        self.step_to(noon + timedelta(days=1))
        self.admin = self.join("guest")
        self._make(self.admin, role="admin")

    def step_to(self, moment: datetime) -> None:
        """Make it another time, at once and for every worker."""
        self.now = moment
        write_time(self._clock, moment)

    def join(self, kind: str) -> Person:
        """Make a guest, or a user without the cost of a password."""
        person = self._signed_in("guest", None)
        if kind == "user":
            self._make(person, role="viewer")
        return person

    def register(self, guest: Person) -> Person:
        """Make a user of a guest, as people do."""
        body = {"email": next(_emails), "password": "seven purple umbrellas"}
        return self._signed_in("register", body, guest)

    def renew(self, person: Person) -> str:
        """Return a token that is good now."""
        if person.expires_at <= self.now:
            body = {"refresh_token": person.refresh_token}
            renewed = self._signed_in("refresh", body)
            person.__dict__.update(renewed.__dict__)
        return person.access_token

    def get(self, person: Person, path: str, **query: Any) -> Any:
        """Return what a GET answers."""
        headers = {"Authorization": f"Bearer {self.renew(person)}"}
        answer = self._until_answered("GET", path, headers=headers, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(
        self, token: str, path: str, body: dict[str, Any] | None, fault: str | None = None
    ) -> httpx.Response:
        """Send until answered, with one key, while something goes wrong."""
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
        with self._going_wrong(fault, path):
            return self._until_answered("POST", path, headers=headers, json=body)

    def deliver(self, event: dict[str, Any], fault: str | None = None) -> str:
        """Deliver an event as Stripe does: again until it is taken. Return what became of it."""
        body = json.dumps(event)
        headers = {
            "Stripe-Signature": sign(body, at=self.now),
            "Content-Type": "application/json",
        }
        path = "webhooks/stripe"
        with self._going_wrong(fault, path):
            answer = self._until_answered("POST", path, headers=headers, content=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    def stored(self, people: list[UUID]) -> list[dict[str, Any]]:
        """Return balances and what the ledger says of them, as they are at one moment."""
        users, ledger = metadata.tables["users"], metadata.tables["credit_transactions"]
        daily, prepaid = metadata.tables["user_credits"], metadata.tables["credit_accounts"]
        holds = metadata.tables["credit_holds"]

        def total(column: Any, *conditions: Any) -> Any:
            found = sa.select(sa.func.coalesce(sa.func.sum(column), 0))
            return found.where(column.table.c.user_id == users.c.id, *conditions).scalar_subquery()

        sums = [
            total(ledger.c.amount, ledger.c.bucket == bucket).label(f"ledger_{bucket}")
            for bucket in ("daily", "prepaid", "debt")
        ]
        # One statement sees one moment on every engine.
        statement = (
            sa.select(
                sa.func.coalesce(daily.c.available_credits, 0).label("daily"),
                sa.func.coalesce(prepaid.c.credits_balance, 0).label("prepaid"),
                sa.func.coalesce(prepaid.c.debt, 0).label("debt"),
                sa.func.coalesce(prepaid.c.held, 0).label("held"),
                total(holds.c.amount, holds.c.state == "open").label("open_holds"),
                *sums,
            )
            .select_from(users.outerjoin(daily).outerjoin(prepaid))
            .where(users.c.id.in_(people))
        )
        with self._database.connect() as connection:
            return [
                {name: int(value) for name, value in row.items()}
                for row in connection.execute(statement).mappings()
            ]

    def close(self) -> None:
        """Hang up."""
        self._client.close()
        self._database.dispose()

    def _make(self, person: Person, *, role: str) -> None:
        """Make a user of a guest who has just come."""
        email = next(_emails)
        columns = {"user_type": "individual", "role": role, "email": email, "email_key": email}
        users = metadata.tables["users"]
        with self._database.connect() as connection:
            statement = users.update().where(users.c.id == person.id)
            connection.execute(statement.values(columns | {"password_hash": "none"}))

    def _signed_in(
        self, how: str, body: dict[str, Any] | None, guest: Person | None = None
    ) -> Person:
        headers = {"Authorization": f"Bearer {self.renew(guest)}"} if guest else {}
        answer = self._until_answered("POST", f"auth/{how}", headers=headers, json=body)
        assert answer.status_code in (200, 201), answer.text
        told = answer.json()
        return Person(
            UUID(told["user"]["id"]),
            told["access_token"],
            told["refresh_token"],
            self.now + _TOKEN_LIFETIME,
        )

    @contextmanager
    def _going_wrong(self, fault: str | None, path: str) -> Iterator[None]:
        if fault == "request lost":
            self._wire.lose(f"{API}/{path}")
        if fault == "answer lost":
            self._wire.lose_answer_to(f"{API}/{path}")
        killer = threading.Timer(_KILLED_AFTER.get(fault or "", 0), self._kill_workers)
        if fault in _KILLED_AFTER:
            killer.start()
        yield
        if fault in _KILLED_AFTER:
            killer.join()

    def _kill_workers(self) -> None:
        for pid in self._backend.workers():
            os.kill(pid, signal.SIGKILL)

    def _until_answered(
        self, method: str, path: str, *, headers: dict[str, str], **options: Any
    ) -> httpx.Response:
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            number = next(self._addresses)  # Limits count by address.
            where = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            sent = headers | {"X-Forwarded-For": where}
            try:
                answer = self._client.request(method, f"{API}/{path}", headers=sent, **options)
            except httpx.TransportError:
                continue
            # 409: the killed worker's transaction has not ended yet.
            is_running = answer.status_code == 409 and answer.json()["code"].endswith("KEY_IN_USE")
            if answer.status_code != 503 and not is_running:
                return answer
        raise AssertionError(f"no answer: {method} {path}")


def write_time(clock: Path, moment: datetime) -> None:
    """Say what time it is; whoever reads meanwhile finds this or the former."""
    new = clock.with_suffix(".new")
    new.write_text(moment.isoformat())
    new.replace(clock)


@contextmanager
def site_on(database_url: str, folder: Path) -> Iterator[Site]:
    """Serve a migrated database until the block ends."""
    clock = folder / "clock"
    write_time(clock, datetime(2026, 11, 20, 12, tzinfo=UTC))
    settings = {
        "PROXY_HOPS": "1",
        "STRIPE_SECRET_KEY": SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "WORKERS": "1",
    }
    with (
        running_stepped(database_url, folder, clock, **settings) as backend,
        Proxy(backend.url) as wire,
    ):
        site = Site(backend, wire, database_url, clock)
        try:
            yield site
        finally:
            site.close()
