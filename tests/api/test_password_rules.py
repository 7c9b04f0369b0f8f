"""Which passwords may be chosen, at every door where one is: ASVS 5.0, section 6.2, in a table.

6.2.6 and 6.2.7 are about forms, of which this service has none.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.models import get_email_token, release
from app.usecases import links, passwords
from app.vocabulary import MailKind
from tests.factories import PASSWORD, make_user
from tests.support.mailbox import KEY
from tests.support.people import API, flaws, login, person, problem

EMAIL = "ada.lovelace@example.com"
NAME = "Ada King Lovelace"
GOOD = "eight yellow umbrellas"

# The item of ASVS, a password, and the code of its refusal.
RULES = [
    ("6.2.1", "zebra7q", "PASSWORD_TOO_SHORT"),
    ("6.2.1", "\U0001f99c" * 7, "PASSWORD_TOO_SHORT"),
    ("6.2.1", "zebra7qx", None),
    ("6.2.4", "password", "PASSWORD_TOO_COMMON"),
    ("6.2.4", "12345678", "PASSWORD_TOO_COMMON"),
    ("6.2.4", "qwertyuiop", "PASSWORD_TOO_COMMON"),
    ("6.2.5", "onlysmallletters", None),
    ("6.2.5", "ONLYCAPITALLETTERS", None),
    ("6.2.5", "904516273081", None),
    ("6.2.5", "}{}{:;:;--__", None),
    ("6.2.5", "\u043f\u0430\u0440\u043e\u043b\u044c \U0001f99c\u00e9", None),
    ("6.2.5", "  spaces  count  ", None),
    ("6.2.9", "x" * 63 + "y", None),
    ("6.2.9", "x" * 255 + "y", None),
    ("6.2.9", "x" * 256 + "y", "PASSWORD_TOO_LONG"),
    ("6.2.11", EMAIL, "PASSWORD_TOO_OBVIOUS"),
    ("6.2.11", "Ada.Lovelace1843!", "PASSWORD_TOO_OBVIOUS"),
    ("6.2.11", "adakinglovelace", "PASSWORD_TOO_OBVIOUS"),
    ("6.2.12", "iloveyou", "PASSWORD_TOO_COMMON"),
    ("6.2.12", "trustno1", "PASSWORD_TOO_COMMON"),
]  # fmt: skip


def register(client: FlaskClient, password: str) -> TestResponse:
    body = {"email": EMAIL, "full_name": NAME, "password": password}
    return client.post(f"{API}/auth/register", json=body)


def change(client: FlaskClient, password: str) -> TestResponse:
    ada = person(client, make_user(email=EMAIL, full_name=NAME))
    body = {"current_password": PASSWORD, "new_password": password}
    return ada.post("/auth/password", body)


def reset(client: FlaskClient, password: str) -> TestResponse:
    user_id = make_user(email=EMAIL, full_name=NAME)["id"]
    links.send_link(user_id, MailKind.PASSWORD_RESET, key=KEY)
    token = links.find_secret(get_email_token(user_id, MailKind.PASSWORD_RESET) or {}, [KEY])
    release()
    body = {"token": token, "new_password": password}
    return client.post(f"{API}/auth/password/reset", json=body)


# No engine is asked about a password, so one is enough.
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
@pytest.mark.parametrize("door", [register, change, reset], ids=lambda door: door.__name__)
@pytest.mark.parametrize(
    ("password", "code"),
    [pytest.param(*rule, id=f"{item} {rule[0][:20]!a}") for item, *rule in RULES],
)
def test_password_is_judged_alike_at_every_door(
    client: FlaskClient,
    door: Callable[[FlaskClient, str], TestResponse],
    password: str,
    code: str | None,
) -> None:
    answer = door(client, password)

    if code is None:
        assert answer.status_code in (200, 201)
        assert login(client, email=EMAIL, password=password).status_code == 200
    else:
        field = "password" if door is register else "new_password"
        assert flaws(answer) == {field: code}
        assert login(client, email=EMAIL, password=password).status_code == 401


def test_6_2_3_change_needs_the_current_password(client: FlaskClient) -> None:
    ada = person(client, make_user(email=EMAIL))

    answers = [
        ada.post("/auth/password", {"new_password": GOOD}),
        ada.post("/auth/password", {"current_password": "", "new_password": GOOD}),
        ada.post("/auth/password", {"current_password": "wrong guess", "new_password": GOOD}),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 403]
    assert login(client, email=EMAIL, password=GOOD).status_code == 401


def test_6_2_4_every_word_of_the_list_is_refused_in_any_case() -> None:
    words = passwords._common_passwords()

    assert [word for word in words if not passwords.find_flaw(word)] == []
    assert [word for word in words if not passwords.find_flaw(word.upper())] == []


@pytest.mark.parametrize(
    "other",
    [PASSWORD.upper(), PASSWORD + " ", f" {PASSWORD}", PASSWORD[:-1], PASSWORD.replace(" ", "")],
)
def test_6_2_8_only_the_password_as_it_was_chosen_signs_in(client: FlaskClient, other: str) -> None:
    make_user(email=EMAIL)
    release()

    assert problem(login(client, email=EMAIL, password=other)) == (401, "INVALID_CREDENTIALS")


def test_6_2_8_no_end_of_a_long_password_is_cut_off(client: FlaskClient) -> None:
    long = "x" * 254
    register(client, long + "yz")

    assert login(client, email=EMAIL, password=long + "yw").status_code == 401
    assert login(client, email=EMAIL, password=long + "yz").status_code == 200


def test_6_2_10_password_does_not_wear_out(client: FlaskClient) -> None:
    make_user(email=EMAIL)
    release()

    with clock.frozen(clock.now() + timedelta(days=10 * 365)):
        assert login(client, email=EMAIL).status_code == 200
