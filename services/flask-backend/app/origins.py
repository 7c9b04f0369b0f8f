"""Which text is the origin of a page, as browsers write it in ``Origin`` (RFC 6454, section 6.2).

Knows no setting and no request.
"""

import re
from typing import Final

_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_UNWRITTEN_PORTS: Final = {"http": "80", "https": "443"}


def is_origin(text: str) -> bool:
    """Tell whether a browser could say that a page is from there.

    It is in lower case, has no path, and no port that goes without saying; ``*`` and ``null``
    are none.
    """
    match = _ORIGIN.fullmatch(text)
    return match is not None and match["port"] != _UNWRITTEN_PORTS[match["scheme"]]


def check_origins(text: str) -> str:
    """Return a list of origins, which has commas between them, as it is.

    Raises:
        ValueError: One of them is none.
    """
    if all(is_origin(part.strip()) for part in text.split(",") if part.strip()):
        return text
    raise ValueError(
        "write each origin as browsers do, like https://app.example.com: no path, no *"
    )
