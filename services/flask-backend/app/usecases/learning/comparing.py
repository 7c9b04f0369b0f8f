"""How the database and the files of learners differ. Changes nothing.

A row that one side has as deleted and the other has not at all is no difference: both forget what
was deleted, each in its time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

from app.models import list_learner_owners, release, transaction
from app.usecases.learning.store import KINDS, Kind
from app.usecases.learning.stores.account import Account, Rows
from app.usecases.learning.stores.folder import Folder
from app.usecases.learning.stores.mirror import list_rows
from app.usecases.learning.stores.spelling import spell_row

_ACCOUNTS: Final = 500


class Problem(StrEnum):
    """In what way something differs."""

    ONLY_IN_DATABASE = "only in the database"
    ONLY_IN_FILES = "only in the files"
    UNLIKE = "unlike"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two sides do not have alike.

    Attributes:
        user_id: Whose row.
        table: Its table.
        id: Its id.
        problem: In what way.
        column: Which column is unlike; None: the row is missing on one side.
    """

    user_id: UUID
    table: str
    id: str
    problem: Problem
    column: str | None = None


def list_owners(root: Path) -> list[UUID]:
    """Return the accounts that have learners in the database or a folder, by id."""
    owners = {UUID(each.name) for each in _folders(root)}
    after = UUID(int=0)
    while found := list_learner_owners(after=after, limit=_ACCOUNTS):
        owners.update(found)
        after = found[-1]
    release()
    return sorted(owners)


def compare_account(root: Path, user_id: UUID) -> list[Difference]:
    """Return every difference of an account, by table and id.

    Raises:
        StorageFailure: A file cannot be read, or is damaged.
    """
    folder = Folder(root, user_id)
    # Whoever writes both has the lock until COMMIT, so the two sides are of one moment.
    with folder.locked(), transaction("REPEATABLE READ", readonly=True):
        account = Account.read(folder)
        account.load_everything()
        return [one for kind in KINDS for one in _compare(kind, account)]


def live_rows(account: Account, kind: Kind) -> Rows:
    """Return the rows of a table that files have and that are not deleted, by their ids."""
    return {
        row_id: row
        for _, rows in account.parts(kind)
        for row_id, row in rows.items()
        if not row["is_deleted"]
    }


def _compare(kind: Kind, account: Account) -> Iterator[Difference]:
    user_id = account.folder.user_id
    filed = live_rows(account, kind)
    for row in list_rows(kind, user_id):
        if row["is_deleted"]:
            continue
        stored = spell_row(kind.table, row)
        row_id = stored["id"]
        other = filed.pop(row_id, None)
        if other is None:
            yield Difference(user_id, kind.table, row_id, Problem.ONLY_IN_DATABASE)
            continue
        for column in stored:
            if stored[column] != other[column]:
                yield Difference(user_id, kind.table, row_id, Problem.UNLIKE, column)
    for row_id in filed:
        yield Difference(user_id, kind.table, row_id, Problem.ONLY_IN_FILES)


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders that are named by an id as we write it."""
    for each in root.iterdir() if root.is_dir() else ():
        try:
            if str(UUID(each.name)) == each.name:
                yield each
        except ValueError:
            continue
