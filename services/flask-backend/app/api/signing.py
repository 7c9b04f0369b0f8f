"""The key of every signature, as a request finds it. Signs nothing."""

from typing import Final, cast

from flask import current_app

SIGNING_KEY: Final = "SIGNING_KEY"
"""Where ``create_app`` keeps the key in Flask's configuration."""


def current_signing_key() -> bytes:
    """Return the key of the application that answers."""
    return cast("bytes", current_app.config[SIGNING_KEY])
