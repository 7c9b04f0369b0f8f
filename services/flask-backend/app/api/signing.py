"""The key of every signature: made once, kept, and found by a request. Signs nothing."""

import secrets
from typing import Final, cast

from flask import current_app

from app.config import Settings

SIGNING_KEY: Final = "SIGNING_KEY"
"""Where ``create_app`` keeps the key in Flask's configuration."""


def current_signing_key() -> bytes:
    """Return the key of the application that answers."""
    return cast("bytes", current_app.config[SIGNING_KEY])


def signing_key(settings: Settings) -> bytes:
    """Return the key of every HMAC: ``SECRET_KEY``, or one made once and kept beside the data."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.data_dir / "secret_key"
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), encoding="utf-8")
        try:
            # A link fails if another process was first; its key is whole, and is the one we read.
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
