"""Whom a copy or a comparison tells how far it is."""

from typing import Final, Protocol

ROWS_BETWEEN_NEWS: Final = 500


class News(Protocol):
    """Is told while rows go by."""

    def begin(self, rows: int) -> None:
        """Hear how many rows there are."""

    def advance(self, table: str, rows: int) -> None:
        """Hear that so many more rows of a table are done."""
