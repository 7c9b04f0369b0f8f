"""Subscribers for tests: one that watches, one that adds, one that writes, one that objects."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from bilayer.runtime import Change, Subscriber
from tests.bilayer.runtime.owners import Refused


class Witness(Subscriber):
    """Keeps what it was told, call by call."""

    def __init__(self) -> None:
        self.calls: list[list[Change]] = []

    def changed(self, db: Any, changes: Sequence[Change]) -> None:
        self.calls.append(list(changes))

    @property
    def seen(self) -> list[Change]:
        return [change for call in self.calls for change in call]


class Stamp(Subscriber):
    """Adds columns to inserts and updates, and keeps what it was asked."""

    def __init__(self, **columns: Any) -> None:
        self.columns = columns
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def stamp(self, table: Any, action: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((table._tablename, action, dict(values)))
        return self.columns


class Counter(Subscriber):
    """Numbers transactions in a row of ``owners``, once each, and stamps rows with the number."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def prepare(self, db: Any, table: Any, action: Any, known: Mapping[str, Any]) -> Any:
        self.asked.append((action, dict(known)))
        if "number" not in db.memory:
            db.memory["number"] = db(db.owners).count() + 1
            db.owners.insert(id=uuid.uuid4())
        return {self.column: db.memory["number"]}


class Asked(Subscriber):
    """Keeps what is known before each write."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def prepare(self, db: Any, table: Any, action: Any, known: Mapping[str, Any]) -> Any:
        self.seen.append((action, dict(known)))
        return {}


class Journal(Subscriber):
    """Writes a row of its own for each change."""

    def changed(self, db: Any, changes: Sequence[Change]) -> None:
        for change in changes:
            db.things.insert(body=f"{change.action} {change.table}")


class Objector(Subscriber):
    """Raises, after the write."""

    def changed(self, db: Any, changes: Sequence[Change]) -> None:
        raise Refused
