"""The service without the audit log, to be measured beside itself; nothing but a bench runs it.

``python -m scripts.bench.unaudited serve`` is ``backend serve``, except that nobody writes down
what was changed.
"""

from __future__ import annotations

from typing import Any

from app.cli import main
from app.dal import connection
from bilayer.runtime import Subscriber


def run() -> None:
    """Run the command ``backend`` without its log of changes."""
    # Read when the database is connected.
    vars(connection)["AuditTrail"] = _nobody
    main()


def _nobody(*_: Any) -> Subscriber:  # Any: what the trail is made of
    """Make a subscriber that takes part in nothing."""
    return Subscriber()


if __name__ == "__main__":
    run()
