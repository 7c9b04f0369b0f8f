"""What people agreed to, and the texts they were shown. Events and texts are only ever added."""

from typing import Any
from uuid import UUID

import uuid_utils.compat

from app.dal.connection import get_db
from app.dal.queries import Row
from app.keyset import Position
from bilayer.runtime import Param, prepared, select


def get_consents(user_id: UUID) -> Row | None:
    """Return what holds for an account, or None if it never decided anything."""
    row: Row | None = _BY_USER.one(get_db(), user_id=user_id)
    return row


def lock_consents(user_id: UUID) -> Row | None:
    """Return what holds for an account, which nobody else changes in this transaction, or None."""
    db = get_db()
    rows: list[Row] = db.lock_rows(db.user_consents.user_id == user_id)
    return rows[0] if rows else None


def create_consents(user_id: UUID, **columns: Any) -> Row:
    """Store what an account decided first, and return it.

    Raises:
        UniqueViolation: It has decided before.
    """
    row: Row = get_db().user_consents.insert_returning(user_id=user_id, **columns)
    return row


def update_consents(user_id: UUID, **columns: Any) -> Row:
    """Replace what holds for an account that has decided before, and return it."""
    db = get_db()
    (row,) = db(db.user_consents.user_id == user_id).update_returning(**columns)
    changed: Row = row
    return changed


def list_consents(
    *,
    terms_version: str | None = None,
    marketing_consent: bool | None = None,
    terms_accepted: bool | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Row]:
    """Return what holds for accounts that decided something, by account, the latest first.

    Deleted accounts are left out: what they once agreed to allows nothing any more.

    Args:
        terms_version: Only those who accepted this version last.
        marketing_consent: Only those who agreed to be written to, or only the others.
        terms_accepted: Only those who accepted some version of the terms, or only the others.
        after: Only accounts behind this one in the list.
        limit: How many at most.
    """
    db = get_db()
    consents = db.user_consents
    query = (consents.user_id == db.users.id) & (db.users.is_deleted == False)  # noqa: E712 - a query
    wanted = (
        (consents.terms_version, terms_version),
        (consents.marketing_consent, marketing_consent),
        (consents.terms_accepted, terms_accepted),
    )
    for column, value in wanted:
        if value is not None:
            query &= column == value
    if after is not None:
        query &= consents.user_id < after
    rows: list[Row] = db(query).dicts(consents.ALL, orderby=~consents.user_id, limitby=(0, limit))
    return rows


def create_consent_event(user_id: UUID, **columns: Any) -> UUID:
    """Append a decision of an account, and return its id."""
    event_id = uuid_utils.compat.uuid7()
    get_db().consent_events.insert(user_id=user_id, id=event_id, **columns)
    return event_id


def get_last_consent_event(user_id: UUID, purpose: str) -> Row | None:
    """Return what an account decided last about a purpose, or None."""
    db = get_db()
    events = db.consent_events
    rows: list[Row] = db((events.user_id == user_id) & (events.purpose == purpose)).dicts(
        orderby=~events.created_at | ~events.id, limitby=(0, 1)
    )
    return rows[0] if rows else None


def list_consent_events(user_id: UUID, *, after: Position | None = None, limit: int) -> list[Row]:
    """Return decisions of an account, the latest first.

    Args:
        user_id: Whose decisions.
        after: The last row of the page before.
        limit: How many at most.
    """
    db = get_db()
    events = db.consent_events
    query = events.user_id == user_id
    if after is not None:
        # The first condition looks redundant; it is the one that an index can begin at.
        query &= events.created_at <= after.created_at
        query &= (events.created_at < after.created_at) | (events.id < after.id)
    rows: list[Row] = db(query).dicts(orderby=~events.created_at | ~events.id, limitby=(0, limit))
    return rows


def create_consent_document(document: str, version: str, language: str, **columns: Any) -> None:
    """Store a text.

    Raises:
        UniqueViolation: This version has one in this language.
    """
    get_db().consent_documents.insert(
        document=document, version=version, language=language, **columns
    )


def get_consent_document(document: str, version: str, language: str) -> Row | None:
    """Return a text with everything about it, or None."""
    db = get_db()
    texts = db.consent_documents
    row: Row | None = db(
        (texts.document == document) & (texts.version == version) & (texts.language == language)
    ).one()
    return row


def list_consent_documents(document: str | None = None) -> list[Row]:
    """Return everything about the texts but themselves, of all documents or one.

    In the order in which their versions come into force, and in which languages were added.
    """
    db = get_db()
    texts = db.consent_documents
    query = texts if document is None else texts.document == document
    columns = [texts[name] for name in texts.fields if name != "body"]
    order = texts.document | texts.effective_at | texts.version | texts.created_at | texts.language
    rows: list[Row] = db(query).dicts(*columns, orderby=order)
    return rows


_BY_USER = prepared(lambda db: select(db.user_consents.user_id == Param("user_id")))
