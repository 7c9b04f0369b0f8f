"""Which store this process keeps the rows of learning in. Decides nothing else."""

from app.usecases.learning.store import Store
from app.usecases.learning.stores.database import DatabaseStore


class _Used:
    """One a process, as the database is."""

    store: Store = DatabaseStore()


def use_store(store: Store) -> None:
    """Let the use cases of learning use this store from now on."""
    _Used.store = store


def current_store() -> Store:
    """Return the store that is used: the database, unless ``use_store`` has said otherwise."""
    return _Used.store
