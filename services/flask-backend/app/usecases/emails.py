"""Which text is an e-mail address. Asks no name server, and sends nothing."""

import re
from typing import Final

from app.errors import FieldError
from app.models import MAX_KEY_CHARACTERS, email_key

MAX_CHARACTERS: Final = 254
"""The longest path of RFC 5321 (4.5.3.1.3), without its brackets."""
MAX_LOCAL_CHARACTERS: Final = 64

_ATOM: Final = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_ADDRESS: Final = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?:localhost|{_LABEL}(?:\.{_LABEL})+)", re.IGNORECASE
)


def find_flaw(email: str, *, field: str = "email") -> FieldError | None:
    """Return what keeps a text from being an address that people can sign up with, or None.

    Accepts what RFC 5321 calls a dot-string at a domain, in any script (RFC 6531). Quoted local
    parts and bracketed IP addresses are legal, and typing errors in practice: they are refused.
    """
    if len(email) > MAX_CHARACTERS:
        return FieldError(field, "TOO_LONG", f"An e-mail has at most {MAX_CHARACTERS} characters.")
    match = _ADDRESS.fullmatch(email)
    if (
        match is None
        or len(match["local"]) > MAX_LOCAL_CHARACTERS
        # Legal, and read as other letters in the head of a mail, which would go to somebody else.
        or "=?" in match["local"]
        # Folding case can make text longer.
        or len(email_key(email)) > MAX_KEY_CHARACTERS
    ):
        return FieldError(field, "INVALID_EMAIL", "Write the address as name@domain.example.")
    return None
