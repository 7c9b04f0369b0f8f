"""What people see: the service's rows with this device's own changes on top. Stores nothing.

Nothing is ever copied into the rows, so that there is nothing to undo: when a row comes anew, the
changes lie on top of the new one, and when a change is refused it is simply gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from offline_store.model import JSON, Mutation, Row


def overlay(
    row: Row | None, mutations: Iterable[Mutation], merged: Collection[str] = ()
) -> Row | None:
    """Return a row with the changes on top, or None if it is gone.

    Args:
        row: The service's row, if it has one.
        mutations: The changes to this one row, oldest first.
        merged: The fields that are documents, of which a change is a patch.
    """
    for mutation in mutations:
        if mutation.op == "delete":
            row = None
        elif row is not None:
            row = replace(row, fields=_change(row.fields, mutation.fields, merged), is_pending=True)
        elif mutation.base_version == 0:
            fields = _change({}, mutation.fields, merged)
            row = Row(mutation.table, mutation.row_id, 0, fields, is_pending=True)
    return row


def merge(document: Any, patch: Any) -> Any:  # Any: whatever JSON can say.
    """Apply a JSON merge patch (RFC 7396): null removes, objects are merged, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def _change(fields: JSON, changes: JSON, merged: Collection[str]) -> JSON:
    changed = {
        name: merge(fields.get(name), value) if name in merged else value
        for name, value in changes.items()
    }
    return fields | changed
