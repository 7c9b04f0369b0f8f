"""The settings that can be used and are still not what they should be. Opens nothing."""

from collections.abc import Iterator
from typing import Final

from app.config import Settings, list_misspelt
from app.operations.doctor.findings import Finding, warn, well

CONFIGURATION_CHECKS: Final = ("settings",)

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def look_at_settings(settings: Settings) -> Iterator[Finding]:
    """Yield what should be set in another way, or that all is well."""
    advice = list(_advice(settings))
    yield from advice
    if not advice:
        given = ", ".join(sorted(name.upper() for name in settings.model_fields_set))
        yield well("settings", f"ENV={settings.env}. Set, and none wrong: {given or 'nothing'}.")


def _advice(settings: Settings) -> Iterator[Finding]:
    for sentence in list_misspelt():
        yield warn("settings", sentence, "Correct the name, or take the variable away.")
    if settings.env == "dev" and settings.host not in _LOOPBACK:
        yield warn(
            "settings",
            f"ENV=dev, and the service listens on {settings.host}, where others reach it.",
            "Set ENV=prod where people use it: it refuses what is unsafe.",
        )
    if settings.env == "prod":
        yield from _advice_for_production(settings)


def _advice_for_production(settings: Settings) -> Iterator[Finding]:
    if not settings.allowed_hosts:
        yield warn(
            "settings",
            "TRUSTED_HOSTS is empty: the service answers for any host name.",
            "Set TRUSTED_HOSTS to the names that clients use.",
        )
    if settings.mail_sender != "smtp":
        yield warn(
            "settings",
            f"MAIL_SENDER={settings.mail_sender}: no mail reaches anybody.",
            "Set MAIL_SENDER=smtp, SMTP_HOST and MAIL_FROM.",
        )
    if settings.has_stripe and not settings.is_stripe_live:
        yield warn(
            "settings",
            "STRIPE_SECRET_KEY is a test key: credits are given for play money.",
            "Set the live key, and the STRIPE_WEBHOOK_SECRET of the live endpoint.",
        )
    if settings.db_echo_sql:
        yield warn(
            "settings",
            "DB_ECHO_SQL is on: each statement is logged.",
            "Take DB_ECHO_SQL away; it is for debugging.",
        )
