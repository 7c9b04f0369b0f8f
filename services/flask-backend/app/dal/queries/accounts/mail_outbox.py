"""Mails that were not sent yet. Decides nothing about when to try again or to give up.

Any number of deliverers read the same rows; ``claim_mail`` gives each mail to one of them.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row, delete_first


def queue_mail(
    user_id: UUID, *, mail_id: UUID, kind: str, created_at: datetime, expires_at: datetime
) -> None:
    """Store a mail that is to be sent at once."""
    get_db().mail_outbox.insert(
        user_id=user_id,
        id=mail_id,
        kind=kind,
        created_at=created_at,
        expires_at=expires_at,
        next_attempt_at=created_at,
    )


def list_due_mail(*, kinds: Sequence[str], at: datetime, limit: int) -> list[Row]:
    """Return mails of some kinds whose next attempt is due, those that wait longest first."""
    db = get_db()
    outbox = db.mail_outbox
    query = (outbox.next_attempt_at <= at) & outbox.kind.belongs(kinds)
    rows: list[Row] = db(query).dicts(
        orderby=outbox.next_attempt_at | outbox.user_id | outbox.id, limitby=(0, limit)
    )
    return rows


def claim_mail(mail: Row, *, until: datetime) -> bool:
    """Begin an attempt; tell whether nobody else has since the row was read.

    Args:
        mail: The row as it was read.
        until: When others may try, if nothing is heard of this attempt.
    """
    query = _attempt(mail, mail["attempts"])
    changes = {"attempts": mail["attempts"] + 1, "next_attempt_at": until}
    return bool(get_db()(query).update(**changes))


def postpone_mail(mail: Row, *, until: datetime) -> None:
    """End an attempt that failed, unless another one has begun.

    Args:
        mail: The row as it was read before it was claimed.
        until: When to try again.
    """
    get_db()(_attempt(mail, mail["attempts"] + 1)).update(next_attempt_at=until)


def delete_mail(user_id: UUID, mail_id: UUID) -> None:
    """Forget a mail: it was sent, or will never be."""
    outbox = get_db().mail_outbox
    get_db()((outbox.user_id == user_id) & (outbox.id == mail_id)).delete()


def delete_mails(user_id: UUID, kind: str) -> None:
    """Forget the mails of a kind that wait for an account."""
    outbox = get_db().mail_outbox
    get_db()((outbox.user_id == user_id) & (outbox.kind == kind)).delete()


def delete_expired_mails(*, expired_at: datetime, limit: int) -> int:
    """Forget mails that nobody has sent in time, a number of them; tell how many."""
    outbox = get_db().mail_outbox
    return delete_first(outbox.expires_at <= expired_at, orderby=outbox.expires_at, limit=limit)


def count_mail() -> int:
    """Return how many mails wait."""
    db = get_db()
    return int(db(db.mail_outbox).count())


def _attempt(mail: Row, attempts: int) -> Query:
    outbox = get_db().mail_outbox
    query = (outbox.user_id == mail["user_id"]) & (outbox.id == mail["id"])
    return query & (outbox.attempts == attempts)
