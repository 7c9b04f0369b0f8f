"""Sending the mails that wait, by any number of threads and processes at once.

An attempt begins with a conditional update, so one of them has it; if that one dies, the others
may try again after ``LEASE``. So a mail is sent at least once, and again only if its sender died
between handing it over and saying so; both carry the same Message-ID. No transaction is open, and
no connection held, while a mail is handed over.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from enum import StrEnum
from typing import Final

import structlog

from app import clock
from app.breaker import CircuitBreaker
from app.clients.mail import MailDelayed, MailRefused, MailServerDown, Sender
from app.metrics import record_mail, record_waiting_mail
from app.models import (
    Row,
    claim_mail,
    count_mail,
    delete_mail,
    get_email_token,
    get_user,
    list_due_mail,
    postpone_mail,
    release,
)
from app.usecases import letters, links
from app.usecases.sessions import is_usable
from app.usecases.work import unit_of_work
from app.vocabulary import MailKind

LEASE: Final = timedelta(minutes=5)
"""How long an attempt may take: longer than a server that answers each step at the last moment."""
FIRST_PAUSE: Final = timedelta(seconds=15)
LONGEST_PAUSE: Final = timedelta(hours=1)
"""After each failed attempt the pause doubles, from the first to the longest."""
_BATCH: Final = 20

_queued: Final = threading.Event()
log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    DELAYED = "delayed"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, slots=True)
class Post:
    """How mails leave.

    Attributes:
        sender: What takes them away.
        keys: The server's keys, of which links are made.
        site: Where links lead.
        return_address: Whom mails are from.
        breaker: Keeps everybody here away from a mail server that does not answer.
    """

    sender: Sender
    keys: Sequence[bytes]
    site: str
    return_address: str
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)


def announce_mail() -> None:
    """Wake who waits in this process: a mail was queued, and its transaction has ended."""
    _queued.set()


def await_mail(seconds: float) -> None:
    """Wait until a mail is announced, but not longer."""
    _queued.wait(seconds)
    _queued.clear()


def deliver_due(post: Post, *, is_stopping: Callable[[], bool] = lambda: False) -> Counter[Outcome]:
    """Try the mails that are due, a batch of them, and count what became of them.

    Args:
        post: How they leave.
        is_stopping: Asked between two mails.
    """
    outcomes: Counter[Outcome] = Counter()
    for mail in list_due_mail(kinds=list(MailKind), at=clock.now(), limit=_BATCH):
        if is_stopping() or post.breaker.enter() is not None:
            break
        try:
            outcome = _deliver(mail, post)
        finally:
            post.breaker.abandon()  # Unless it was told how it went.
        if outcome is not None:
            outcomes[outcome] += 1
            record_mail(outcome)
    record_waiting_mail(count_mail())
    return outcomes


def _deliver(mail: Row, post: Post) -> Outcome | None:
    """Try one mail; None if somebody else does."""
    if not _claim(mail):
        return None
    reason = None
    outcome = Outcome.EXPIRED
    if mail["expires_at"] > clock.now():
        outcome, reason = _send(mail, post)
    if outcome == Outcome.DELAYED:
        _postpone(mail)
    else:
        _forget(mail)
    if outcome != Outcome.SENT:
        attempt = mail["attempts"] + 1
        log.warning(
            "mail_not_sent", outcome=outcome, kind=mail["kind"], attempt=attempt, reason=reason
        )
    return outcome


def _send(mail: Row, post: Post) -> tuple[Outcome, str | None]:
    letter = _write(mail, post)
    if letter is None:
        return Outcome.UNDELIVERABLE, None
    release()
    try:
        post.sender.send(letter)
    except MailServerDown as error:
        post.breaker.fail()
        return Outcome.DELAYED, str(error)
    except (MailDelayed, MailRefused) as error:
        post.breaker.succeed()
        is_delayed = isinstance(error, MailDelayed)
        return Outcome.DELAYED if is_delayed else Outcome.REFUSED, str(error)
    post.breaker.succeed()
    return Outcome.SENT, None


def _write(mail: Row, post: Post) -> EmailMessage | None:
    """Return the mail as it is sent; None if its account or its link has ended meanwhile."""
    user = get_user(mail["user_id"])
    link = get_email_token(mail["user_id"], mail["kind"])
    if user is None or not is_usable(user) or link is None or link["id"] != mail["id"]:
        return None
    secret = links.find_secret(link, post.keys)
    if secret is None:
        return None
    return letters.write_letter(
        MailKind(mail["kind"]),
        to=user["email"],
        sender=post.return_address,
        token=secret,
        mail_id=mail["id"],
        at=mail["created_at"],
        site=post.site,
    )


@unit_of_work
def _claim(mail: Row) -> bool:
    return claim_mail(mail, until=clock.now() + LEASE)


@unit_of_work
def _postpone(mail: Row) -> None:
    # Doubled no further than it can count.
    pause = min(FIRST_PAUSE * 2 ** min(mail["attempts"], 16), LONGEST_PAUSE)
    postpone_mail(mail, until=clock.now() + pause)


@unit_of_work
def _forget(mail: Row) -> None:
    delete_mail(mail["user_id"], mail["id"])
