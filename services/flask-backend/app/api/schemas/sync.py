"""What devices get: how it is described, and how a row of a synced table is written."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from app.usecases.sync.tables import Synced


class TableChanges(BaseModel):
    """What has changed in one table."""

    upserted: list[dict[str, Any]]
    deleted: list[str]


class Changes(BaseModel):
    """Some of what has changed, and where it ends."""

    changes: dict[str, TableChanges]
    cursor: str
    has_more: bool
    server_time: datetime


class TableSum(BaseModel):
    """How many rows a table has, and the sum over ``<id>:<version>`` of each."""

    count: int
    sha256: str


class Sums(BaseModel):
    """The sums of an account at one version."""

    version: int
    epoch: UUID
    cursor: str
    tables: dict[str, TableSum]


def row_json(synced: Synced, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the ordinary endpoints show it, with ``id`` and ``version``.

    Where an account has one row, its ``id`` is the account's.
    """
    return {"id": row[synced.id_column]} | {name: row[name] for name in synced.shown}
