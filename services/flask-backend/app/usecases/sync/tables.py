"""Which tables devices have a copy of. How rows are read and written is others' concern."""

from collections.abc import Collection

from app.errors import FieldError, Invalid
from app.models import Synced, list_synced

__all__ = ["Synced", "choose_tables", "leave_out", "list_synced"]


class _Used:
    """One a process, as the database is."""

    left_out: frozenset[str] = frozenset()


def leave_out(names: Collection[str]) -> None:
    """Let no device have these tables: what the database has of them is not what counts."""
    _Used.left_out = frozenset(names)


def choose_tables(names: Collection[str] | None) -> list[Synced]:
    """Return the synced tables of these names, or all of them, in the order of the names.

    Raises:
        Invalid: A name is not that of a synced table.
    """
    tables = {name: synced for name, synced in list_synced().items() if name not in _Used.left_out}
    if names is None:
        return list(tables.values())
    if not set(names) <= tables.keys():
        message = f"Tables that can be synced: {', '.join(tables)}."
        raise Invalid.fields([FieldError("tables", "NOT_ALLOWED", message)])
    return [synced for name, synced in tables.items() if name in names]
