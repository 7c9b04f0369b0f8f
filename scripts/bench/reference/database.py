"""The connections of the reference designs' way, and the tables that all of it uses."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Response
from sqlalchemy import BigInteger, DateTime
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def write_json(value: Any) -> str:
    """Write a document for a column."""
    return orjson.dumps(value).decode()


engine = create_async_engine(
    os.environ["REFERENCE_URL"],
    # AUTOCOMMIT to see what reading costs without a transaction; None as everybody has it.
    isolation_level=os.environ.get("REFERENCE_ISOLATION"),
    # One for each client that a bench has: those beyond the size are closed after each request.
    pool_size=20,
    max_overflow=10,
    json_serializer=write_json,
    json_deserializer=orjson.loads,
)
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """Where the tables are described."""

    type_annotation_map = {  # noqa: RUF012 - as the library wants it
        int: BigInteger,
        datetime: DateTime(timezone=True),
    }


class User(Base):
    """An account."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str | None]
    full_name: Mapped[str | None]
    role: Mapped[str]
    user_type: Mapped[str]
    is_active: Mapped[bool]
    is_deleted: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SignIn(Base):
    """A pair of tokens."""

    __tablename__ = "sessions"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


async def open_database() -> AsyncIterator[AsyncSession]:
    """Lend a session for one request."""
    async with new_session() as session:
        yield session


Database = Annotated[AsyncSession, Depends(open_database)]


def answer(document: Any, status: int = 200) -> Response:
    """Return an answer in JSON, times in UTC."""
    # asyncpg's ids are of a class of its own, for which orjson asks.
    text = orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z)
    return Response(text, status_code=status, media_type="application/json")
