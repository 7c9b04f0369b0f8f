"""The service without versions of rows, to be measured beside itself; nothing but a bench runs it.

``python -m scripts.bench.unstamped serve`` is ``backend serve``, except that whoever would number
the rows of synced tables keeps their times only, as of all other tables.
"""

from __future__ import annotations

from app.cli import main
from app.dal import connection
from bilayer.runtime import Timestamps


def run() -> None:
    """Run the command ``backend`` without versions."""
    # Read when the database is connected; both are made of a clock.
    vars(connection)["Versions"] = Timestamps
    main()


if __name__ == "__main__":
    run()
