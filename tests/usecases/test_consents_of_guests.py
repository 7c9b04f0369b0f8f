"""What a guest agreed to, when an account claims the guest: moved once, and never against it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from app import clock
from app.models import (
    create_consent_event,
    create_consents,
    get_consents,
    list_consent_events,
    transaction,
)
from app.usecases.consents import adopt_guest_consents
from app.usecases.decisions import Choice, decide
from app.vocabulary import ConsentMethod
from tests.factories import make_guest, make_user
from tests.support.threads import run_together

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("database")


def agree(user_id: UUID, *, marketing: bool = False, terms: str | None = "1") -> None:
    """Store decisions as if they were taken at noon."""
    create_consents(
        user_id,
        terms_accepted=terms is not None,
        terms_version=terms,
        marketing_consent=marketing,
        timestamp=NOON,
        updated_at=NOON,
    )
    text = {"document": "terms", "document_version": terms, "language": "en", "sha256": "a" * 64}
    for purpose, shown in (
        ("terms", text if terms else None),
        ("marketing", {} if marketing else None),
    ):
        if shown is not None:
            create_consent_event(
                user_id,
                purpose=purpose,
                decision="accepted",
                method=ConsentMethod.CHECKBOX,
                created_at=NOON,
                **shown,
            )


def test_guests_decisions_become_those_of_the_account_once() -> None:
    guest, user = make_guest()["id"], make_user()["id"]
    agree(guest, marketing=True)
    later = NOON + timedelta(hours=1)

    with clock.frozen(later):
        assert adopt_guest_consents(user, guest, later) == 2
        assert adopt_guest_consents(user, guest, later) == 0

    state, events = get_consents(user) or {}, list_consent_events(user, limit=10)
    assert (state["terms_version"], state["marketing_consent"]) == ("1", True)
    assert (state["timestamp"], state["updated_at"]) == (later, later)
    assert {event["purpose"] for event in events} == {"terms", "marketing"}
    terms = next(event for event in events if event["purpose"] == "terms")
    assert (terms["document"], terms["document_version"], terms["sha256"]) == (
        "terms",
        "1",
        "a" * 64,
    )
    assert (terms["method"], terms["surface"]) == ("claim", f"guest {guest}")
    assert len(list_consent_events(guest, limit=10)) == 2


def test_own_decisions_win() -> None:
    guest, user = make_guest()["id"], make_user()["id"]
    agree(guest, marketing=True)
    agree(user, terms=None)

    assert adopt_guest_consents(user, guest, NOON) == 0

    state = get_consents(user) or {}
    assert (state["terms_accepted"], state["marketing_consent"]) == (False, False)
    assert list_consent_events(user, limit=10) == []


@pytest.mark.parametrize("has_withdrawn", [True, False])
def test_guest_that_agrees_to_nothing_leaves_nothing(*, has_withdrawn: bool) -> None:
    guest, user = make_guest()["id"], make_user()["id"]
    if has_withdrawn:
        agree(guest, terms=None)

    assert adopt_guest_consents(user, guest, NOON) == 0
    assert get_consents(user) is None


def test_two_claims_at_once_move_once() -> None:
    guest, user = make_guest()["id"], make_user()["id"]
    agree(guest)

    moved = run_together([partial(adopt_guest_consents, user, guest, NOON)] * 6)

    assert sorted(map(str, moved)) == ["0"] * 5 + ["1"]
    assert len(list_consent_events(user, limit=10)) == 1


def test_decisions_move_with_the_transaction_they_are_part_of() -> None:
    guest, user = make_guest()["id"], make_user()["id"]
    agree(guest)

    with pytest.raises(ZeroDivisionError), transaction():
        adopt_guest_consents(user, guest, NOON)
        raise ZeroDivisionError

    assert get_consents(user) is None


def test_claim_and_decision_at_once_leave_one_of_them_whole() -> None:
    guest, user = make_guest()["id"], make_user()["id"]
    agree(guest)
    own = Choice(terms_accepted=False, marketing_consent=True)

    rivals: list[Callable[[], object]] = [
        partial(adopt_guest_consents, user, guest, clock.now()),
        partial(decide, user, own),
    ]

    moved, _ = run_together(rivals)

    state, events = get_consents(user) or {}, list_consent_events(user, limit=10)
    told = [(event["purpose"], event["decision"]) for event in events]
    assert (state["terms_accepted"], state["marketing_consent"]) == (False, True)
    if moved:  # The claim came first, and the decision took it back.
        assert sorted(told) == [
            ("marketing", "accepted"),
            ("terms", "accepted"),
            ("terms", "withdrawn"),
        ]
        assert told[-1] == ("terms", "accepted")
    else:
        assert told == [("marketing", "accepted")]
