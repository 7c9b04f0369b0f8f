"""Rows of learning in the database, and the same in files: both or neither. Reads the database.

The files are written right before COMMIT. A process that dies in between leaves them ahead by one
unit of work, which ``backend import drift`` finds.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from app import clock
from app.models import get_db
from app.usecases.alongside import join_unit
from app.usecases.learning.store import Id, Kind
from app.usecases.learning.stores.account import Account
from app.usecases.learning.stores.database import DatabaseStore
from app.usecases.learning.stores.filing import Filing
from app.usecases.learning.stores.folder import Folder
from app.usecases.learning.stores.mirror import copy_changes, copy_everything

_REMOVED: Final = "removed rows of learning"


class DualStore(DatabaseStore):
    """Keeps rows of learning in the five tables, and what is written there in files as well.

    Args:
        root: The folder of all accounts.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def writing(self, user_id: UUID) -> Iterator[None]:
        """Take the head of the account, and then its files, until the unit of work has ended."""
        with super().writing(user_id):
            mirror_files(self.root, user_id)
            yield

    def remove(self, kind: Kind, user_id: UUID, ids: Collection[Id]) -> None:
        """Remove rows for good, of which nothing is left that would tell the files."""
        super().remove(kind, user_id, ids)
        memory = get_db().memory
        memory[_REMOVED] = [*memory.get(_REMOVED, ()), *((kind, user_id, str(one)) for one in ids)]


class Mirror(Filing):
    """Gives an account's files what its owner's transaction has changed in the database."""

    is_whole = False

    def write(self) -> None:
        """Write what has changed; where there are no files yet, or it was asked for, everything."""
        account = Account.blank(self.folder) if self.is_whole else Account.read(self.folder)
        account.changed_at = clock.now()
        if self.is_whole or account.index is None:
            copy_everything(account)
            self.save(account)
            return
        is_shorter = _remove(account)
        if copy_changes(account) or is_shorter:
            self.save(account)


def mirror_files(root: Path, user_id: UUID) -> Mirror:
    """Let an account's files follow this thread's unit of work; they are held until it has ended.

    Whoever calls holds the head of the account already: everybody takes the two in this order.
    """
    folder = Folder(root, user_id)
    mirror: Mirror = join_unit((Mirror, folder.path), lambda: Mirror(folder))
    return mirror


def _remove(account: Account) -> bool:
    """Remove the rows that were removed for good; tell whether there are any."""
    removed = [
        (kind, row_id)
        for kind, user_id, row_id in get_db().memory.get(_REMOVED, ())
        if user_id == account.folder.user_id
    ]
    for kind, row_id in removed:
        account.remove(kind, [row_id])
    return bool(removed)
