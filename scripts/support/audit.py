"""Ask pip-audit about every locked package. Called by scripts/check, in the environment.

An index that has no advisories answers as if there were none; that is told apart here, loudly.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [
    *(str(Path(sys.executable).with_name("pip-audit")), "--disable-pip", "--require-hashes"),
    *("--format", "json", "--progress-spinner", "off", "--timeout", "10"),
]


def main(arguments: Sequence[str]) -> int:
    """Audit dev.lock, which holds everything that run.lock does, and return the exit code."""
    lock = str(ROOT / "requirements/dev.lock")
    done = subprocess.run(
        [*COMMAND, "-r", lock], capture_output=True, text=True, check=False, cwd=ROOT
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        packages = []
    return judge(packages, is_required="--require" in arguments)


def judge(packages: Sequence[Mapping[str, Any]], *, is_required: bool) -> int:
    """Print what was found, and return 1 if it must not be so."""
    known = [package for package in packages if "vulns" in package]
    if not known:
        print(
            "SKIPPED: no advisory source. The package index answers no question about advisories."
        )
        print("Nobody has looked for known vulnerabilities.")
        return int(is_required)
    if unknown := len(packages) - len(known):
        print(f"{unknown} packages are unknown to the advisory source.")
    found = [(package, flaw) for package in known for flaw in package["vulns"]]
    for package, flaw in found:
        mended = ", ".join(flaw.get("fix_versions", [])) or "no version"
        print(f"{package['name']} {package['version']}: {flaw['id']}, mended in {mended}")
    return int(bool(found) or (is_required and unknown > 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
