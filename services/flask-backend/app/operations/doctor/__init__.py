"""``backend doctor``: look at this machine, and say what is wrong and how to mend it.

Changes nothing, on the machine or in the database. Prints nothing: ``app.cli.doctor`` does.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from app.config import Settings
from app.operations.doctor import (
    backups,
    database,
    installation,
    learning,
    mail,
    mysql,
    postgresql,
    service,
    sqlite,
    system,
)
from app.operations.doctor.configuration import CONFIGURATION_CHECKS, look_at_settings
from app.operations.doctor.examination import Examination, examine_all
from app.operations.doctor.findings import Finding, Outcome, wrong
from bilayer.urls import engine_name

SECONDS: Final = 8.0
"""When the examinations that have not ended are left to themselves."""

_ENGINES: Final = {
    "sqlite": (sqlite.CHECKS, sqlite.look),
    "postgresql": (postgresql.CHECKS, postgresql.look),
    "mysql": (mysql.CHECKS, mysql.look),
}

__all__ = ["Finding", "Outcome", "examine", "examine_without_settings"]


def examine(settings: Settings, *, seconds: float = SECONDS) -> list[Finding]:
    """Look at everything, side by side, and answer in time whatever hangs."""
    checks, look = _ENGINES[engine_name(settings.url.drivername)]
    examinations = [
        Examination(CONFIGURATION_CHECKS, partial(look_at_settings, settings)),
        Examination(system.CHECKS, partial(system.look, settings)),
        Examination(installation.CHECKS, partial(installation.look, settings)),
        Examination(checks, partial(look, settings)),
        Examination(database.MIGRATION_CHECKS, partial(database.look_as_owner, settings)),
        Examination(backups.CHECKS, partial(backups.look, settings)),
        Examination(service.CHECKS, partial(service.look, settings)),
        Examination(mail.CHECKS, partial(mail.look, settings)),
        Examination(learning.CHECKS, partial(learning.look, settings)),
    ]
    return [finding.without(_secrets(settings)) for finding in examine_all(examinations, seconds)]


def examine_without_settings(refusal: str, *, seconds: float = SECONDS) -> list[Finding]:
    """Say what is wrong with the settings, and look at what needs none."""
    problems = [wrong("settings", line, _fix(line)) for line in refusal.splitlines()]
    return problems + examine_all([Examination(system.CHECKS, system.look)], seconds)


def _fix(line: str) -> str:
    if line.startswith("SECRET_KEY must"):
        return "Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if "_FILE cannot be read" in line:
        return "Let the service's user read the file, or name another one."
    return "See docs/configuration.md for what the setting accepts."


def _secrets(settings: Settings) -> list[str]:
    """List what no sentence may repeat, whoever wrote the sentence."""
    return [secret for secret in _known_secrets(settings) if len(secret) > 3]  # noqa: PLR2004 - shorter ones are parts of words


def _known_secrets(settings: Settings) -> Iterator[str]:
    for url in (settings.url, settings.migration_url):
        yield str(url.password or "")
    for secret in (
        settings.secret_key,
        settings.database_password,
        settings.smtp_password,
        settings.backup_identity,
    ):
        yield secret.get_secret_value() if secret else ""
    yield settings.stripe_key
    yield from settings.webhook_secrets
    yield from settings.former_keys
