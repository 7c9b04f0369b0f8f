"""An account's files as the companion of a unit of work: locked, written before COMMIT, put back.

What a unit has changed is in the memory of its transaction, so that a savepoint that is rolled back
takes its part of that along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from app.models import get_database, get_db
from app.usecases.alongside import find_companion, join_unit
from app.usecases.learning.stores.account import Account
from app.usecases.learning.stores.folder import INDEX, Folder, Vanished
from app.usecases.learning.stores.spelling import spell
from app.usecases.sync.collection import KEPT
from bilayer.runtime.errors import DatabaseError, StorageFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

T = TypeVar("T")

_SUFFIXES: Final = (".json", ".json.new")

log = structlog.get_logger(__name__)


class Filing:
    """The files of one account, held by one unit of work.

    Attributes:
        folder: Where they are.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._lock = folder.lock()
        self._account: Account | None = None
        self._saved: Account | None = None
        self._has_written = False

    @property
    def account(self) -> Account:
        """What the files have. Nobody else changes them, so they are read once."""
        if self._account is None:
            self._account = Account.read(self.folder)
        return self._account

    def write(self) -> None:
        """Save what the transaction has changed, if it has."""
        account = get_db().memory.get(_key(self.folder))
        if account is not None and account.changed_at is not None:
            account.forget_deleted(spell(account.changed_at - KEPT))
            self.save(account)

    def save(self, account: Account) -> None:
        """Let the files have what is in an account."""
        self._saved = account
        self._has_written = True
        account.save()

    def undo(self) -> None:
        """Let the index be what it was."""
        if self._saved is None:
            return
        try:
            if self._saved.index is None:
                self.folder.remove([INDEX])
            elif self.folder.read(INDEX) != self._saved.index:
                self.folder.replace_index(self._saved.index)
        except (DatabaseError, Vanished) as error:
            log.error("learner_files_not_undone", kind=type(error).__name__)  # noqa: TRY400 - drift tells the rest
        else:
            self._saved = None

    def close(self) -> None:
        """Remove what no index names any more, and let others write."""
        try:
            if self._has_written:
                self._sweep()  # Also what a full disk has cut short, or it would stay full.
        except (DatabaseError, Vanished) as error:  # The next one who writes does it.
            log.warning("learner_files_not_swept", kind=type(error).__name__)
        finally:
            self.folder.unlock(self._lock)

    def _sweep(self) -> None:
        named = set(Account.read(self.folder).files.values()) | {INDEX}
        stale = [name for name in self.folder.names() if name not in named]
        self.folder.remove([name for name in stale if name.endswith(_SUFFIXES)])


def hold_files(root: Path, user_id: UUID) -> Filing:
    """Return the files of an account, held by this thread's unit of work until it has ended."""
    folder = Folder(root, user_id)
    filing: Filing = join_unit(_key(folder), lambda: Filing(folder))
    return filing


def change_account(root: Path, user_id: UUID) -> Account:
    """Return the account as this transaction has it, to be changed; its files are held."""
    filing = hold_files(root, user_id)
    # A copy, because what was changed before this savepoint must survive it.
    account = (_pending(filing.folder) or filing.account).copy()
    get_db().memory[_key(filing.folder)] = account
    return account


def read_account(root: Path, user_id: UUID, look: Callable[[Account], T]) -> T:
    """Return what is seen in one state of an account: as this transaction has it, or the files.

    Args:
        root: The folder of all accounts.
        user_id: Whose.
        look: May be called again.
    """
    folder = Folder(root, user_id)
    account = _pending(folder) or _held(folder) or Account.read(folder)
    while True:
        try:
            return look(account)
        except Vanished as gone:
            now = Account.read(folder)
            if now.index == account.index:
                raise StorageFailure(f"{folder.path / str(gone)} is missing.") from None
            account = now


def _pending(folder: Folder) -> Account | None:
    if not get_database().in_transaction:
        return None
    account: Account | None = get_db().memory.get(_key(folder))
    return account


def _held(folder: Folder) -> Account | None:
    filing: Filing | None = find_companion(_key(folder))
    return None if filing is None else filing.account


def _key(folder: Folder) -> tuple[type, Path]:
    return Filing, folder.path
