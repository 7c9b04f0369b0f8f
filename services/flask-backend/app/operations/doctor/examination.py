"""Run examinations side by side, each in a thread that is left behind if it does not end.

Each check of an examination has exactly one place in the report, whatever happens to it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from app.operations.doctor.findings import Finding, skipped, wrong

_AFTER_A_PROBLEM: Final = "Not looked at, because of what is wrong before it."


@dataclass(frozen=True, slots=True)
class Examination:
    """Checks that need each other, and so come one after the other.

    Attributes:
        names: Of all its checks, in their order.
        look: Yields what it finds, in that order; may end early.
    """

    names: tuple[str, ...]
    look: Callable[[], Iterator[Finding]]


def examine_all(examinations: Iterable[Examination], seconds: float) -> list[Finding]:
    """Return what all of them find within so many seconds."""
    deadline = time.monotonic() + seconds
    runs = [_Run(examination) for examination in examinations]
    for run in runs:
        run.thread.start()
    for run in runs:
        run.thread.join(max(0.0, deadline - time.monotonic()))
    return [finding for run in runs for finding in run.report(seconds)]


@dataclass
class _Run:
    examination: Examination
    findings: list[Finding] = field(default_factory=list)
    failure: str | None = None
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        # A daemon: a thread that hangs in the network must not keep the process.
        self.thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        try:
            for finding in self.examination.look():
                self.findings.append(finding)
        except Exception as error:  # noqa: BLE001 - the outermost edge of a thread; a doctor does not faint
            self.failure = type(error).__name__

    def report(self, seconds: float) -> list[Finding]:
        """Return what was found, and a finding for each check that was not reached."""
        is_hanging = self.thread.is_alive()
        findings = list(self.findings)
        reached = {finding.name for finding in findings}
        missing = [name for name in self.examination.names if name not in reached]
        if missing and is_hanging:
            findings.append(_hanging(missing.pop(0), seconds))
        elif missing and self.failure:
            findings.append(_failed(missing.pop(0), self.failure))
        findings += [skipped(name, _AFTER_A_PROBLEM) for name in missing]
        return sorted(findings, key=lambda finding: self.examination.names.index(finding.name))


def _hanging(name: str, seconds: float) -> Finding:
    return wrong(
        name,
        f"No answer within {seconds:g} s.",
        "Something accepts what is asked of it and stays silent: look at the network, at proxies"
        " and firewalls between here and there, and at disks that hang.",
    )


def _failed(name: str, failure: str) -> Finding:
    return wrong(name, f"The check itself failed ({failure}).", "Report it as a fault of ours.")
