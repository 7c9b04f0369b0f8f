"""A sum over what an account has, by which a device proves that it has the same."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.models import Row, get_head, list_live_versions, transaction
from app.usecases.sync.horizon import head_or_blank
from app.usecases.sync.tables import Synced, choose_tables

_BATCH: Final = 2000
"""Rows of one statement: so many are in memory at once."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """How many rows a table has that are not deleted, and the sum of their ids and versions."""

    count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Checksums:
    """The sums of an account at one moment.

    Attributes:
        head: ``version`` and ``epoch`` of that moment.
        tables: The sum of each table, by its name.
    """

    head: Row
    tables: dict[str, Checksum]


def compute_checksums(user_id: UUID, names: Collection[str] | None) -> Checksums:
    """Sum up the tables of these names, or all of them.

    Raises:
        Invalid: A name is not that of a synced table.
    """
    tables = choose_tables(names)
    blank = head_or_blank(None)
    with transaction("REPEATABLE READ", readonly=True):
        head = get_head(user_id) or blank
        return Checksums(head, {synced.name: _sum_up(user_id, synced) for synced in tables})


def _sum_up(user_id: UUID, synced: Synced) -> Checksum:
    count, digest = 0, hashlib.sha256()
    after: UUID | str | None = None
    while True:
        rows = list_live_versions(user_id, synced, after=after, limit=_BATCH)
        for row in rows:
            digest.update(f"{row[synced.id_column]}:{row['version']}\n".encode())
        count += len(rows)
        if len(rows) < _BATCH:
            return Checksum(count, digest.hexdigest())
        after = rows[-1][synced.id_column]
