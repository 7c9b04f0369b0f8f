"""The files that the service has of a person: what of them an export has, and removing them.

Wherever rows of learning are kept at present: files may be left of a time when they were there.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

from app.models import Row
from app.usecases.learning.current import current_store
from app.usecases.learning.store import KINDS
from app.usecases.learning.stores.account import Account
from app.usecases.learning.stores.files import FilesStore
from app.usecases.learning.stores.filing import read_account
from app.usecases.learning.stores.folder import Folder
from app.usecases.learning.stores.spelling import read_row


class _Used:
    """One a process, as the store is."""

    roots: Sequence[Path] = ()


def use_folders(roots: Sequence[Path]) -> None:
    """Name the folders in which an account may have a folder of its own, by its id."""
    _Used.roots = roots


def forget_files(user_id: UUID) -> None:
    """Remove every file of an account.

    Raises:
        DatabaseError: One cannot be removed.
    """
    for root in _Used.roots:
        Folder(root, user_id).destroy()


def list_filed_rows(user_id: UUID) -> Mapping[str, list[Row]]:
    """Return the rows of the tables that files have in place of the database, by their ids."""
    store = current_store()
    if not isinstance(store, FilesStore):
        return {}

    def look(account: Account) -> dict[str, list[Row]]:
        return {
            kind.table: [
                read_row(kind.table, user_id, rows[row_id])
                for _, rows in account.parts(kind)
                for row_id in sorted(rows)
            ]
            for kind in KINDS
        }

    return read_account(store.root, user_id, look)
