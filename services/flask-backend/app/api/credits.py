"""Credits: one's own, how they are spent, and what administrators do with those of others."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from app.api.access import allow, current_principal
from app.api.allowances import current_allowances, current_owner
from app.api.blueprint import Blueprint
from app.api.errors import PROBLEM
from app.api.fields import Body, Identifier, Parameters
from app.api.pagination import ListQuery, page_of, read_cursor
from app.api.schemas.credits import (
    Amount,
    CreditChange,
    Credits,
    Reason,
    SignedAmount,
    change_json,
    credits_json,
)
from app.api.schemas.rows import shown
from app.usecases import corrections, spending, wallet
from app.vocabulary import Bucket, TransactionType

blueprint = Blueprint(
    "credits",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="credits", description="What can be spent")],
    abp_security=[{"bearer": []}],
)


class NewSpend(Body):
    """What to spend: credits of the day first, then prepaid ones."""

    amount: Amount
    description: Reason | None = None


class Spend(CreditChange):
    """A spend that was made."""

    spend_id: UUID


class Transaction(BaseModel):
    """A row of the ledger: a change of one bucket, never changed itself."""

    id: UUID
    bucket: Bucket
    transaction_type: TransactionType
    amount: int
    balance_after: int
    reference: str
    reason: str | None
    created_at: datetime


class TransactionPage(BaseModel):
    """A page of the ledger, newest first."""

    items: list[Transaction]
    next_cursor: str | None


class TransactionQuery(ListQuery):
    """Which rows of the ledger to list."""

    bucket: Bucket | None = None
    transaction_type: TransactionType | None = None


class OneOwner(Parameters):
    """The account in the path."""

    id: Identifier


class Grant(Body):
    """Prepaid credits to give, or to take if the amount is negative."""

    amount: SignedAmount
    reason: Reason


class Refund(Body):
    """A spend to give back."""

    spend_id: Identifier
    reason: Reason


@blueprint.get("/credits", summary="Read one's own credits", responses={200: Credits})
@allow("user")
def get_credits() -> dict[str, Any]:
    """Return what can be spent now. A new day (UTC) fills the allowance."""
    return credits_json(wallet.credits_of(current_owner()))


@blueprint.post("/credits/spend", summary="Spend", responses={200: Spend, 402: PROBLEM})
@allow("user", terms=True)
def spend_credits(body: NewSpend) -> dict[str, Any]:
    """Spend credits, all or none: 402 says how many there are and when the next day begins."""
    spent = spending.spend(current_owner(), body.amount, description=body.description)
    return {"spend_id": spent.spend_id} | change_json(spent)


@blueprint.get("/credits/transactions", summary="List the ledger", responses={200: TransactionPage})
@allow("user")
def list_transactions(query: TransactionQuery) -> dict[str, Any]:
    """List every change of one's credits, newest first; old ones leave for an archive."""
    rows = wallet.list_credit_transactions(
        current_principal().user_id,
        **query.model_dump(exclude={"cursor", "limit"}),
        after=read_cursor(query),
        limit=query.limit + 1,
    )
    return page_of(rows, query, _transaction_json)


@blueprint.get("/users/<id>/credits", summary="Read somebody's credits", responses={200: Credits})
@allow("admin")
def get_credits_of_user(path: OneOwner) -> dict[str, Any]:
    """Return what an account can spend now."""
    return credits_json(wallet.credits_of(wallet.require_owner(path.id, current_allowances())))


@blueprint.post(
    "/users/<id>/credits",
    summary="Give or take prepaid credits",
    responses={200: CreditChange, 402: PROBLEM},
)
@allow("admin")
def grant_credits(path: OneOwner, body: Grant) -> dict[str, Any]:
    """Give prepaid credits, which pay a debt first, or take some that are available."""
    owner = wallet.require_owner(path.id, current_allowances())
    return change_json(corrections.grant(owner, body.amount, reason=body.reason))


@blueprint.post(
    "/users/<id>/credits/refunds", summary="Refund a spend", responses={200: CreditChange}
)
@allow("admin")
def refund_spend(path: OneOwner, body: Refund) -> dict[str, Any]:
    """Give back a spend, once, into the buckets it came from; that of a day only on this day."""
    owner = wallet.require_owner(path.id, current_allowances())
    return change_json(corrections.refund_spend(owner, body.spend_id, reason=body.reason))


def _transaction_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return shown(Transaction, row)
