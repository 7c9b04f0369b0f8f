"""Rows written into an empty database, in the order of their keys, batch by batch.

A copy needs no journal: what is there already is a beginning of what is to be there, or it is
refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from app.operations.digests import canonical
from app.operations.transfer.news import ROWS_BETWEEN_NEWS, News
from app.operations.transfer.order import advance_sequences, list_tables
from app.operations.transfer.refusals import EndRefused, TransferError
from bilayer.runtime import ConstraintViolation, Database, DatabaseError, InvalidValue
from bilayer.runtime.verbatim import Values, VerbatimTable
from bilayer.runtime.verbatim_writes import verbatim_writer

REPLACED: Final = ("installation",)
"""Tables into which migrations put a row: what is there gives way."""
NAMED: Final = 5
"""So many tables are named where they should be empty."""
ROWS_PER_BATCH: Final = 5_000
CHARACTERS_PER_BATCH: Final = 4 << 20


def copy_tables(
    source: Database, target: Database, news: News, *, is_resumed: bool = False
) -> dict[str, int]:
    """Copy every row of every table; tells how many rows of each are there then.

    Args:
        source: From which it is read, all in one snapshot.
        target: Each batch is committed, so that it keeps what it has if the copy ends early.
        news: Is told how far it is.
        is_resumed: Go on with a copy that ended early.

    Raises:
        EndRefused: The target is not empty, or holds what is no beginning of this copy.
        TransferError: A row cannot be stored there; names it.
        DatabaseError: One of the databases failed.
    """
    names = list_tables(target)
    if not is_resumed:
        _require_empty(target, names)
    with source.transaction("REPEATABLE READ", readonly=True):
        news.begin(sum(VerbatimTable(source, name).count() for name in names))
        copied = {name: _TableCopy(source, target, name, news).run() for name in names}
    advance_sequences(target)
    return copied


def _require_empty(target: Database, names: list[str]) -> None:
    filled = [
        name
        for name in names
        if name not in REPLACED and not VerbatimTable(target, name).is_empty()
    ]
    if filled:
        listed = ", ".join(sorted(filled)[:NAMED]) + (" and others" if len(filled) > NAMED else "")
        raise EndRefused(
            f"TO is not empty: there are rows in {listed}. Empty it, or go on with a copy that"
            " ended early by --resume"
        )


@dataclass(slots=True)
class _Batch:
    """Encoded rows that are written together, and their keys, by which one is named if need be."""

    rows: list[Any] = field(default_factory=list)
    keys: list[tuple[Any, ...]] = field(default_factory=list)
    size: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= ROWS_PER_BATCH or self.size >= CHARACTERS_PER_BATCH


class _TableCopy:
    """The copy of one table."""

    def __init__(self, source: Database, target: Database, name: str, news: News) -> None:
        self._target = target
        self._news = news
        self._from = VerbatimTable(source, name)
        self._to = VerbatimTable(target, name)
        self._writer = verbatim_writer(target, name)

    def run(self) -> int:
        """Copy the rows; tells how many are there then."""
        rows = self._from.rows()
        if self._from.name in REPLACED:
            with self._target.transaction():
                self._writer.delete_all()
                return self._write(rows)
        there = self._pass_over(rows)
        return there + self._write(rows)

    def _pass_over(self, rows: Iterator[Values]) -> int:
        """Leave out the rows that are there; they must be the first ones, as they are now."""
        count = 0
        with self._target.transaction(readonly=True):
            for count, there in enumerate(self._to.rows(), 1):
                here = next(rows, None)
                if here is None or canonical(self._from, here) != canonical(self._to, there):
                    key = self._to.spell_key(self._to.key_of(there))
                    raise EndRefused(
                        "TO is no beginning of a copy of FROM as it is now: they differ in"
                        f" {self._to.name} ({key}). Empty TO, and copy anew"
                    )
                self._tell(count)
        self._news.advance(self._to.name, count % ROWS_BETWEEN_NEWS)
        return count

    def _tell(self, count: int) -> None:
        if count % ROWS_BETWEEN_NEWS == 0:
            self._news.advance(self._to.name, ROWS_BETWEEN_NEWS)

    def _write(self, rows: Iterator[Values]) -> int:
        count = 0
        for batch in self._batches(rows):
            failure: DatabaseError | None = None
            try:
                with self._target.transaction():
                    self._writer.write(batch.rows)
            except DatabaseError as error:
                failure = error
            if failure is not None:
                self._write_refused(batch, failure)
            count += len(batch.rows)
            self._news.advance(self._to.name, len(batch.rows))
        return count

    def _write_refused(self, batch: _Batch, refusal: DatabaseError) -> None:
        """Write a batch that was refused row by row, to name the one that is, if it is a row."""
        if type(refusal) is not DatabaseError and not isinstance(refusal, ConstraintViolation):
            raise TransferError(f"TO: {refusal}")
        with self._target.transaction():
            for key, row in zip(batch.keys, batch.rows, strict=True):
                try:
                    self._writer.write([row])
                except DatabaseError as error:
                    failure = TransferError(f"{self._to.name} ({self._to.spell_key(key)}): {error}")
                else:
                    continue
                raise failure

    def _batches(self, rows: Iterator[Values]) -> Iterator[_Batch]:
        batch = _Batch()
        for row in rows:
            encoded = self._encode(row)
            batch.rows.append(encoded)
            batch.keys.append(self._from.key_of(row))
            batch.size += self._writer.size(encoded)
            if batch.is_full:
                yield batch
                batch = _Batch()
        if batch.rows:
            yield batch

    def _encode(self, row: Values) -> Any:
        try:
            return self._writer.encode(row)
        except InvalidValue as error:
            key = self._from.spell_key(self._from.key_of(row))
            failure = TransferError(f"{error.table}.{error.column} ({key}): {error.reason}")
        raise failure
