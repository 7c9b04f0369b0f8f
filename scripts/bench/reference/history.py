"""Actions: listing and storing them, as ``GET`` and ``POST history`` do."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import uuid_utils.compat
from fastapi import APIRouter, HTTPException, Query, Response
from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scripts.bench.actions import ActionQuery, NewAction, audit_row, read_cursor, write_cursor
from scripts.bench.reference.access import Asking
from scripts.bench.reference.database import Base, Database, answer
from scripts.bench.reference.terms import check_terms

router = APIRouter(prefix="/api/v1/history")


class Action(Base):
    """What somebody did."""

    __tablename__ = "history"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    action_type: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    is_deleted: Mapped[bool]
    version: Mapped[int]


class SyncHead(Base):
    """The last version of an account."""

    __tablename__ = "sync_heads"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    changed_at: Mapped[datetime]


class AuditLog(Base):
    """One change of one row."""

    __tablename__ = "audit_log"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    table_name: Mapped[str]
    record_id: Mapped[str]
    action: Mapped[str]
    old_value: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    new_value: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
    request_id: Mapped[str | None]
    salt: Mapped[str | None]
    values_digest: Mapped[str]
    digest: Mapped[str]


@router.get("")  # type: ignore[untyped-decorator]  # FastAPI is not seen here
async def list_actions(
    query: Annotated[ActionQuery, Query()], user_id: Asking, database: Database
) -> Response:
    """Return a page of actions, newest first."""
    rows = await read_page(database, query, user_id)
    items = rows[: query.limit]
    has_more = len(rows) > query.limit
    last = items[-1] if has_more else None
    cursor = last and write_cursor(last.created_at, last.id, query, user_id)
    return answer({"items": [describe(row) for row in items], "next_cursor": cursor})


@router.post("")  # type: ignore[untyped-decorator]  # likewise
async def create_action(body: NewAction, user_id: Asking, database: Database) -> Response:
    """Store an action with its version, and what the audit log has of it."""
    await check_terms(database, user_id)
    stored = await database.get(Action, (user_id, body.id)) if body.id else None
    if stored is not None:
        is_same = (stored.action_type, stored.payload) == (body.action_type, body.payload)
        if stored.is_deleted or not is_same:
            raise HTTPException(409, "ACTION_DELETED" if stored.is_deleted else "ID_TAKEN")
        return answer(describe(stored))
    version, now = await take_version(database, user_id)
    columns = {
        "user_id": user_id,
        "id": body.id or uuid_utils.compat.uuid7(),
        "action_type": body.action_type,
        "payload": body.payload,
        "created_at": now,
        "updated_at": now,
        "is_deleted": False,
        "version": version,
    }
    action = Action(**columns)
    database.add(action)
    database.add(AuditLog(**audit_row(columns, str(uuid_utils.compat.uuid7()))))
    await database.commit()
    return answer(describe(action), 201)


async def read_page(
    database: AsyncSession, query: ActionQuery, user_id: uuid.UUID
) -> Sequence[Action]:
    """Return the rows of a page, and one more if there is one."""
    wanted = select(Action).where(Action.user_id == user_id, Action.is_deleted.is_(False))
    if query.start_date is not None:
        wanted = wanted.where(Action.created_at >= query.start_date)
    if query.end_date is not None:
        wanted = wanted.where(Action.created_at <= query.end_date)
    if query.action_type is not None:
        wanted = wanted.where(Action.action_type == query.action_type)
    if query.cursor is not None:
        try:
            place = read_cursor(query.cursor, query, user_id)
        except ValueError:
            raise HTTPException(422, "INVALID_CURSOR") from None
        wanted = wanted.where(tuple_(Action.created_at, Action.id) < place)
    ordered = wanted.order_by(Action.created_at.desc(), Action.id.desc())
    return (await database.scalars(ordered.limit(query.limit + 1))).all()


async def take_version(database: AsyncSession, user_id: uuid.UUID) -> tuple[int, datetime]:
    """Return the next version of an account and its time, alone with it until the end."""
    now = datetime.now(UTC)
    version = await database.scalar(
        update(SyncHead)
        .where(SyncHead.user_id == user_id, SyncHead.changed_at < now)
        .values(version=SyncHead.version + 1, changed_at=now)
        .returning(SyncHead.version)
        .execution_options(synchronize_session=False)
    )
    if version is not None:
        return version, now
    head = await database.get(SyncHead, user_id, with_for_update=True)
    if head is None:
        await database.execute(insert(SyncHead).values(user_id=user_id, version=1, changed_at=now))
        return 1, now
    head.version += 1
    head.changed_at = max(now, head.changed_at + timedelta(microseconds=1))
    return head.version, head.changed_at


def describe(row: Action) -> dict[str, Any]:
    """Return an action as the service tells it."""
    return {
        "id": row.id,
        "action_type": row.action_type,
        "payload": row.payload,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "version": row.version,
    }
