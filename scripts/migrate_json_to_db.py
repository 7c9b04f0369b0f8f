#!/usr/bin/env python3
"""Bring learners' JSON files into the database: `backend import json`, from a checkout.

    scripts/migrate_json_to_db.py plan --source ./old --owner ada@example.com --profile anna
    scripts/migrate_json_to_db.py run --source ./old --owner ada@example.com --profile anna

plan, run, resume, verify, rollback, status and retry take `--help`; see docs/operations/import.md.

Exit code: 0 nothing is left over, 1 something is in quarantine, differs or was refused, 2 it could
not be done.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTERPRETER = ROOT / ".venv" / "bin" / "python"


def main() -> None:
    """Become `backend import json` in the project's own environment."""
    if not INTERPRETER.exists():
        print("there is no .venv; run `scripts/run --setup-only` first", file=sys.stderr)
        sys.exit(2)
    start = "from app.cli import main; main(prog_name='backend')"
    command = [str(INTERPRETER), "-P", "-c", start, "import", "json", *sys.argv[1:]]
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, no shell needed


if __name__ == "__main__":
    main()
