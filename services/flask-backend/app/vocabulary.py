"""The words that have a meaning in rows and requests, each written once."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from uuid import UUID


class Role(StrEnum):
    """What an account may do. Each role may do what those above it in this list may."""

    VIEWER = "viewer"
    MAINTAINER = "maintainer"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Tell whether this role may do everything that ``other`` may."""
        return _RANKS[self] >= _RANKS[other]


_RANKS: Final = {role: rank for rank, role in enumerate(Role)}


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


class Bucket(StrEnum):
    """Where credits are: the day's allowance, what was paid for, and what is owed."""

    DAILY = "daily"
    PREPAID = "prepaid"
    DEBT = "debt"


class TransactionType(StrEnum):
    """Why credits came or went. With its reference, a row of the ledger is there once a bucket."""

    DAILY_RESET = "daily_reset"
    REGISTRATION = "registration"
    SPEND = "spend"
    REFUND = "refund"
    CAPTURE = "capture"
    GRANT = "grant"
    PURCHASE = "purchase"
    REVERSAL = "reversal"
    REINSTATEMENT = "reinstatement"
    CLAIM = "claim"
    DEBT_PAYMENT = "debt_payment"
    OPENING_BALANCE = "opening_balance"


class HoldState(StrEnum):
    """What became of credits that were set aside."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


class EventState(StrEnum):
    """What became of an event that Stripe told of."""

    PROCESSED = "processed"
    UNMATCHED = "unmatched"


class StripeKind(StrEnum):
    """What an object of Stripe's is."""

    CHECKOUT_SESSION = "checkout_session"
    PAYMENT_INTENT = "payment_intent"
    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"


class UnmatchedReason(StrEnum):
    """Why an event could not be worked off."""

    MALFORMED = "malformed"
    OTHER_LIVEMODE = "other_livemode"
    NO_USER = "no_user"
    UNKNOWN_USER = "unknown_user"
    DELETED_USER = "deleted_user"
    BAD_CREDITS = "bad_credits"
    NO_PURCHASE = "no_purchase"
    PAYMENT_CREDITED = "payment_credited"


class CardType(StrEnum):
    """How a flash card asks."""

    BASIC = "basic"
    BASIC_REVERSE = "basic_reverse"
    CLOZE = "cloze"
    INTERACTIVE_CLOZE = "interactive_cloze"


class CardStatus(StrEnum):
    """How far a flash card is on its way to whoever learns with it."""

    PENDING = "pending"
    APPROVED = "approved"
    SYNCED = "synced"


class MessageRole(StrEnum):
    """Who says something in a chat."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class CacheScope(StrEnum):
    """Who may read a cached answer: anybody, or one account, or one guest."""

    PUBLIC = "public"
    USER = "user"
    GUEST = "guest"


class Purpose(StrEnum):
    """What people decide about."""

    TERMS = "terms"
    MARKETING = "marketing"


class Decision(StrEnum):
    """How they decided."""

    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"


class ConsentMethod(StrEnum):
    """By what people decide."""

    API = "api"
    BUTTON = "button"
    CHECKBOX = "checkbox"
    SWITCH = "switch"


BY_CLAIM: Final = "claim"
"""Stands for the method where a decision was taken over from the guest that somebody was."""


NOBODY: Final = UUID(int=0)
"""Stands for the owner where a row is for everybody."""
