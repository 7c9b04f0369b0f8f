"""``backend serve`` by a clock that stands still until a test moves it. Run as a script.

CLOCK_FILE in the environment names the file that says what time it is.
"""

import os
from datetime import datetime
from pathlib import Path

from app import clock
from app.cli import main


def told() -> datetime:
    """Return the moment in the file."""
    return datetime.fromisoformat(Path(os.environ["CLOCK_FILE"]).read_text())


if __name__ == "__main__":
    clock._source = told
    main()
