"""A guard for tests, which notes what it is told."""

from __future__ import annotations

import time

from bilayer.runtime import CircuitOpen


class Watchman:
    """A guard that notes what it is told, and refuses or hurries on demand."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.is_open = True
        self.ends_at: float | None = None

    def admit(self) -> None:
        if not self.is_open:
            raise CircuitOpen("not now", retry_after=7)
        self.told.append("admit")

    def connected(self) -> None:
        self.told.append("connected")

    def failed(self) -> None:
        self.told.append("failed")

    def leave(self) -> None:
        self.told.append("leave")

    def remaining(self) -> float | None:
        return None if self.ends_at is None else self.ends_at - time.monotonic()

    def renew(self) -> None:
        self.told.append("renew")

    def give(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
