"""Keeps passwords out of what is reported: a stranger's error may repeat the URL it was given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa

_IN_URL: Final = re.compile(r"(\w[\w+.-]*://[^\s:/@'\"]*:)[^\s'\"]+@")
_IN_DSN: Final = re.compile(
    r"\b((?:password|passwd|pwd)\s*=\s*)('[^']*'|\"[^\"]*\"|[^\s,;&)]+)", re.IGNORECASE
)
_SHORTEST: Final = 4
"""Shorter ones occur in any text; where they stand in a URL they are found by their place."""


def list_passwords(*urls: str | sa.URL | sa.Engine | None) -> list[str]:
    """List the passwords of URLs that make sense."""
    found: list[str] = []
    for url in urls:
        try:
            parsed = url.url if isinstance(url, sa.Engine) else sa.make_url(url or "sqlite://")
        except (sa.exc.ArgumentError, ValueError):
            continue
        if parsed.password and len(parsed.password) >= _SHORTEST:
            found += [parsed.password, quote(parsed.password, safe="")]
    return found


def hide_passwords(text: str, known: Iterable[str] = ()) -> str:
    """Replace passwords by asterisks: known ones, and whatever stands where URLs have theirs."""
    for password in known:
        text = text.replace(password, "***")
    return _IN_DSN.sub(r"\1***", _IN_URL.sub(r"\1***@", text))
