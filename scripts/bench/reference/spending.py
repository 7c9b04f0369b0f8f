"""Spending, as ``POST credits/spend`` does, with ``with_for_update`` on the rows that change."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

import uuid_utils.compat
from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from scripts.bench.reference.access import Asking
from scripts.bench.reference.database import Base, Database, answer

DAILY_CREDITS = 20

router = APIRouter(prefix="/api/v1/credits")


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


@router.post("/spend")  # type: ignore[untyped-decorator]  # FastAPI is not seen here
async def spend(body: Spend, user_id: Asking, database: Database) -> Response:
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
    return answer(
        {
            "spend_id": spend_id,
            "credits": describe(daily, prepaid, today),
            "transaction_ids": [row.id for row in rows],
        }
    )


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
