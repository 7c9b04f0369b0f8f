"""Whether an e-mail is its owner's: asked by a link that is sent there."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from app import clock
from app.errors import AppError, Conflict, Forbidden, NotFound, TooManyRequests
from app.models import get_user, update_user
from app.usecases.accounts import delete_account
from app.usecases.credentials import reset_password
from app.usecases.links import LIFETIMES
from app.usecases.rates import MAIL_LIMIT
from app.usecases.sessions import Client
from app.usecases.verification import send_verification, verify_email
from app.vocabulary import MailKind
from tests.factories import make_guest, make_user
from tests.support.mailbox import KEY, Mailbox, token_in
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NOWHERE = Client()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def send(user: dict[str, Any], client: Client = NOWHERE) -> None:
    send_verification(user["id"], client, key=KEY)


def link_for(user: dict[str, Any], mailbox: Mailbox) -> str:
    send(user)
    [mail] = mailbox.collect()
    return token_in(mail)


def verified_at(user: dict[str, Any]) -> Any:
    return (get_user(user["id"]) or {})["email_verified_at"]


def test_link_verifies_the_email(mailbox: Mailbox) -> None:
    user = make_user()
    assert verified_at(user) is None
    token = link_for(user, mailbox)
    now = clock.now()

    with clock.frozen(now):
        verify_email(token)

    assert verified_at(user) == now


def test_link_works_once(mailbox: Mailbox) -> None:
    token = link_for(make_user(), mailbox)

    results = run_together([partial(verify_email, token)] * 4)

    refusals = [result.code for result in results if isinstance(result, AppError)]
    assert refusals == ["LINK_NOT_FOUND"] * 3


def test_link_expires(mailbox: Mailbox) -> None:
    user = make_user()
    begun = clock.now()
    with clock.frozen(begun):
        token = link_for(user, mailbox)

    with (
        clock.frozen(begun + LIFETIMES[MailKind.EMAIL_VERIFICATION]),
        pytest.raises(NotFound) as refused,
    ):
        verify_email(token)

    assert refused.value.code == "LINK_NOT_FOUND"
    with clock.frozen(begun + LIFETIMES[MailKind.EMAIL_VERIFICATION] - timedelta(microseconds=1)):
        verify_email(token)


def test_later_link_ends_the_one_before(mailbox: Mailbox) -> None:
    user = make_user()
    first, second = link_for(user, mailbox), link_for(user, mailbox)

    with pytest.raises(NotFound):
        verify_email(first)
    verify_email(second)


def test_link_changes_no_password(mailbox: Mailbox) -> None:
    token = link_for(make_user(), mailbox)

    with pytest.raises(NotFound) as refused:
        reset_password(token, new_password="eleven yellow bicycles", client=NOWHERE)

    assert refused.value.code == "LINK_NOT_FOUND"


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_link_ends_with_its_account(mailbox: Mailbox, end: str) -> None:
    user = make_user()
    token = link_for(user, mailbox)
    if end == "disable":
        update_user(user["id"], is_active=False)
    else:
        delete_account(user["id"])

    with pytest.raises(NotFound):
        verify_email(token)


def test_verified_email_needs_no_further_mail(mailbox: Mailbox) -> None:
    user = make_user()
    verify_email(link_for(user, mailbox))

    with pytest.raises(Conflict) as refused:
        send(user)

    assert refused.value.code == "EMAIL_VERIFIED"


def test_guest_has_no_email_to_verify() -> None:
    with pytest.raises(Forbidden) as refused:
        send(make_guest())

    assert refused.value.code == "GUEST_ACCOUNT"


def test_deleted_account_is_sent_nothing(mailbox: Mailbox) -> None:
    user = make_user()
    send(user)
    delete_account(user["id"])

    assert mailbox.collect() == []
    with pytest.raises(NotFound):
        send(user)


def test_owner_is_told_when_too_many_mails_were_asked_for() -> None:
    user = make_user()
    with clock.frozen(clock.now()):
        for _ in range(MAIL_LIMIT.free_attempts + 1):
            send(user)

        with pytest.raises(TooManyRequests):
            send(user)
