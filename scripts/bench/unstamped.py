"""The service without versions of rows, to be measured beside itself; nothing but a bench runs it.

``python -m scripts.bench.unstamped serve`` is ``backend serve``, except that no table is declared
as synced when the database is connected: nobody subscribes to writes in order to number them.
"""

from __future__ import annotations

from app.cli import main
from app.dal import connection
from app.dal.synced import Synced
from bilayer.runtime import DAL


def run() -> None:
    """Run the command ``backend`` without versions."""
    connection.synced_tables = _no_tables  # type: ignore[attr-defined] # its name for what it imports
    main()


def _no_tables(db: DAL) -> dict[str, Synced]:
    del db
    return {}


if __name__ == "__main__":
    run()
