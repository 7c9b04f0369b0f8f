"""The words that have a meaning in rows and requests, each written once."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What an account may do. Each role may do what those above it in this list may."""

    VIEWER = "viewer"
    MAINTAINER = "maintainer"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Tell whether this role may do everything that ``other`` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class UserType(StrEnum):
    """What kind of account it is. Says nothing of what it may do."""

    GUEST = "guest"
    INDIVIDUAL = "individual"
    MEMBER = "member"
    ADMIN = "admin"


class MailKind(StrEnum):
    """What a mail is about. Each kind so far carries a link, whose purpose is the same word."""

    EMAIL_VERIFICATION = "email_verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a purpose, and no password


MANAGED_EXTERNALLY: Final = "managed_externally"
"""Stands in ``password_hash`` of an account whose password another system keeps."""
