"""How people decide: the state and the proof of how it came about, in one transaction.

Holds no text of a document: see ``terms``.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app import clock
from app.errors import FieldError, Invalid
from app.models import Row, create_consent_event, get_consents, lock_head, update_consents
from app.usecases.consents import accepted_version, event_of, last_shown, store_first
from app.usecases.terms import TERMS, Version, find_in_force, list_versions
from app.usecases.work import unit_of_work
from app.vocabulary import ConsentMethod, Decision, Purpose

_KEPT_BITS: Final = {4: 24, 6: 48}
"""How much of an address is kept, by the version of IP: its network, and nobody in it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody decides about all purposes at once, and how.

    Attributes:
        terms_accepted: Whether they accept the terms.
        marketing_consent: Whether they agree to be written to.
        terms_version: Which terms they were shown; those in force if None.
        language: In which language; the usual one if None.
        method: By what they said so.
        surface: Where: a screen, a page, a version of a program.
        address: Where the request comes from; only its network is kept.
    """

    terms_accepted: bool
    marketing_consent: bool
    terms_version: str | None = None
    language: str | None = None
    method: str = ConsentMethod.API
    surface: str | None = None
    address: str | None = None


@unit_of_work
def decide(user_id: UUID, choice: Choice) -> None:
    """Replace what an account agrees to; each purpose that changes appends its event.

    What was accepted before stays accepted without another look at its text: whoever takes back
    one thing need not accept the news of another.

    Raises:
        Invalid: ``TERMS_NOT_IN_FORCE``: the version that is to be accepted is not, or there is
            none. Or no text was published in the language.
    """
    lock_head(user_id)  # From here on nobody else decides for this account.
    state = get_consents(user_id)
    now = clock.now()
    version, terms = _decide_terms(user_id, accepted_version(state), choice, now)
    had_marketing = bool(state and state["marketing_consent"])
    events = [*terms, *_decide_marketing(user_id, choice, now, had_marketing=had_marketing)]
    columns = {
        "terms_accepted": choice.terms_accepted,
        "terms_version": version,
        "marketing_consent": choice.marketing_consent,
    }
    if state is None:
        state = store_first(user_id, timestamp=now, **columns)
    elif events:
        state = update_consents(user_id, **columns)
    how = {
        "method": str(choice.method),
        "surface": choice.surface,
        "address": _network(choice.address),
    }
    for event in events:  # The state's time is later than any before, whatever the clock does.
        create_consent_event(user_id, **event, **how, created_at=state["updated_at"])


def _decide_terms(
    user_id: UUID, before: str | None, choice: Choice, at: datetime
) -> tuple[str | None, list[Row]]:
    """Return which terms are accepted from now on, and the event if that is news."""
    if not choice.terms_accepted:
        if before is None:
            return None, []
        shown = last_shown(user_id, Purpose.TERMS)
        return None, [event_of(Purpose.TERMS, Decision.WITHDRAWN, shown)]
    if before is not None and choice.terms_version == before:
        return before, []
    versions = list_versions(TERMS)
    terms = find_in_force(versions, at)
    if terms is None or choice.terms_version not in (None, terms.version):
        raise _not_in_force(terms)
    if terms.version == before:
        return before, []
    shown = _text_of(terms, choice.language)
    return terms.version, [event_of(Purpose.TERMS, Decision.ACCEPTED, shown)]


def _decide_marketing(
    user_id: UUID, choice: Choice, at: datetime, *, had_marketing: bool
) -> list[Row]:
    """Return the event if the decision is news, or is about a text that is."""
    if not choice.marketing_consent and not had_marketing:
        return []
    former = last_shown(user_id, Purpose.MARKETING) if had_marketing else {}
    if not choice.marketing_consent:
        return [event_of(Purpose.MARKETING, Decision.WITHDRAWN, former)]
    text = find_in_force(list_versions(str(Purpose.MARKETING)), at)
    if had_marketing and former.get("document_version") == (text and text.version):
        return []
    shown = _text_of(text, choice.language) if text else {}
    return [event_of(Purpose.MARKETING, Decision.ACCEPTED, shown)]


def _text_of(version: Version, language: str | None) -> Row:
    """Return which text of a version was shown, as an event has it."""
    language = language or version.usual_language
    if language not in version.texts:
        message = f"These languages are published: {', '.join(version.texts)}."
        raise Invalid.fields([FieldError("language", "NOT_ALLOWED", message)])
    return {
        "document": version.document,
        "document_version": version.version,
        "language": language,
        "sha256": version.texts[language],
    }


def _not_in_force(terms: Version | None) -> Invalid:
    message = "Show the terms that are in force, and send their version."
    return Invalid(
        "TERMS_NOT_IN_FORCE",
        message if terms else "No terms are in force, so that none can be accepted.",
        errors=[FieldError("terms_version", "TERMS_NOT_IN_FORCE", "This is not in force.")],
        facts={"document": TERMS, "version": terms and terms.version},
    )


def _network(address: str | None) -> str | None:
    if address is None:
        return None
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, _KEPT_BITS[parsed.version]), strict=False))
