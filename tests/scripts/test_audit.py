"""The dependency audit: what it says of an index that has no advisories, and of flaws."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.support.audit import judge

SOUND: dict[str, Any] = {"name": "flask", "version": "3.1.3", "vulns": []}
FLAWED: dict[str, Any] = {
    "name": "flask",
    "version": "0.1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.3"]}],
}
UNKNOWN: dict[str, Any] = {"name": "flask", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "is_required", "code", "sentence"),
    [
        ([SOUND], False, 0, ""),
        ([SOUND, FLAWED], False, 1, "flask 0.1: PYSEC-1, mended in 3.1.3"),
        ([UNKNOWN], False, 0, "SKIPPED: no advisory source"),
        ([UNKNOWN], True, 1, "SKIPPED: no advisory source"),
        ([], True, 1, "SKIPPED: no advisory source"),
        ([SOUND, UNKNOWN], False, 0, "1 packages are unknown"),
        ([SOUND, UNKNOWN], True, 1, "1 packages are unknown"),
    ],
)
def test_audit_tells_nothing_found_from_nobody_asked(
    packages: list[dict[str, Any]],
    is_required: bool,
    code: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert judge(packages, is_required=is_required) == code
    assert sentence in capsys.readouterr().out
