"""Purchases, what Stripe told of, and the claims by which each of that counts once.

Knows no rule about what anything is worth.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.keyset import Position
from app.vocabulary import EventState, StripeKind


def create_purchase(user_id: UUID, transaction_id: UUID, **columns: Any) -> Row:
    """Store a purchase and return its row.

    Raises:
        UniqueViolation: The account has a purchase of this session.
    """
    db = get_db()
    db.transactions.insert(user_id=user_id, transaction_id=transaction_id, **columns)
    row: Row = db(_purchase(user_id, transaction_id)).one()
    return row


def lock_purchase(user_id: UUID, transaction_id: UUID) -> Row:
    """Return a purchase that is there, locked until the transaction ends."""
    rows: list[Row] = get_db().lock_rows(_purchase(user_id, transaction_id))
    return rows[0]


def update_purchase(user_id: UUID, transaction_id: UUID, **columns: Any) -> None:
    """Change what was taken back of a purchase."""
    get_db()(_purchase(user_id, transaction_id)).update(**columns)


def list_purchases(user_id: UUID, *, after: Position | None = None, limit: int) -> list[Row]:
    """Return the purchases of an account, newest first.

    Args:
        user_id: Whose purchases.
        after: The last row of the page before.
        limit: How many at most.
    """
    db = get_db()
    table = db.transactions
    query = table.user_id == user_id
    if after is not None:
        # The first condition looks redundant; it is the one that an index can begin at.
        query &= table.created_at <= after.created_at
        query &= (table.created_at < after.created_at) | (table.transaction_id < after.id)
    order = ~table.created_at | ~table.transaction_id
    rows: list[Row] = db(query).dicts(orderby=order, limitby=(0, limit))
    return rows


def claim_stripe_object(
    object_id: str, kind: StripeKind, *, created_at: datetime, parent_id: str | None = None
) -> Row:
    """Return the row of an object outside, made if need be, and locked.

    Whoever comes second waits here until the first one's transaction has ended.
    """
    db = get_db()
    values = {
        "object_id": object_id,
        "kind": str(kind),
        "parent_id": parent_id,
        "created_at": created_at,
    }
    db.stripe_objects.upsert(values, conflict=["object_id", "kind"], update={})
    rows: list[Row] = db.lock_rows(_object(object_id, kind))
    return rows[0]


def update_stripe_object(object_id: str, kind: StripeKind, **columns: Any) -> None:
    """Note what is known of an object that is claimed."""
    get_db()(_object(object_id, kind)).update(**columns)


def lock_stripe_objects(parent_id: str) -> list[Row]:
    """Return the objects that belong to another one, locked, as the last commit left them."""
    db = get_db()
    objects = db.stripe_objects
    rows: list[Row] = db.lock_rows(
        objects.parent_id == parent_id, orderby=objects.object_id | objects.kind
    )
    return rows


def keep_stripe_event(event: Mapping[str, Any]) -> Row:
    """Store an event, unless it is there; return its row, locked."""
    db = get_db()
    db.stripe_events.upsert(dict(event), conflict=["event_id"], update={})
    rows: list[Row] = db.lock_rows(db.stripe_events.event_id == event["event_id"])
    return rows[0]


def lock_stripe_event(event_id: str) -> Row | None:
    """Return an event, locked, or None."""
    db = get_db()
    rows: list[Row] = db.lock_rows(db.stripe_events.event_id == event_id)
    return rows[0] if rows else None


def update_stripe_event(event_id: str, **columns: Any) -> None:
    """Note what became of an event."""
    db = get_db()
    db(db.stripe_events.event_id == event_id).update(**columns)


def lock_waiting_stripe_events(parent_id: str) -> list[Row]:
    """Return the unmatched events about an object, locked.

    Those that somebody else has locked are left to them: they wait for the object.
    """
    db = get_db()
    events = db.stripe_events
    query = (events.parent_id == parent_id) & (events.state == str(EventState.UNMATCHED))
    rows: list[Row] = db.lock_rows(query, orderby=events.event_id, skip_locked=True)
    return rows


def list_stripe_events(*, state: str | None = None, limit: int) -> list[Row]:
    """Return events, those that came last first.

    Args:
        state: Only events in this state.
        limit: How many at most.
    """
    db = get_db()
    events = db.stripe_events
    query = events if state is None else events.state == state
    order = ~events.received_at | ~events.event_id
    rows: list[Row] = db(query).dicts(orderby=order, limitby=(0, limit))
    return rows


def _purchase(user_id: UUID, transaction_id: UUID) -> Query:
    table = get_db().transactions
    return (table.user_id == user_id) & (table.transaction_id == transaction_id)


def _object(object_id: str, kind: StripeKind) -> Query:
    table = get_db().stripe_objects
    return (table.object_id == object_id) & (table.kind == str(kind))
