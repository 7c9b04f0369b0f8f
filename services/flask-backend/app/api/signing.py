"""The keys of every signature: made once, kept, and found by a request. Signs nothing.

The first key signs. The others are former ones (or, while a new key is being rolled out, the next
one): what they signed is still believed.
"""

import secrets
from typing import Final, cast

from flask import current_app

from app.config import Settings

SIGNING_KEYS: Final = "SIGNING_KEYS"
"""Where ``create_app`` keeps the keys in Flask's configuration."""


def current_signing_keys() -> tuple[bytes, ...]:
    """Return the keys of the application that answers; the first one signs."""
    return cast("tuple[bytes, ...]", current_app.config[SIGNING_KEYS])


def signing_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return the keys of every HMAC: ``SECRET_KEY`` (or one kept beside the data), then others."""
    former = [key.encode() for key in settings.former_keys]
    return (_first_key(settings), *former)


def _first_key(settings: Settings) -> bytes:
    """Return ``SECRET_KEY``, or a key that is made once and kept beside the data."""
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
