"""Credits on the wire: what there is, and what requests may say of them. Knows no route."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from app.api.schemas.flaws import VISIBLE
from app.usecases import wallet

MAX_AMOUNT: Final = 1_000_000


def _not_zero(amount: int) -> int:
    if amount == 0:
        raise PydanticCustomError("out_of_range", "Give or take at least one credit.")
    return amount


Amount = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
SignedAmount = Annotated[
    int,
    Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, json_schema_extra={"not": {"const": 0}}),
    AfterValidator(_not_zero),
]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=VISIBLE)]


class Daily(BaseModel):
    """The allowance of the day (UTC)."""

    available: int
    max: int
    resets_at: datetime


class Prepaid(BaseModel):
    """What was paid for or given; of the balance, ``held`` is set aside."""

    balance: int
    held: int
    debt: int


class Credits(BaseModel):
    """What can be spent. ``total`` is what is available of both."""

    daily: Daily
    prepaid: Prepaid
    total: int


class CreditChange(BaseModel):
    """The credits after a change, and the rows of the ledger that tell it."""

    credits: Credits
    transaction_ids: list[UUID]


def credits_json(credits_now: wallet.Credits) -> dict[str, Any]:
    """Return credits as clients see them."""
    daily, prepaid = credits_now.daily, credits_now.prepaid
    return {
        "daily": {name: getattr(daily, name) for name in Daily.model_fields},
        "prepaid": {name: getattr(prepaid, name) for name in Prepaid.model_fields},
        "total": credits_now.total,
    }


def change_json(change: wallet.Change) -> dict[str, Any]:
    """Return a change as clients see it."""
    return {
        "credits": credits_json(change.credits),
        "transaction_ids": change.transaction_ids,
    }
