"""Imports that are killed, each in a process of its own. Run as a script.

It imports the program once, and forks for each import: a process that has begun nothing yet.
Arguments: DATABASE_URL, the folder for data, that of the files, how many records go in together,
and what to do, one word for each import: ``before`` and ``after`` die with SIGKILL before and after
the first batch, ``inside:N`` at its Nth statement, ``run`` dies of nothing. ``both`` are two at
once. Prints the exit code of each, one a line.
"""

import os
import signal
import sys
from typing import Any

from app.cli import main
from app.operations.importer import batches, run, turns
from bilayer.runtime.adapters.running import RunningStatements

OWNER = "ada@example.com"


def die() -> None:
    """End as by a loss of power."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_around_the_first_batch(when: str) -> None:
    """Die before or after what is done to the first batch, or at one of its statements."""
    running: Any = run  # Any: what it imports is exchanged.
    genuine = running.store_batch
    word, _, number = when.partition(":")

    def store(*given: Any) -> Any:
        if word == "before":
            die()
        if word == "inside":
            die_at_statement(int(number))
        stored = genuine(*given)
        die()
        return stored

    running.store_batch = store


def die_at_statement(number: int) -> None:
    """Die when that many more statements were sent."""
    statements: Any = RunningStatements  # Any: its method is exchanged.
    genuine = statements.run
    left = [number]

    def send(self: Any, *given: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            die()
        return genuine(self, *given)

    statements.run = send


def begin(words: list[str], when: str) -> int:
    """Begin an import in a process of its own, and return its id."""
    child = os.fork()
    if not child:
        if when != "both":  # Nobody lives beside the others, so nobody waits for long.
            turns.SECONDS = 0.1  # type: ignore[misc]
            turns._POLL_SECONDS = 0.05  # type: ignore[misc]
        if when not in ("run", "both"):
            die_around_the_first_batch(when)
        main(words)
    return child


if __name__ == "__main__":
    database, data, source, size, *whens = sys.argv[1:]
    os.environ |= {"DATABASE_URL": database, "DATA_DIR": data}
    batches.MAX_RECORDS = int(size)  # type: ignore[misc]
    command = ["import", "json", "run", "--source", source, "--owner", OWNER]
    command += ["--profile", "learner_1", "--json"]
    for when in whens:
        children = [begin(command, when) for _ in range(2 if when == "both" else 1)]
        for child in children:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            sys.stdout.write(f"{code}\n")
            sys.stdout.flush()
