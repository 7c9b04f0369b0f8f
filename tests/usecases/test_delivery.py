"""Sending the mails that wait: once, by whoever comes first, and again when it failed."""

import threading
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any

import pytest

from app import clock
from app.clients.mail import MailDelayed, MailRefused, MailServerDown
from app.models import get_database, get_db, list_due_mail, update_user
from app.usecases import delivery
from app.usecases.accounts import delete_account
from app.usecases.delivery import FIRST_PAUSE, LEASE, LONGEST_PAUSE, Outcome, deliver_due
from app.usecases.links import LIFETIMES, send_link
from app.usecases.verification import verify_email
from app.vocabulary import MailKind
from tests.factories import make_user
from tests.support.mailbox import KEY, SITE, Mailbox, token_in
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NEXT_KEY = b"the key after that"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


def queue(user: dict[str, Any] | None = None) -> dict[str, Any]:
    user = user or make_user()
    send_link(user["id"], MailKind.EMAIL_VERIFICATION, key=KEY)
    return user


def waiting() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = get_db()(get_db().mail_outbox).dicts()
    return rows


def test_mail_is_sent_once_and_forgotten(mailbox: Mailbox) -> None:
    user = queue()

    assert deliver_due(mailbox.post()) == {Outcome.SENT: 1}

    [mail] = mailbox.mails
    assert mail["To"] == user["email"]
    assert mail["From"] == "Product <no-reply@product.example>"
    verify_email(token_in(mail))
    assert waiting() == []
    assert deliver_due(mailbox.post()) == {}


def test_outbox_holds_no_secret_and_no_address(mailbox: Mailbox) -> None:
    user = queue()
    stored = str(waiting()) + str(get_db()(get_db().email_tokens).dicts())
    [mail] = mailbox.collect()

    secret = token_in(mail).partition(".")[2]
    assert secret not in stored
    assert user["email"] not in stored


def test_no_transaction_is_open_and_no_connection_held_while_a_mail_is_handed_over() -> None:
    queue()
    seen: list[tuple[bool, str]] = []

    class Looking(Mailbox):
        def send(self, message: EmailMessage) -> None:
            database = get_database()
            held = database.dal._adapter.session.connection is not None
            seen.append((database.in_transaction, "held" if held else "free"))

    deliver_due(Looking().post())

    assert seen == [(False, "free")]


def test_of_many_deliverers_each_mail_has_one() -> None:
    for _ in range(12):
        queue()
    mailbox = Mailbox()

    counts = run_together([partial(deliver_due, mailbox.post()) for _ in range(6)])

    assert not any(isinstance(count, Exception) for count in counts), counts
    assert len(mailbox.mails) == 12
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 12
    assert waiting() == []


def test_mail_of_a_deliverer_that_died_is_taken_over(mailbox: Mailbox) -> None:
    begun = clock.now()

    class Killed(BaseException):
        pass

    class Dying(Mailbox):
        def send(self, message: EmailMessage) -> None:
            super().send(message)
            raise Killed

    dying = Dying()
    with clock.frozen(begun):
        queue()
        with pytest.raises(Killed):
            deliver_due(dying.post())
    with clock.frozen(begun + LEASE - timedelta(seconds=1)):
        assert mailbox.collect() == []
    with clock.frozen(begun + LEASE):
        [again] = mailbox.collect()

    # It had been handed over already: whoever has both can tell that they are one.
    assert again["Message-ID"] == dying.mails[0]["Message-ID"]
    assert again.as_bytes() == dying.mails[0].as_bytes()


def test_pause_after_each_failure_doubles(mailbox: Mailbox) -> None:
    mailbox.failure = MailDelayed("451")
    at = begun = clock.now()
    pauses = []
    with clock.frozen(begun):
        queue()

    while at < begun + timedelta(hours=6):
        with clock.frozen(at):
            assert deliver_due(mailbox.post()) == {Outcome.DELAYED: 1}
        due: datetime = waiting()[0]["next_attempt_at"]
        pauses.append(due - at)
        at = due

    assert pauses[:4] == [FIRST_PAUSE * n for n in (1, 2, 4, 8)]
    assert pauses[-1] == LONGEST_PAUSE
    mailbox.failure = None
    with clock.frozen(at):
        assert len(mailbox.collect()) == 1


def test_mail_is_given_up_when_its_link_has_expired(mailbox: Mailbox) -> None:
    begun = clock.now()
    with clock.frozen(begun):
        queue()

    with clock.frozen(begun + LIFETIMES[MailKind.EMAIL_VERIFICATION]):
        assert deliver_due(mailbox.post()) == {Outcome.EXPIRED: 1}

    assert mailbox.mails == []
    assert waiting() == []


def test_mail_that_is_refused_for_good_is_given_up(mailbox: Mailbox) -> None:
    queue()
    mailbox.failure = MailRefused("550")

    assert deliver_due(mailbox.post()) == {Outcome.REFUSED: 1}

    assert waiting() == []


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_nobody_writes_to_an_account_that_ended(mailbox: Mailbox, end: str) -> None:
    user = queue()
    if end == "disable":
        update_user(user["id"], is_active=False)
    else:
        delete_account(user["id"])

    assert mailbox.collect() == []
    assert waiting() == []


def test_later_link_takes_the_place_of_the_one_that_waits(mailbox: Mailbox) -> None:
    user = queue()
    queue(user)

    assert len(mailbox.collect()) == 1


def test_link_that_was_queued_under_a_former_key_works(mailbox: Mailbox) -> None:
    queue()
    post = mailbox.post(NEXT_KEY)
    rotated = delivery.Post(mailbox, [NEXT_KEY, KEY], post.site, post.return_address)

    assert deliver_due(rotated) == {Outcome.SENT: 1}
    verify_email(token_in(mailbox.mails[0]))


def test_link_whose_key_is_gone_is_not_sent(mailbox: Mailbox) -> None:
    queue()

    assert deliver_due(mailbox.post(NEXT_KEY)) == {Outcome.UNDELIVERABLE: 1}
    assert waiting() == []


def test_server_that_is_down_is_left_alone_until_a_probe_succeeds(mailbox: Mailbox) -> None:
    for _ in range(8):
        queue()
    mailbox.failure = MailServerDown("ConnectionRefusedError")
    post = mailbox.post()

    assert deliver_due(post) == {Outcome.DELAYED: 5}
    assert deliver_due(post) == {}

    # Those that were not tried lost nothing by it.
    assert sorted(mail["attempts"] for mail in waiting()) == [0, 0, 0, 1, 1, 1, 1, 1]
    mailbox.failure = None
    post.breaker.hasten()
    assert deliver_due(post) == {Outcome.SENT: 3}


def test_mail_of_a_kind_that_a_later_release_has_is_left_to_it(mailbox: Mailbox) -> None:
    queue()
    get_db()(get_db().mail_outbox).update(kind="birthday")

    assert mailbox.collect() == []
    assert [mail["attempts"] for mail in waiting()] == [0]


def test_deliverer_is_woken_by_what_is_announced() -> None:
    woken = threading.Event()

    def wait() -> None:
        delivery.await_mail(30)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    delivery.announce_mail()
    thread.join(10)

    assert woken.is_set()


def test_links_lead_to_the_product(mailbox: Mailbox) -> None:
    user = queue()
    send_link(user["id"], MailKind.PASSWORD_RESET, key=KEY)

    texts = {mail["Subject"]: mail.get_content() for mail in mailbox.collect()}

    page = f"{SITE}/verify-email#token={user['id']}."
    assert page in texts["Confirm your e-mail address"]
    page = f"{SITE}/reset-password#token={user['id']}."
    assert page in texts["Choose a new password"]


def test_mail_that_waits_longest_is_first() -> None:
    begun = clock.now()
    users = []
    for second in range(3):
        with clock.frozen(begun + timedelta(seconds=second)):
            users.append(queue()["id"])

    due = list_due_mail(kinds=list(MailKind), at=begun + timedelta(minutes=1), limit=2)

    assert [mail["user_id"] for mail in due] == users[:2]
