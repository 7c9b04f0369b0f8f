"""What devices get: how a row of a synced table is written."""

from collections.abc import Mapping
from typing import Any

from app.usecases.sync.tables import Synced


def row_json(synced: Synced, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the ordinary endpoints show it, with ``id`` and ``version``.

    Where an account has one row, its ``id`` is the account's.
    """
    return {"id": row[synced.id_column]} | {name: row[name] for name in synced.shown}
