"""Subscribers for tests: one that watches, one that adds, one that writes, one that objects."""

from __future__ import annotations

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


class Journal(Subscriber):
    """Writes a row of its own for each change."""

    def changed(self, db: Any, changes: Sequence[Change]) -> None:
        for change in changes:
            db.things.insert(body=f"{change.action} {change.table}")


class Objector(Subscriber):
    """Raises, after the write."""

    def changed(self, db: Any, changes: Sequence[Change]) -> None:
        raise Refused
