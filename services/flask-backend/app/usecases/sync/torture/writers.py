"""Who writes: short transactions that are held open, some of which are undone. Keeps no count."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from secrets import SystemRandom
from typing import Final
from uuid import UUID

import uuid_utils.compat

from app import clock
from app.models import create_history, get_head, get_history_or_deleted
from app.usecases.history import change_action, delete_action, record_action
from app.usecases.sync.torture.changes import Change, change_of
from app.usecases.work import unit_of_work

_LONGEST_HOLD: Final = 0.02
_LONG_HOLD: Final = 0.2
_LONG_ONES: Final = 0.005
_UNDONE_ONES: Final = 0.1
_OLD_ONES: Final = 0.4
_DELETED_ONES: Final = 0.3
_REMEMBERED: Final = 50
_AT_ONCE: Final = 3


class Undone(Exception):
    """A transaction was rolled back on purpose."""


@dataclass
class Writer:
    """Somebody who writes to several accounts, but changes only rows of their own.

    Attributes:
        dice: Decides.
    """

    dice: SystemRandom
    _rows: dict[UUID, list[UUID]] = field(default_factory=dict)
    _number: int = 0

    def write(self, user_id: UUID) -> list[Change]:
        """Commit a few changes of one account, and return the state they have left.

        Raises:
            Undone: They were rolled back, on purpose.
        """
        changes = _write_some(self, user_id)
        own = self._rows.setdefault(user_id, [])
        own += [one.row_id for one in changes if one.row_id not in own]
        del own[:-_REMEMBERED]
        return changes

    def write_by_time(self, user_id: UUID) -> list[Change]:
        """Commit a few new rows as of the begin of their transaction, and return them.

        Raises:
            Undone: They were rolled back, on purpose.
        """
        return _write_as_of_begin(self, user_id)

    def choose(self, user_id: UUID) -> UUID | None:
        """Return a row to change, or None for a new one."""
        own = self._rows.get(user_id)
        return self.dice.choice(own) if own and self.dice.random() < _OLD_ONES else None

    def next_number(self) -> int:
        """Return a number that no other change of this writer has."""
        self._number += 1
        return self._number

    def hold(self) -> None:
        """Keep a transaction open, mostly shortly."""
        is_long = self.dice.random() < _LONG_ONES
        time.sleep(self.dice.uniform(0, (_LONG_HOLD if is_long else _LONGEST_HOLD) / 2))

    def end(self) -> None:
        """Keep the transaction open once more, then let it be committed or not.

        Raises:
            Undone: It is not to be.
        """
        self.hold()
        if self.dice.random() < _UNDONE_ONES:
            raise Undone


@unit_of_work
def _write_some(writer: Writer, user_id: UUID) -> list[Change]:
    get_head(user_id)  # A transaction begins with its first statement.
    writer.hold()
    touched = [_write_one(writer, user_id) for _ in range(writer.dice.randint(1, _AT_ONCE))]
    changes = [_read(user_id, row_id) for row_id in dict.fromkeys(touched)]
    writer.end()
    return changes


def _write_one(writer: Writer, user_id: UUID) -> UUID:
    number = writer.next_number()
    row_id = writer.choose(user_id)
    if row_id is None or _is_deleted(user_id, row_id):
        row_id = uuid_utils.compat.uuid7()
        payload = {"number": number}
        record_action(user_id, action_id=row_id, action_type="torture", payload=payload)
    elif writer.dice.random() < _DELETED_ONES:
        delete_action(user_id, row_id)
    else:
        change_action(user_id, row_id, payload={"number": number})
    return row_id


@unit_of_work
def _write_as_of_begin(writer: Writer, user_id: UUID) -> list[Change]:
    get_head(user_id)  # A transaction begins with its first statement, and has its now() then.
    begun_at = clock.now()
    writer.hold()
    rows = [
        create_history(
            user_id,
            history_id=uuid_utils.compat.uuid7(),
            action_type="torture",
            payload={"number": writer.next_number()},
            created_at=begun_at,
        )
        for _ in range(writer.dice.randint(1, _AT_ONCE))
    ]
    writer.end()
    return [change_of(row) for row in rows]


def _is_deleted(user_id: UUID, row_id: UUID) -> bool:
    row = get_history_or_deleted(user_id, row_id)
    return row is None or bool(row["is_deleted"])


def _read(user_id: UUID, row_id: UUID) -> Change:
    row = get_history_or_deleted(user_id, row_id)
    if row is None:
        raise LookupError(row_id)
    return change_of(row)
