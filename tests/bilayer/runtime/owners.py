"""The simplest rows to write in a test, and how another connection sees them."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from tests.bilayer.runtime import schema


class Refused(Exception):
    """Raised inside a block to leave it."""


def add(db: Any, name: str) -> uuid.UUID:
    key: uuid.UUID = db.owners.insert(id=uuid.uuid4(), name=name)
    return key


def names(core: sa.Engine) -> set[str | None]:
    """Read with another connection which owners are committed."""
    with core.connect() as connection:
        return set(connection.scalars(sa.select(schema.owners.c.name)))
