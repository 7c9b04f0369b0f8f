"""What the doctor says of backups: whether there are any, who can read them, their age."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from app import clock
from app.models import close_db, init_db
from app.usecases.backups import note
from tests.operations.conftest import diagnose, settings_with


def outcomes(folder: Path, url: str, **others: Any) -> dict[str, str]:
    findings = diagnose(settings_with(folder, url, **others))
    return {
        name.removeprefix("backup_"): str(finding.outcome)
        for name, finding in findings.items()
        if name.startswith("backup_")
    }


def test_backups_are_looked_at(database_url: str, tmp_path: Path) -> None:
    told = [outcomes(tmp_path, database_url)]
    told.append(outcomes(tmp_path, database_url, backup_max_age_hours=26))
    (tmp_path / "backups").mkdir(mode=0o700)
    init_db(settings_with(tmp_path, database_url))
    facts = {"engine": "e", "revision": "r", "size_bytes": 1, "sha256": "0"}
    made_at = clock.now() - timedelta(hours=25)
    note("b", verified_at=made_at, created_at=made_at, **facts)
    close_db()
    told.append(outcomes(tmp_path, database_url, backup_max_age_hours=26))
    (tmp_path / "backups").chmod(0o755)
    told.append(outcomes(tmp_path, database_url, backup_max_age_hours=24))

    assert told == [
        {"folder": "skipped", "tools": "ok", "age": "skipped"},
        {"folder": "skipped", "tools": "ok", "age": "warning"},
        {"folder": "ok", "tools": "ok", "age": "ok"},
        {"folder": "warning", "tools": "ok", "age": "warning"},
    ]
