"""The service whose worker is never replaced, to see what it keeps; nothing but a bench runs it.

``python -m scripts.bench.enduring serve`` is ``backend serve``, but for that.
"""

from __future__ import annotations

import sys

from app.cli import main
from app.server import gunicorn


def run() -> None:
    """Run the command ``backend`` with a worker for any number of requests."""
    # Read when gunicorn gets its settings.
    vars(gunicorn)["MAX_REQUESTS"] = sys.maxsize
    main()


if __name__ == "__main__":
    run()
