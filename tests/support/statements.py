"""What the service's code sends to the database, while a test listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.models import get_database


@contextmanager
def sent_statements() -> Iterator[list[str]]:
    """Collect the statements of the block, of all threads."""
    adapter = get_database()._adapter
    send: Callable[..., Any] = adapter.send
    sent: list[str] = []

    def noting(cursor: Any, sql: str, parameters: Any) -> Any:
        sent.append(sql)
        return send(cursor, sql, parameters)

    adapter.send = noting
    try:
        yield sent
    finally:
        adapter.send = send
