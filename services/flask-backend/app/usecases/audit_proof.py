"""Proving that nobody has changed the audit log, or finding the first place where somebody has.

First each block and all that it seals, in the order of the blocks; then the rows that are in no
block, and those in one that does not know them. Others may write, seal and erase meanwhile.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from app.models import (
    Row,
    digest_row,
    digest_values,
    get_audit_block,
    get_erasure,
    hash_block,
    list_audit_blocks,
    list_audit_places,
    list_audit_rows_by_key,
)
from app.usecases.audit import Head

_BLOCKS_AT_ONCE: Final = 10
_PLACES_AT_ONCE: Final = 2000

Key = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where the log is broken first.

    Attributes:
        code: In which way, in a word.
        message: The same in a sentence.
        block: Which block it is in, if in one.
        key: ``user_id`` and ``id`` of the row, if it is a row.
    """

    code: str
    message: str
    block: int | None = None
    key: Key | None = None


@dataclass(slots=True)
class Proof:
    """What was looked at, and what was found.

    Attributes:
        head: The last block that was looked at.
        sealed: How many rows are in blocks.
        unsealed: How many are in none yet.
        flaw: The first that was found, or None.
    """

    head: Head = field(default_factory=Head)
    sealed: int = 0
    unsealed: int = 0
    flaw: Flaw | None = None


class _Broken(Exception):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


def verify(noted: Head | None = None, report: Callable[[int], None] = lambda _rows: None) -> Proof:
    """Look at every block and every row, up to the first that is broken.

    Args:
        noted: The head at an earlier time, as somebody noted it elsewhere. Without one, blocks
            that were taken away from the end with all their rows are not missed.
        report: Hears now and then how many rows were looked at.
    """
    proof = Proof()
    try:
        _verify_blocks(proof, noted, report)
        _verify_others(proof, report)
    except _Broken as broken:
        proof.flaw = broken.flaw
    return proof


def _verify_blocks(proof: Proof, noted: Head | None, report: Callable[[int], None]) -> None:
    for block in _blocks():
        rows = _verify_block(block, proof.head)
        proof.head = Head(block["number"], block["hash"])
        proof.sealed += rows
        if noted and noted.number == proof.head.number and noted.hash != proof.head.hash:
            raise _broken("head_differs", "is not the one that was noted", proof.head.number)
        report(proof.sealed)
    if noted and noted.number > proof.head.number:
        raise _broken("block_missing", "is missing; it was noted", proof.head.number + 1)


def _blocks() -> Iterator[Row]:
    last = 0
    while page := list_audit_blocks(after=last, limit=_BLOCKS_AT_ONCE):
        yield from page
        last = page[-1]["number"]


def _verify_block(block: Row, head: Head) -> int:
    """Compare a block with the one before, and with its rows; return how many those are."""
    number, entries = block["number"], block["entries"]
    if number != head.number + 1:
        raise _broken("block_missing", "is missing", head.number + 1)
    if block["hash"] != hash_block(number, block["previous"], block["sealed_at"], entries):
        raise _broken("block_changed", "was changed: its hash is another one", number)
    if block["previous"] != head.hash:
        raise _broken("chain_broken", "does not follow the one before it", number)
    sealed = _sealed_digests(entries)
    if len(sealed) != block["row_count"]:
        raise _broken("block_changed", "was changed: it counts other rows than it has", number)
    rows = {_key(row): row for row in list_audit_rows_by_key(list(sealed))}
    for key, digest in sealed.items():
        _verify_sealed(rows.get(key), key, number, digest)
    return len(sealed)


def _sealed_digests(entries: str) -> dict[Key, str]:
    """Read what a block seals; its hash has been compared."""
    found: Sequence[Sequence[str]] = json.loads(entries)
    return {(UUID(user_id), UUID(row_id)): digest for user_id, row_id, digest in found}


def _verify_sealed(row: Row | None, key: Key, number: int, digest: str) -> None:
    if row is None:
        raise _broken("row_missing", "is missing", number, key)
    _verify_row(row)
    if row["digest"] != digest:
        raise _broken("row_rewritten", "is not the one that was sealed", number, key)
    if row["block"] != number:
        raise _broken("row_moved", "says that it is in another block, or none", number, key)


def _verify_row(row: Row) -> None:
    """Compare a row with its own digests."""
    key, block = _key(row), row["block"]
    if row["salt"] is not None:
        values = digest_values(row["salt"], row["record_id"], row["old_value"], row["new_value"])
        if values != row["values_digest"]:
            raise _broken("values_changed", "has other values than were recorded", block, key)
    elif row["record_id"] or row["old_value"] is not None or row["new_value"] is not None:
        raise _broken("values_changed", "has other values than were recorded", block, key)
    elif get_erasure(row["user_id"]) is None:
        raise _broken("values_gone", "lost its values, and nobody was erased", block, key)
    if digest_row(row) != row["digest"]:
        raise _broken("row_changed", "was changed: its digest is another one", block, key)


def _verify_others(proof: Proof, report: Callable[[int], None]) -> None:
    """Look at rows that no block seals, and count those that say one does."""
    counts: Counter[int] = Counter()
    for page in _places():
        unsealed = [_key(row) for row in page if row["block"] is None]
        for row in sorted(list_audit_rows_by_key(unsealed), key=_key):
            _verify_row(row)
        proof.unsealed += len(unsealed)
        counts.update(row["block"] for row in page if row["block"] is not None)
        report(proof.sealed + proof.unsealed)
    for number in sorted(counts):
        if number > proof.head.number:
            _require_block(number)  # Perhaps somebody has sealed it in the meantime.
            del counts[number]
    if counts.total() != proof.sealed:
        raise _find_stranger(proof.head)


def _require_block(number: int) -> None:
    if get_audit_block(number) is None:
        raise _broken("block_missing", "is missing, and rows say that they are in it", number)


def _find_stranger(head: Head) -> _Broken:
    """Find the first row that says it is in a block which does not know it."""
    for page in _places():
        claims = groupby(sorted(page, key=_block_of), key=_block_of)
        for number, rows in claims:
            block = get_audit_block(number) if number <= head.number else None
            sealed = _sealed_digests(block["entries"]) if block else {}
            for row in rows if block else ():
                if _key(row) not in sealed:
                    return _broken("row_added", "is in a block without it", number, _key(row))
    return _broken("row_added", "or another one is in a block without it", head.number)


def _block_of(row: Row) -> int:
    return row["block"] or 0


def _places() -> Iterator[list[Row]]:
    after: Key | None = None
    while page := list_audit_places(after=after, limit=_PLACES_AT_ONCE):
        yield page
        after = _key(page[-1])


def _key(row: Mapping[str, Any]) -> Key:
    return row["user_id"], row["id"]


def _broken(code: str, what: str, block: int | None, key: Key | None = None) -> _Broken:
    subject = f"Block {block}" if key is None else f"Row {key[1]} of {key[0]}"
    place = f" (block {block})" if key and block else ""
    return _Broken(Flaw(code, f"{subject}{place} {what}.", block, key))
