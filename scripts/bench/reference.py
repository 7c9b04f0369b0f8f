"""What the service is compared with: the way of the reference designs, as well as it can be.

FastAPI, SQLAlchemy's asynchronous ORM on asyncpg, ``with_for_update`` on the rows that change, and
orjson; one process with uvloop. It does what ``POST credits/spend`` does, on the same tables: the
same check of the token, the same validation, the same rows in one transaction, the same answer.
Who is not the service's is refused in fewer words, because nobody is in a bench.

Runs with the packages of ``.venv/bench``.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

import orjson
import uuid_utils.compat
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DAILY_CREDITS = 20
_UTC = DateTime(timezone=True)

engine = create_async_engine(os.environ["REFERENCE_URL"], pool_size=10, max_overflow=20)
new_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    """Where the tables are described."""

    type_annotation_map = {int: BigInteger, datetime: _UTC}  # noqa: RUF012 - as the library wants it


class User(Base):
    """An account."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    user_type: Mapped[str]
    is_active: Mapped[bool]
    is_deleted: Mapped[bool]


class SignIn(Base):
    """A pair of tokens."""

    __tablename__ = "sessions"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class UserCredits(Base):
    """The allowance of a day."""

    __tablename__ = "user_credits"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    available_credits: Mapped[int]
    max_credits: Mapped[int]
    last_reset_timestamp: Mapped[datetime]
    updated_at: Mapped[datetime]


class CreditAccount(Base):
    """Prepaid credits."""

    __tablename__ = "credit_accounts"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    credits_balance: Mapped[int]
    held: Mapped[int]
    debt: Mapped[int]
    updated_at: Mapped[datetime]


class CreditTransaction(Base):
    """A row of the ledger."""

    __tablename__ = "credit_transactions"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    bucket: Mapped[str]
    transaction_type: Mapped[str]
    amount: Mapped[int]
    balance_after: Mapped[int]
    reference: Mapped[str]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]


class Spend(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    amount: Annotated[int, Field(ge=1, le=1_000_000)]
    description: Annotated[str, Field(max_length=500)] | None = None


async def open_database() -> AsyncIterator[AsyncSession]:
    """Lend a session for one request."""
    async with new_session() as session:
        yield session


Database = Annotated[AsyncSession, Depends(open_database)]


async def authenticate(database: Database, authorization: Annotated[str, Header()]) -> uuid.UUID:
    """Return who holds the token."""
    scheme, _, token = authorization.partition(" ")
    try:
        user_id = uuid.UUID(token.partition(".")[0])
    except ValueError:
        raise HTTPException(401, "TOKEN_INVALID") from None
    found = await database.execute(
        select(SignIn.expires_at, SignIn.revoked_at, User.is_active, User.is_deleted, User.role)
        .join(User, User.id == SignIn.user_id)
        .where(SignIn.user_id == user_id)
        .where(SignIn.token_hash == hashlib.sha256(token.encode()).hexdigest())
    )
    row = found.one_or_none()
    if scheme.lower() != "bearer" or row is None or row.revoked_at or row.is_deleted:
        raise HTTPException(401, "TOKEN_INVALID")
    if not row.is_active or row.expires_at <= datetime.now(UTC):
        raise HTTPException(401, "TOKEN_EXPIRED")
    return user_id


@app.post("/api/v1/credits/spend")  # type: ignore[untyped-decorator]  # FastAPI is not seen here
async def spend(
    body: Spend, user_id: Annotated[uuid.UUID, Depends(authenticate)], database: Database
) -> Response:
    """Take credits, of the day first."""
    now = datetime.now(UTC)
    today = datetime.combine(now.date(), time(), UTC)
    daily, prepaid = await lock_rows(database, user_id)
    if daily.last_reset_timestamp < today:
        change = DAILY_CREDITS - daily.available_credits
        daily.available_credits, daily.last_reset_timestamp = DAILY_CREDITS, now
        if change:
            day = {"transaction_type": "daily_reset", "reference": str(today.date())}
            database.add(ledger_row(user_id, "daily", change, DAILY_CREDITS, now, **day))
    from_daily = min(body.amount, daily.available_credits)
    from_prepaid = body.amount - from_daily
    if from_prepaid > prepaid.credits_balance - prepaid.held:
        raise HTTPException(402, "INSUFFICIENT_CREDITS")
    spend_id = str(uuid_utils.compat.uuid7())
    cause = {"transaction_type": "spend", "reference": spend_id, "reason": body.description}
    rows: list[CreditTransaction] = []
    if from_daily:
        daily.available_credits -= from_daily
        daily.updated_at = now
        left = daily.available_credits
        rows.append(ledger_row(user_id, "daily", -from_daily, left, now, **cause))
    if from_prepaid:
        prepaid.credits_balance -= from_prepaid
        prepaid.updated_at = now
        left = prepaid.credits_balance
        rows.append(ledger_row(user_id, "prepaid", -from_prepaid, left, now, **cause))
    database.add_all(rows)
    await database.commit()
    answer = {
        "spend_id": spend_id,
        "credits": describe(daily, prepaid, today),
        "transaction_ids": [row.id for row in rows],
    }
    return Response(orjson.dumps(answer), media_type="application/json")


async def lock_rows(
    database: AsyncSession, user_id: uuid.UUID
) -> tuple[UserCredits, CreditAccount]:
    """Return the rows of an account that nobody else can change until the end."""
    daily = await database.scalar(
        select(UserCredits).where(UserCredits.user_id == user_id).with_for_update()
    )
    prepaid = await database.scalar(
        select(CreditAccount).where(CreditAccount.user_id == user_id).with_for_update()
    )
    if daily is None or prepaid is None:
        raise HTTPException(404, "USER_NOT_FOUND")
    return daily, prepaid


def ledger_row(
    user_id: uuid.UUID,
    bucket: str,
    amount: int,
    balance_after: int,
    created_at: datetime,
    **cause: str | None,
) -> CreditTransaction:
    """Return a row of the ledger; ``cause`` has the columns that say why."""
    return CreditTransaction(
        user_id=user_id,
        id=uuid_utils.compat.uuid7(),
        bucket=bucket,
        amount=amount,
        balance_after=balance_after,
        created_at=created_at,
        **cause,
    )


def describe(daily: UserCredits, prepaid: CreditAccount, today: datetime) -> dict[str, Any]:
    """Return credits as the service tells them."""
    available = daily.available_credits
    return {
        "daily": {
            "available": available,
            "max": daily.max_credits,
            "resets_at": today + timedelta(days=1),
        },
        "prepaid": {
            "balance": prepaid.credits_balance,
            "held": prepaid.held,
            "debt": prepaid.debt,
        },
        "total": available + prepaid.credits_balance - prepaid.held,
    }
