"""Rows of learning in JSON files: a folder for each account. Linear in what a learner has.

Whoever reads never waits and sees one state of all files of an account. Whoever writes is alone
with them, and what a unit of work has written is there when it has ended, all of it or nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from heapq import nlargest
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from app import clock
from app.keyset import Position
from app.models import Row, UniqueViolation
from app.usecases.learning.store import LEARNED, LEARNERS, WORDS, DayCount, Id, Kind
from app.usecases.learning.stores.account import Account, Rows
from app.usecases.learning.stores.filing import change_account, hold_files, read_account
from app.usecases.learning.stores.spelling import (
    Spelled,
    read_row,
    spell,
    spell_columns,
    spell_row,
)
from bilayer.runtime.errors import ForeignKeyViolation

_DAY: Final = 10
"""How many characters of a time say the day."""


class FilesStore:
    """Keeps rows of learning in files.

    Args:
        root: The folder of all accounts; it is made when something is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def writing(self, user_id: UUID) -> Iterator[None]:
        """Lock the files of the account, until the unit of work has ended."""
        hold_files(self.root, user_id)
        yield

    def find(self, kind: Kind, user_id: UUID, ids: Collection[Id]) -> dict[Id, Row]:
        """Return rows by their ids, deleted ones too."""

        def look(account: Account) -> dict[Id, Row]:
            found: dict[Id, Row] = {}
            for _, rows in account.parts(kind):
                for row_id in ids:
                    if (row := rows.get(str(row_id))) is not None:
                        found[row_id] = read_row(kind.table, user_id, row)
            return found

        return read_account(self.root, user_id, look)

    def page(
        self,
        kind: Kind,
        user_id: UUID,
        *,
        where: Mapping[str, Any],
        start: datetime | None = None,
        end: datetime | None = None,
        after: Position | None = None,
        columns: Sequence[str] = (),
        limit: int,
    ) -> list[Row]:
        """Return a page of rows that are not deleted."""
        wanted = spell_columns(kind.table, where)
        last = None if after is None else (spell(after.created_at), str(after.id))

        def place(row: Spelled) -> tuple[str, str]:
            return row[kind.time], row["id"]

        def look(account: Account) -> list[Spelled]:
            rows = _live(account, kind, wanted, start=start, end=end)
            return nlargest(limit, (r for r in rows if last is None or place(r) < last), key=place)

        found = read_account(self.root, user_id, look)
        return [read_row(kind.table, user_id, row, columns) for row in found]

    def count_days(
        self,
        kind: Kind,
        user_id: UUID,
        profile_id: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[DayCount]:
        """Count by day and language."""

        def look(account: Account) -> Counter[tuple[str, str]]:
            rows = _live(account, kind, {"profile_id": profile_id}, start=start, end=end)
            return Counter((row[kind.time][:_DAY], row.get("language", "")) for row in rows)

        counts = sorted(read_account(self.root, user_id, look).items())
        return [
            DayCount(date.fromisoformat(day), language if kind == WORDS else None, count)
            for (day, language), count in counts
        ]

    def insert(self, kind: Kind, user_id: UUID, rows: Sequence[Row]) -> None:
        """Store new rows."""
        account = self._change(user_id)
        new = [_stamped(spell_row(kind.table, row), account) for row in rows]
        for row in new:
            if "created_at" in row and row["created_at"] is None:
                row["created_at"] = row["updated_at"]
        taken = {row_id for _, rows in account.parts(kind) for row_id in rows}
        ids = {row["id"] for row in new}
        if len(ids) < len(new) or taken & ids:
            raise UniqueViolation("another row has the same key", table=kind.table)
        by_learner: dict[str, Rows] = {}
        for row in new:
            by_learner.setdefault(row.get("profile_id", ""), {})[row["id"]] = row
        for learner, some in by_learner.items():
            _put_new(account, kind, learner, some)

    def update(self, kind: Kind, user_id: UUID, ids: Collection[Id], **columns: Any) -> None:
        """Change rows by their ids."""
        account = self._change(user_id)
        wanted = {str(row_id) for row_id in ids}
        _change_rows(account, kind, wanted, spell_columns(kind.table, columns))

    def delete_learner(self, user_id: UUID, profile_id: str) -> None:
        """Delete a learner softly, and all that is theirs."""
        account = self._change(user_id)
        for kind in LEARNED:
            for _, rows in account.parts(kind, profile_id):
                live = {row_id for row_id, row in rows.items() if not row["is_deleted"]}
                _change_rows(account, kind, live, {"is_deleted": True})
        _change_rows(account, LEARNERS, {profile_id}, {"is_deleted": True})

    def remove(self, kind: Kind, user_id: UUID, ids: Collection[Id]) -> None:
        """Remove rows for good."""
        self._change(user_id).remove(kind, {str(row_id) for row_id in ids})

    def _change(self, user_id: UUID) -> Account:
        """Return the account, to be changed, with the next version and the time of this unit."""
        account = change_account(self.root, user_id)
        if account.changed_at is None:
            account.changed_at = clock.now()
            account.head += 1
        return account


def _live(
    account: Account,
    kind: Kind,
    wanted: Spelled,
    *,
    start: datetime | None,
    end: datetime | None,
) -> Iterator[Spelled]:
    first, last = start and spell(start), end and spell(end)
    for _, rows in account.parts(kind, wanted.get("profile_id")):
        for row in rows.values():
            if row["is_deleted"] or any(row[name] != value for name, value in wanted.items()):
                continue
            time = row[kind.time]
            if (first is None or time >= first) and (last is None or time <= last):
                yield row


def _put_new(account: Account, kind: Kind, learner: str, new: Rows) -> None:
    if kind == LEARNERS:
        account.put(kind, learner, account.learners | new)
        return
    if learner not in account.learners:
        raise ForeignKeyViolation("there is no such learner", table=kind.table)
    account.put(kind, learner, account.part((kind.table, learner)) | new)


def _change_rows(account: Account, kind: Kind, ids: Collection[str], columns: Spelled) -> None:
    for learner, rows in account.parts(kind):
        changed = {key: _stamped(rows[key] | columns, account) for key in rows.keys() & set(ids)}
        if changed:
            account.put(kind, learner, rows | changed)


def _stamped(row: Spelled, account: Account) -> Spelled:
    return row | {"version": account.head, "updated_at": spell(account.changed_at)}
