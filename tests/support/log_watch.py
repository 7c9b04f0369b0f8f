"""After each test, and after the run: no log has what the tests entrusted to the service.

Looks at the events that the service wrote in the test's process, and at the logs of the run's own
database servers, on which the superuser has the settings that production gives to its roles.
Servers that were lent, by their URL, keep their logs to themselves.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

import pytest

from tests.support.run import Run

CANARIES = ("seven purple umbrellas", "@example.com")
"""The password and the domain of every person that the factories make."""


def find_leaks(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that hold what nobody but its owner should read, shortened."""
    for line in lines:
        if any(canary in line for canary in CANARIES):
            yield line[:500]


def is_event(line: str) -> bool:
    """Whether a line is one of the service's; commands also print for the person who calls."""
    return line.startswith('{"') and '"event":' in line


class LogWatch:
    """A plugin that fails what leaks.

    Args:
        run: The run this process owns or has joined.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._leaks: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail a test whose events leak."""
        report = yield
        leaks = list(find_leaks(filter(is_event, report.capstdout.splitlines())))
        if leaks and report.outcome == "passed":
            report.outcome = "failed"
            report.longrepr = "\n".join(["The log holds what it must not:", *leaks])
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if one of its own servers has written what it must not."""
        if not self._run.is_owner:
            return
        for log in self._run.logs():
            found = find_leaks(log.read_text("utf-8", "replace").splitlines())
            self._leaks += [f"{log.parent.name}: {line}" for line in found]
        if self._leaks and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was found."""
        if self._leaks:
            terminalreporter.section("database logs hold what they must not", red=True)
            for line in self._leaks[:20]:
                terminalreporter.line(line)
