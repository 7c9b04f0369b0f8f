"""From one place of learners' data to the other: an account at a time, in one unit of work."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from app.models import (
    Owned,
    Row,
    get_head,
    get_user,
    list_owned_rows,
    lock_head,
    raise_floor,
)
from app.usecases.learning.comparing import live_rows
from app.usecases.learning.store import KINDS, LEARNERS, Kind
from app.usecases.learning.stores.account import Account
from app.usecases.learning.stores.database import DatabaseStore
from app.usecases.learning.stores.dual import mirror_files
from app.usecases.learning.stores.mirror import list_rows
from app.usecases.learning.stores.spelling import Spelled, read_row, spell_row
from app.usecases.work import unit_of_work

_STAMPS: Final = ("version", "updated_at")
"""The columns that the database numbers anew when something is written there."""
_MOST_ROWS: Final = 500
_MOST_CHARACTERS: Final = 4 * 2**20

_database: Final = DatabaseStore()


class NothingThere(Exception):
    """The side that is copied has nothing of an account, so the other one is left as it is."""


@unit_of_work
def copy_to_files(root: Path, user_id: UUID, *, even_nothing: bool = False) -> None:
    """Let the files of an account have what the database has.

    Damaged files are written anew. Nobody writes rows of the account meanwhile.

    Args:
        root: The folder of all accounts.
        user_id: Whose.
        even_nothing: Whether the files go where the database has nothing.

    Raises:
        NothingThere: The database has no learner of this account.
    """
    learners = Owned(LEARNERS.table, ("id",))
    has_some = list_owned_rows(learners, user_id, columns=["id"], limit=1)
    if not has_some and not even_nothing:
        raise NothingThere(f"{user_id}: the database has no learner; the files stay.")
    lock_head(user_id)
    mirror_files(root, user_id).is_whole = True


@unit_of_work
def copy_to_database(root: Path, user_id: UUID) -> int:
    """Let the database have what the files of an account have; tell how many rows it had not.

    Rows that the files have not are deleted softly. Devices fetch everything of the account anew:
    while the files were what counts, they did not get it.

    Raises:
        NothingThere: There is no such account, or it has no files.
        StorageFailure: A file is damaged; nothing was written.
    """
    if get_user(user_id) is None:
        raise NothingThere(f"{user_id}: there is no such account; the files stay.")
    lock_head(user_id)
    mirror = mirror_files(root, user_id)
    account = Account.read(mirror.folder)
    if account.index is None:
        raise NothingThere(f"{user_id}: there are no files; the database stays.")
    account.load_everything()
    written = sum(_bring(kind, account) for kind in KINDS)
    _make_devices_fetch_anew(user_id, account)
    mirror.is_whole = True  # The database has numbered what it got.
    return written


def _bring(kind: Kind, account: Account) -> int:
    """Make the rows of a table what the files have; tell how many were not."""
    user_id = account.folder.user_id
    filed = live_rows(account, kind)
    stored = {row["id"]: spell_row(kind.table, row) for row in list_rows(kind, user_id)}
    written = 0
    for row_id, row in stored.items():
        columns = _changes(row, filed.pop(row["id"], None))
        if columns:
            _database.update(kind, user_id, [row_id], **_read(kind, user_id, columns))
            written += 1
    for rows in _batches(filed.values()):
        _database.insert(kind, user_id, [_read(kind, user_id, _unstamped(row)) for row in rows])
        written += len(rows)
    return written


def _changes(stored: Spelled, filed: Spelled | None) -> Spelled:
    """Return the columns that a row has to get."""
    if filed is None:
        return {} if stored["is_deleted"] else {"is_deleted": True}
    return {key: value for key, value in _unstamped(filed).items() if stored[key] != value}


def _make_devices_fetch_anew(user_id: UUID, account: Account) -> None:
    for learner in list(account.learners)[:1]:
        # A version that no device has: whatever it is at lies before.
        _database.update(LEARNERS, user_id, [learner], name=account.learners[learner]["name"])
    head = get_head(user_id)
    if head is not None:
        raise_floor(user_id, head["version"])


def _batches(rows: Iterable[Spelled]) -> Iterator[list[Spelled]]:
    """Group rows so that a statement is neither long nor large."""
    batch: list[Spelled] = []
    size = 0
    for row in rows:
        weight = len(str(row))
        if batch and (len(batch) == _MOST_ROWS or size + weight > _MOST_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += weight
    if batch:
        yield batch


def _unstamped(row: Spelled) -> Spelled:
    return {key: value for key, value in row.items() if key not in _STAMPS}


def _read(kind: Kind, user_id: UUID, spelled: Spelled) -> Row | dict[str, Any]:
    return read_row(kind.table, user_id, spelled, list(spelled))
