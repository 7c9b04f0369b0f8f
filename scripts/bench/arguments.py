"""What the command line of ``scripts/bench/run`` says, before anything is made.

Run as a program it prints ``peers`` if the packages of ``.venv/bench`` are needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.run import ENGINES

NAMES: Final = (
    "spend",
    "http",
    "http-features",
    "cache",
    "wallet-races",
    "sync-pull",
    "sync-hot",
    "copying",
    "import",
    "runtime",
    "drift",
    "startup",
    "growth",
    "memory",
)
FEWEST_ROWS: Final = 20_000
MOST_ROWS: Final = 10_000_000
FEWEST_REQUESTS: Final = 1_000
MOST_REQUESTS: Final = 10_000_000


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; wrong use ends the program with 2."""
    parser = argparse.ArgumentParser(prog="scripts/bench/run", add_help=False, allow_abbrev=False)
    parser.add_argument("names", nargs="+", metavar="NAME", choices=NAMES)
    parser.add_argument("--seconds", type=int, choices=range(1, 3601), default=6, metavar="S")
    parser.add_argument("--rounds", type=int, choices=range(1, 1001), default=5, metavar="N")
    parser.add_argument("--rows", type=_read_rows, default=MOST_ROWS // 10, metavar="N")
    parser.add_argument("--requests", type=_read_requests, default=100_000, metavar="N")
    parser.add_argument("--engine", action="append", choices=ENGINES, default=[])
    parser.add_argument("--only", action="append", default=[], metavar="CLASS")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--without-peers", action="store_true")
    return parser.parse_args(arguments)


def _read_rows(text: str) -> int:
    return _read_number(text, FEWEST_ROWS, MOST_ROWS)


def _read_requests(text: str) -> int:
    return _read_number(text, FEWEST_REQUESTS, MOST_REQUESTS)


def _read_number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{text} is not {least} to {most}")
    return int(text)


if __name__ == "__main__":
    given = read_arguments(sys.argv[1:])
    if not given.without_peers and ({"spend", "http"}.intersection(given.names) or given.json):
        print("peers")
