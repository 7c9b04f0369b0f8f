"""What was changed and by whom, and the seals upon that.

Rows of the log are sealed apart from who writes them: a block has the digests of up to a thousand,
and the hash of the block before. Rows that were committed late are in a later block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from app.actor import actor_of
from app.models import (
    GENESIS,
    create_audit_block,
    get_last_audit_block,
    hash_block,
    list_unsealed_rows,
    mark_sealed,
    spell_entries,
)
from app.models import list_audit_rows as list_changes
from app.usecases.leases import Lease
from app.usecases.work import decided_unit_of_work

__all__ = ["Head", "actors_of", "get_head", "list_changes", "seal"]

SETTLING: Final = timedelta(seconds=10)
"""Longer than most transactions take: what is older is mostly committed, so blocks are in order."""
ROWS_IN_A_BLOCK: Final = 1000
LEASE: Final = "audit_seal"
LEASE_SECONDS: Final = 15.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The last block. Whoever notes it elsewhere can tell later whether all before it stands.

    Attributes:
        number: 0 if nothing is sealed yet.
        hash: Of the block.
    """

    number: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        """Write it as it is noted."""
        return f"{self.number}:{self.hash}"


def actors_of(user_id: UUID) -> tuple[str, str]:
    """Give the names under which an account has changed something: also as the guest it was."""
    return actor_of(user_id, is_guest=False), actor_of(user_id, is_guest=True)


def get_head() -> Head:
    """Return the head of the sealed log."""
    last = get_last_audit_block()
    return Head(last["number"], last["hash"]) if last else Head()


def seal(at: datetime) -> Iterator[int]:
    """Seal all that is a while old, yielding after each block how many rows it has.

    Nothing if somebody else does so.

    Args:
        at: Now.
    """
    lease = Lease(LEASE, LEASE_SECONDS)
    if not lease.begin():
        return
    with lease:
        while not lease.is_lost and (count := _seal_block(at)):
            yield count


@decided_unit_of_work
def _seal_block(at: datetime) -> int:
    """Seal the oldest rows in the next block, and tell how many.

    Two who do so at once make the same number: one of them has a block. So the head is read first,
    or else what the other one has sealed meanwhile would be sealed again in the next block.
    """
    head = get_head()
    rows = list_unsealed_rows(until=at - SETTLING, limit=ROWS_IN_A_BLOCK)
    if not rows:
        return 0
    number, entries = head.number + 1, spell_entries(rows)
    block_hash = hash_block(number, head.hash, at, entries)
    create_audit_block(
        number=number,
        previous=head.hash,
        entries=entries,
        row_count=len(rows),
        sealed_at=at,
        hash=block_hash,
    )
    mark_sealed([(row["user_id"], row["id"]) for row in rows], block=number)
    log.info("audit_sealed", block=number, hash=block_hash, rows=len(rows))
    return len(rows)
