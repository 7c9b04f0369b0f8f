"""What of the models no engine can build, as plain frozen data."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Unbuilt:
    """A table that cannot be built, and why; no table: all of them."""

    table: str | None
    reason: str

    def __str__(self) -> str:
        """Say it in a sentence."""
        what = f"table {self.table}" if self.table else "the models"
        return f"{what} cannot be built: {self.reason}"


@dataclasses.dataclass(frozen=True, slots=True)
class LostTarget:
    """A foreign key to a table its own metadata does not have, though another one may."""

    table: str
    column: str
    target: str
    is_elsewhere: bool
