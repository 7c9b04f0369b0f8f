#!/usr/bin/env python3
"""Check that models, migrations and PyDAL tables say the same, on every engine to be had.

SQLite always; PostgreSQL and MariaDB in scratch databases on the servers that TEST_POSTGRESQL_URL
and TEST_MARIADB_URL name. Needs no arguments; those given go to `bilayer check`.

Exit code: 0 in step, 1 drift (warnings count), 2 something could not be read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTERPRETER = ROOT / ".venv" / "bin" / "python"
SERVERS = ("TEST_POSTGRESQL_URL", "TEST_MARIADB_URL")


def main() -> None:
    """Become `bilayer check` in the project's own environment."""
    if not INTERPRETER.exists():
        print("there is no .venv; run `scripts/run --setup-only` first", file=sys.stderr)
        sys.exit(2)
    arguments = ["check", "--project", str(ROOT), "--fail-on", "warning", *sys.argv[1:]]
    command = [str(INTERPRETER), "-m", "bilayer.cli", *arguments]
    for name in SERVERS:
        if not os.environ.get(name):
            print(f"{name} is not set: the check of that engine is in part", file=sys.stderr)
    urls = [url for name in SERVERS if (url := os.environ.get(name))]
    # Not as arguments, which everybody on the machine can read, passwords included.
    environment = {**os.environ, "BILAYER_SCRATCH_URLS": " ".join(urls)}
    os.execve(command[0], command, environment)  # noqa: S606 - our own interpreter, no shell needed


if __name__ == "__main__":
    main()
