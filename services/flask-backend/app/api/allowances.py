"""Who asks, as one that has credits: how many a day brings them stands in the settings."""

from typing import Final, cast

from flask import current_app

from app.api.access import current_principal
from app.config import Settings
from app.usecases.allowances import Allowances, Owner

ALLOWANCES: Final = "ALLOWANCES"
"""Where ``create_app`` keeps them in Flask's configuration."""


def allowances_of(settings: Settings) -> Allowances:
    """Return what a day brings: ``DAILY_CREDITS_USER`` and ``DAILY_CREDITS_GUEST``."""
    return Allowances(user=settings.daily_credits_user, guest=settings.daily_credits_guest)


def current_allowances() -> Allowances:
    """Return what a day brings in the application that answers."""
    return cast("Allowances", current_app.config[ALLOWANCES])


def current_owner() -> Owner:
    """Return who is asking. Only for views that are not public."""
    principal = current_principal()
    return current_allowances().owner(principal.user_id, principal.user_type)
