"""Ready tests of a project's schema: import them into one of your own test files.

    from bilayer.pytest_plugin import *

They read ``[tool.bilayer]`` of the nearest ``pyproject.toml`` above pytest's root. PostgreSQL and
MariaDB are checked in scratch databases if you have a session fixture ``bilayer_scratch_urls``
that gives the URLs of servers on which they may be made.
Revisions run in a process of their own, which reaches nothing but its scratch database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pytest

from bilayer.drift.config import find_project
from bilayer.drift.findings import Finding
from bilayer.drift.project import check_project
from bilayer.drift.rehearsal.project import rehearse_project
from bilayer.drift.report import Report

__all__ = [
    "bilayer_rehearsal",
    "bilayer_report",
    "test_data_survives_migrations",
    "test_layers_agree",
    "test_migrations_go_up_and_down",
    "test_migrations_have_a_single_head",
    "test_models_equal_migrations",
    "test_setup_is_sound",
]
_DATA: Final = frozenset({"BL708", "BL712"})
_NOT_TRIED: Final = "BL712"
_NO_DOWNGRADE: Final = "BL704"
_HEADS: Final = frozenset({"BL102", "BL103"})
_REFUSED: Final = frozenset({"BL112", "BL113"})
"""Findings of a table PyDAL does not have as it is written, so that nothing compares it."""


@pytest.fixture(scope="session")
def bilayer_report(request: pytest.FixtureRequest) -> Report:
    """The check of the project, made once for all tests."""
    project = find_project(request.config.rootpath)
    return _require_read(check_project(project, scratch_urls=_find_scratch_urls(request)))


@pytest.fixture(scope="session")
def bilayer_rehearsal(request: pytest.FixtureRequest) -> Report:
    """Every revision run up, down and up again on made-up rows, once for all tests."""
    project = find_project(request.config.rootpath)
    if project.migrations is None:
        pytest.skip("[tool.bilayer] names no migrations")
    servers = _find_scratch_urls(request)
    report = _require_read(rehearse_project(project, scratch_urls=servers).report)
    if set(report.engines) <= set(report.partly):
        pytest.skip("; ".join(report.not_done))
    return report


def test_migrations_have_a_single_head(bilayer_report: Report) -> None:
    """Two heads mean that two branches added a revision each: `alembic upgrade head` fails."""
    _expect_none(bilayer_report, lambda finding: finding.code in _HEADS)


def test_setup_is_sound(bilayer_report: Report) -> None:
    """Nothing in the set-up of either layer makes the other tests worthless."""
    _expect_none(
        bilayer_report, lambda finding: finding.pair == "setup" and finding.code not in _HEADS
    )


def test_models_equal_migrations(bilayer_report: Report) -> None:
    """What the models say is what the migrations build; the fix is the missing revision."""
    _expect_none(bilayer_report, lambda finding: finding.pair == "models-migrations")


def test_layers_agree(bilayer_report: Report) -> None:
    """PyDAL knows every table and column as the models have it."""
    _expect_none(
        bilayer_report,
        lambda finding: finding.pair == "models-runtime" or finding.code in _REFUSED,
    )


def test_migrations_go_up_and_down(bilayer_rehearsal: Report) -> None:
    """Each revision goes up, down and up again where there are rows, and leaves no trace.

    One without a downgrade has to say why: ``# bilayer: safe[irreversible] reason``.
    """
    _expect_none(
        bilayer_rehearsal,
        lambda finding: (
            finding.code not in _DATA
            and (finding.severity == "error" or finding.code == _NO_DOWNGRADE)
        ),
    )


def test_data_survives_migrations(bilayer_rehearsal: Report) -> None:
    """Rows of every table are after each revision what they were before it."""
    _expect_none(
        bilayer_rehearsal,
        lambda finding: (
            finding.code == _NOT_TRIED or (finding.code in _DATA and finding.severity == "error")
        ),
    )


def _find_scratch_urls(request: pytest.FixtureRequest) -> Sequence[str]:
    """Ask the project's fixture: one of ours, imported with the tests, would hide a conftest's."""
    try:
        urls: Sequence[str] = request.getfixturevalue("bilayer_scratch_urls")
    except pytest.FixtureLookupError:
        return ()
    return urls


def _require_read(report: Report) -> Report:
    if report.failures:
        reasons = "\n".join(map(str, report.failures))
        pytest.fail(f"not everything could be read:\n{reasons}", pytrace=False)
    return report


def _expect_none(report: Report, is_meant: Callable[[Finding], bool]) -> None:
    findings = [f for f in report.findings if f.severity != "info" and is_meant(f)]
    if findings:
        pytest.fail("\n\n".join(map(_describe, findings)), pytrace=False)


def _describe(finding: Finding) -> str:
    """Say what differs, where, and what to do."""
    lines = [f"{finding.code} {finding.message}", f"  at {finding.location}"]
    if finding.fix:
        lines += ["  to mend it:", *(f"    {line}" for line in finding.fix.splitlines())]
    return "\n".join(lines)
