"""What people agree to: what holds, what is asked of them, and what a guest leaves to an account.

Nothing is agreed to until somebody says so: see ``decisions``. Holds no text: see ``terms``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app import clock
from app.errors import Forbidden
from app.models import (
    Row,
    UniqueViolation,
    create_consent_event,
    create_consents,
    get_consents,
    get_last_consent_event,
    list_consent_events,
    list_consents,
    lock_consents,
)
from app.usecases.terms import TERMS, Version, find_in_force, known_terms, list_versions
from app.usecases.work import unit_of_work
from app.vocabulary import BY_CLAIM, Decision, Purpose
from bilayer.runtime.errors import SerializationFailure

__all__ = [
    "Standing",
    "accepted_version",
    "adopt_guest_consents",
    "check_terms",
    "event_of",
    "get_standing",
    "last_shown",
    "list_consent_events",
    "list_consents",
    "list_last_decisions",
    "store_first",
]

_SHOWN: Final = ("document", "document_version", "language", "sha256")
"""The columns of an event that say which text was decided about."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for an account.

    Attributes:
        state: Its row, None if it never decided anything.
        required: The documents it has to accept before it uses the product.
    """

    state: Row | None
    required: tuple[Version, ...]


def get_standing(user_id: UUID) -> Standing:
    """Return what an account agreed to, and what is asked of it."""
    state = get_consents(user_id)
    terms = find_in_force(list_versions(TERMS), clock.now())
    is_current = terms is None or accepted_version(state) == terms.version
    return Standing(state, () if is_current or terms is None else (terms,))


def check_terms(user_id: UUID) -> None:
    """Let pass who accepted the terms that are in force, and everybody while there are none.

    Raises:
        Forbidden: ``CONSENT_REQUIRED``: they did not, or accepted another version.
    """
    terms = known_terms()
    if terms is not None and accepted_version(get_consents(user_id)) != terms.version:
        raise Forbidden(
            "CONSENT_REQUIRED",
            "Accept the terms that are in force first, with PUT /api/v1/consents/me.",
            facts={"document": terms.document, "version": terms.version},
        )


def accepted_version(state: Mapping[str, Any] | None) -> str | None:
    """Return which terms are accepted in a state, or None."""
    return state["terms_version"] if state and state["terms_accepted"] else None


@unit_of_work
def adopt_guest_consents(user_id: UUID, guest_id: UUID, at: datetime) -> int:
    """Take over what a guest agreed to, and tell how many decisions that were.

    Whoever decided anything under this account has decided everything: then the guest's decisions
    count for nothing. They stay under the guest as what they are, a proof.

    Args:
        user_id: Who the guest turned out to be.
        guest_id: Who they were.
        at: When they claimed the guest.
    """
    guest = lock_consents(guest_id)
    accepted = _accepted(guest) if guest else []
    if guest is None or not accepted or lock_consents(user_id) is not None:
        return 0
    names = ("terms_accepted", "terms_version", "marketing_consent")
    state = store_first(user_id, **{name: guest[name] for name in names}, timestamp=at)
    for purpose in accepted:
        event = event_of(purpose, Decision.ACCEPTED, last_shown(guest_id, purpose))
        surface = f"guest {guest_id}"
        how = {"method": BY_CLAIM, "surface": surface, "created_at": state["updated_at"]}
        create_consent_event(user_id, **event, **how)
    return len(accepted)


def list_last_decisions(user_id: UUID) -> list[Row]:
    """Return the last decision of an account about each purpose it decided about."""
    events = [get_last_consent_event(user_id, purpose) for purpose in Purpose]
    return [event for event in events if event is not None]


def event_of(purpose: Purpose, decision: Decision, shown: Mapping[str, Any]) -> Row:
    """Return what an event says of a decision, and of the text it is about."""
    return {"purpose": str(purpose), "decision": str(decision), **shown}


def last_shown(user_id: UUID, purpose: Purpose) -> Row:
    """Return which text an account decided about last, for a purpose."""
    event = get_last_consent_event(user_id, purpose)
    return {name: event[name] for name in _SHOWN} if event else {}


def store_first(user_id: UUID, **columns: Any) -> Row:
    """Store what an account decides first, and return it. The unit of work is tried again.

    Raises:
        SerializationFailure: Another one stored it meanwhile.
    """
    try:
        return create_consents(user_id, **columns)
    except UniqueViolation:
        raise SerializationFailure("another request decided first") from None


def _accepted(state: Mapping[str, Any]) -> list[Purpose]:
    columns = {Purpose.TERMS: "terms_accepted", Purpose.MARKETING: "marketing_consent"}
    return [purpose for purpose, column in columns.items() if state[column]]
