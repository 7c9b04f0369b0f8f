"""Format a new revision with ruff, if that is installed. Alembic's post-write hook runs it.

An environment made to serve has no ruff, and can write a revision all the same.
"""

import importlib.util
import subprocess
import sys


def main(paths: list[str]) -> None:
    """Format the files, or say on standard error why they are as Alembic wrote them."""
    if importlib.util.find_spec("ruff") is None:
        sys.stderr.write("Not formatted, because ruff is not installed.\n")
        return
    subprocess.run([sys.executable, "-m", "ruff", "format", *paths], check=True)  # noqa: S603 - our own interpreter, Alembic's file


if __name__ == "__main__":
    main(sys.argv[1:])
