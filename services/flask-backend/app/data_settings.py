"""The settings of what is kept elsewhere than in the database: learners' files and backups.

A part of ``app.config.Settings``, which reads them.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class DataSettings(BaseSettings):
    """Where learners' data is, and what becomes of backups. See docs/configuration.md."""

    storage_mode: Literal["json", "dual", "database"] = "database"
    learning_dir: Path | None = None
    backup_dir: Path | None = None
    backup_recipients: str = ""
    backup_identity: SecretStr | None = None
    backup_max_age_hours: int | None = Field(default=None, ge=1, le=8760)

    @property
    def backup_max_age(self) -> timedelta | None:
        """How old the last verified backup may be, if anybody minds."""
        hours = self.backup_max_age_hours
        return None if hours is None else timedelta(hours=hours)

    @property
    def recipients(self) -> list[str]:
        """The age public keys of ``BACKUP_RECIPIENTS``, which has commas between them."""
        if not self.backup_recipients:
            return []
        # What stands there and is no key is refused: commas alone do not mean that nobody minds.
        return [part.strip() for part in self.backup_recipients.split(",")]
