"""Devices with a store each, and a wire to the service that loses requests and answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

from offline_store import Answer, Report, Request, Store, Unreachable
from tests.support.people import API, Person

Loss = Literal["request", "answer"]


class Wire:
    """Brings requests to the service; loses as many as it is told to.

    Attributes:
        losses: What is lost of the next pulls and pushes, in turn; None: nothing.
        answers: Those that arrived.
    """

    def __init__(self, owner: Person) -> None:
        self._owner = owner
        self.losses: list[Loss | None] = []
        self.answers: list[Answer] = []

    def send(self, request: Request) -> Answer:
        is_syncing = request.path.startswith("sync")
        loss = self.losses.pop(0) if self.losses and is_syncing else None
        if loss == "request":
            raise Unreachable("The request was lost.")
        answer = self._ask(request)
        if loss == "answer":
            raise Unreachable("The answer was lost.")
        self.answers.append(answer)
        return answer

    def _ask(self, request: Request) -> Answer:
        headers = {"Authorization": f"Bearer {self._owner.access_token}"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if request.etag is not None:
            headers["If-None-Match"] = request.etag
        told = self._owner.client.open(
            f"{API}/{request.path}",
            method=request.method,
            query_string=dict(request.query),
            data=request.body,
            headers=headers,
        )
        named = {name.lower(): value for name, value in told.headers.items()}
        return Answer(told.status_code, named, told.data)


class Device:
    """A store and its wire."""

    def __init__(self, owner: Person, path: Path, **options: Any) -> None:
        self._open = partial(Store, path, **options)
        self.store = self._open()
        self.wire = Wire(owner)

    def close(self) -> None:
        self.store.close()

    def reopen(self) -> None:
        """Restart the application."""
        self.close()
        self.store = self._open()

    def sync(self) -> Report:
        return self.store.sync(self.wire)

    def note(self, text: str) -> str:
        """Make an action."""
        return self.store.put("history", {"action_type": "NOTE", "payload": {"text": text}})

    def texts(self) -> dict[str, str]:
        """The actions as this device sees them: their texts by id."""
        return {row.id: row.fields["payload"]["text"] for row in self.store.list("history")}
