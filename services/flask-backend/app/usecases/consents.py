"""What people agree to: the state, and the proof of how it came about, in one transaction.

Holds no text of a document: see ``terms``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.errors import Forbidden
from app.models import (
    Row,
    UniqueViolation,
    create_consent_event,
    create_consents,
    get_consents,
    get_last_consent_event,
    lock_consents,
)
from app.usecases.terms import known_terms
from app.usecases.work import unit_of_work
from app.vocabulary import ConsentMethod, Decision, Purpose
from bilayer.runtime.errors import SerializationFailure

_SHOWN: Final = ("document", "document_version", "language", "sha256")
"""The columns of an event that say which text was decided about."""


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
    _store_first(
        user_id,
        terms_accepted=guest["terms_accepted"],
        terms_version=guest["terms_version"],
        marketing_consent=guest["marketing_consent"],
        timestamp=at,
        updated_at=at,
    )
    for purpose in accepted:
        create_consent_event(
            user_id,
            purpose=str(purpose),
            decision=str(Decision.ACCEPTED),
            method=str(ConsentMethod.CLAIM),
            surface=f"guest {guest_id}",
            created_at=at,
            **_shown(get_last_consent_event(guest_id, purpose)),
        )
    return len(accepted)


def _accepted(state: Mapping[str, Any]) -> list[Purpose]:
    columns = {Purpose.TERMS: "terms_accepted", Purpose.MARKETING: "marketing_consent"}
    return [purpose for purpose, column in columns.items() if state[column]]


def _shown(event: Row | None) -> dict[str, Any]:
    return {name: event[name] for name in _SHOWN} if event else {}


def _store_first(user_id: UUID, **columns: Any) -> None:
    try:
        create_consents(user_id, **columns)
    except UniqueViolation:
        raise SerializationFailure("another request decided first") from None
