"""How psycopg2 reads what it leaves to Python: UUIDs and documents.

They are most of what reading a row costs.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

import psycopg2.extensions
import psycopg2.extras

from bilayer import documents, uuids

_UUID_OIDS: Final = (2950,)
"""https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_type.dat"""


def register_types(connection: Any) -> None:
    """Let a connection read UUIDs, arrays of them, and documents."""
    psycopg2.extras.register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call] # untyped stub
    psycopg2.extensions.register_type(_UUID, connection)
    psycopg2.extras.register_default_json(connection, loads=documents.load)
    psycopg2.extras.register_default_jsonb(connection, loads=documents.load)


def _read_uuid(text: Any, _cursor: Any) -> uuid.UUID | None:
    return None if text is None else uuids.read(text)


_UUID: Final = psycopg2.extensions.new_type(_UUID_OIDS, "UUID", _read_uuid)
