"""How accounts begin: by signing up, as a guest, and by a guest who signs up."""

from functools import partial
from uuid import uuid4

import pytest

from app.errors import AppError, Conflict, TooManyRequests, Unauthorized
from app.models import get_db, get_profile, get_user, list_history, update_profile, update_user
from app.usecases.accounts import delete_account
from app.usecases.history import record_action
from app.usecases.rates import GUEST_LIMIT, SIGN_UP_LIMIT
from app.usecases.registration import make_guest, register
from app.usecases.sessions import Client, Principal, authenticate
from app.usecases.signing_in import SignedIn, login, refresh
from app.vocabulary import Role, UserType
from tests.factories import PASSWORD, make_user, new_email
from tests.support.mailbox import KEY, Mailbox
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

CLIENT = Client("192.0.2.1", "phone")


def sign_up(guest: Principal | None = None, email: str = "ada@example.com") -> SignedIn:
    return register(email=email, password=PASSWORD, guest=guest, client=CLIENT, key=KEY)


def principal_of(signed_in: SignedIn) -> Principal:
    return authenticate(signed_in.tokens.access_token)


def code_of(result: object) -> str:
    return result.code if isinstance(result, AppError) else type(result).__name__


def test_guest_is_a_viewer_without_email_and_password() -> None:
    guest = make_guest(CLIENT)

    user = get_user(guest.user["id"]) or {}
    assert (user["email"], user["password_hash"]) == (None, None)
    assert (user["user_type"], user["role"]) == (UserType.GUEST, Role.VIEWER)
    assert principal_of(guest).user_type == UserType.GUEST
    assert get_profile(guest.user["id"]) is not None
    assert Mailbox().collect() == []


def test_guest_stays_signed_in_by_its_refresh_token() -> None:
    guest = make_guest(CLIENT)

    renewed = refresh(guest.tokens.refresh_token, CLIENT, keys=[KEY])

    assert renewed.user["id"] == guest.user["id"]


def test_guest_who_registers_keeps_id_profile_and_history() -> None:
    guest = make_guest(CLIENT)
    user_id = guest.user["id"]
    update_profile(user_id, display_name="Somebody")
    action, _ = record_action(user_id, action_id=None, action_type="TRANSLATE", payload={})

    signed_in = sign_up(principal_of(guest))

    assert signed_in.user["id"] == user_id
    assert signed_in.user["user_type"] == UserType.INDIVIDUAL
    assert signed_in.user["email"] == "ada@example.com"
    assert (get_profile(user_id) or {})["display_name"] == "Somebody"
    assert [row["id"] for row in list_history(user_id, limit=2)] == [action["id"]]
    assert login(email="ada@example.com", password=PASSWORD, client=CLIENT).user["id"] == user_id


def test_registration_of_a_guest_ends_its_sign_ins_and_opens_one() -> None:
    guest = make_guest(CLIENT)

    signed_in = sign_up(principal_of(guest))

    with pytest.raises(Unauthorized):
        authenticate(guest.tokens.access_token)
    with pytest.raises(Unauthorized):
        refresh(guest.tokens.refresh_token, CLIENT, keys=[KEY])
    assert principal_of(signed_in).user_type == UserType.INDIVIDUAL


def test_name_that_a_guest_gave_is_kept_unless_another_is_given() -> None:
    guest = make_guest(CLIENT)
    update_user(guest.user["id"], full_name="Ada")

    assert sign_up(principal_of(guest)).user["full_name"] == "Ada"


def test_guest_who_wants_a_taken_email_stays_a_guest() -> None:
    make_user(email="ada@example.com")
    guest = make_guest(CLIENT)

    with pytest.raises(Conflict) as refused:
        sign_up(principal_of(guest))

    assert refused.value.code == "EMAIL_TAKEN"
    assert principal_of(guest).user_type == UserType.GUEST


def test_whoever_is_registered_does_not_register_again() -> None:
    signed_in = sign_up()

    with pytest.raises(Conflict) as refused:
        sign_up(principal_of(signed_in), new_email())

    assert refused.value.code == "ALREADY_REGISTERED"
    assert get_db()(get_db().users).count() == 1


def test_of_many_registrations_of_one_guest_at_once_exactly_one_is_carried_out() -> None:
    guest = principal_of(make_guest(CLIENT))

    results = run_together([partial(sign_up, guest, new_email()) for _ in range(6)])

    assert sorted(map(code_of, results)) == ["ALREADY_REGISTERED"] * 5 + ["SignedIn"]
    assert get_db()(get_db().users).count() == 1
    assert get_db()(get_db().mail_outbox).count() == 1


def test_guest_that_ended_meanwhile_does_not_register() -> None:
    guest = make_guest(CLIENT)
    principal = principal_of(guest)
    delete_account(guest.user["id"])

    with pytest.raises(Unauthorized):
        sign_up(principal)

    assert get_db()(get_db().users).count() == 1


def test_guest_of_nowhere_does_not_register() -> None:
    nobody = Principal(uuid4(), Role.VIEWER, UserType.GUEST, uuid4())

    with pytest.raises(Unauthorized):
        sign_up(nobody)


@pytest.mark.parametrize("is_guest", [True, False])
def test_registration_sends_a_mail(is_guest: bool) -> None:
    sign_up(principal_of(make_guest(CLIENT)) if is_guest else None)

    [mail] = Mailbox().collect()

    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "Confirm your e-mail address"


def test_registration_that_fails_sends_none() -> None:
    make_user(email="ada@example.com")

    with pytest.raises(Conflict):
        sign_up()

    assert get_db()(get_db().mail_outbox).isempty()


def test_guests_and_registrations_of_one_address_are_counted_apart() -> None:
    for _ in range(GUEST_LIMIT.free_attempts + 1):
        make_guest(CLIENT)

    with pytest.raises(TooManyRequests):
        make_guest(CLIENT)
    make_guest(Client("192.0.2.2"))
    sign_up()
    assert GUEST_LIMIT == SIGN_UP_LIMIT
