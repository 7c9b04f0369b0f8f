"""What people agree to, the proof of it, and the texts they are shown."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask_openapi3.models.tag import Tag

from app import clock
from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.client import current_client
from app.api.pagination import ListQuery, page_of, read_cursor
from app.api.schemas.consents import (
    AccountConsents,
    AccountConsentsPage,
    AccountConsentsQuery,
    ConsentChoices,
    ConsentDocumentPage,
    ConsentDocumentText,
    ConsentEvent,
    ConsentEventPage,
    ConsentReceipt,
    ConsentReceiptItem,
    Consents,
    OneConsentDocument,
)
from app.api.schemas.rows import shown
from app.usecases import consents, decisions, terms
from app.usecases.decisions import Choice

PREFIX: Final = "/api/v1/consents"
SIGNED_IN: Final[list[dict[str, list[str]]]] = [{"bearer": []}]

blueprint = Blueprint(
    "consents",
    __name__,
    url_prefix=PREFIX,
    abp_tags=[Tag(name="consents", description="What people agree to, and the proof of it")],
)


@blueprint.get(
    "/me", summary="Read what one agreed to", security=SIGNED_IN, responses={200: Consents}
)
@allow("user")
def get_my_consents() -> dict[str, Any]:
    """Return what the account agreed to, and what it has to accept before it goes on."""
    return _standing_json(current_principal().user_id)


@blueprint.put("/me", summary="Decide", security=SIGNED_IN, responses={200: Consents})
@allow("user")
def replace_my_consents(body: ConsentChoices) -> dict[str, Any]:
    """Replace all decisions; what changes is proven. 422 if the version is not in force."""
    user_id = current_principal().user_id
    decisions.decide(user_id, Choice(**body.model_dump(), address=current_client().address))
    return _standing_json(user_id)


@blueprint.get(
    "/me/history",
    summary="List one's own decisions",
    security=SIGNED_IN,
    responses={200: ConsentEventPage},
)
@allow("user")
def list_my_decisions(query: ListQuery) -> dict[str, Any]:
    """List every decision of the account, the latest first."""
    rows = consents.list_consent_events(
        current_principal().user_id, after=read_cursor(query), limit=query.limit + 1
    )
    return page_of(rows, query, _event_json)


@blueprint.get(
    "/me/receipt", summary="Download a receipt", security=SIGNED_IN, responses={200: ConsentReceipt}
)
@allow("user")
def get_my_receipt() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return for each purpose what was shown, what was decided, when and how, as a file."""
    user_id = current_principal().user_id
    purposes = [_receipt_json(event) for event in consents.list_last_decisions(user_id)]
    receipt = {"user_id": user_id, "issued_at": clock.now(), "purposes": purposes}
    disposition = f'attachment; filename="consents-{user_id}.json"'
    return receipt, 200, {"Content-Disposition": disposition}


@blueprint.get("/documents", summary="List the texts", responses={200: ConsentDocumentPage})
@allow("public")
def list_documents() -> dict[str, Any]:
    """List every text that was published, those to come too."""
    return {"items": terms.list_documents(), "next_cursor": None}


@blueprint.get(
    "/documents/<document>/<version>/<language>",
    summary="Read a text",
    responses={200: ConsentDocumentText},
)
@allow("public")
def get_document(path: OneConsentDocument) -> dict[str, Any]:
    """Return a text as it was published; 404 if it never was."""
    return terms.require_document(**path.model_dump())


@blueprint.get(
    "",
    summary="List what accounts agreed to",
    security=SIGNED_IN,
    responses={200: AccountConsentsPage},
)
@allow("admin")
def list_consents(query: AccountConsentsQuery) -> dict[str, Any]:
    """List accounts that decided something and are not deleted, the latest account first."""
    place = read_cursor(query)
    rows = consents.list_consents(
        **query.model_dump(exclude={"cursor", "limit"}),
        after=place.id if place else None,
        limit=query.limit + 1,
    )
    places = [row | {"id": row["user_id"], "created_at": row["timestamp"]} for row in rows]
    return page_of(places, query, _account_json)


def _standing_json(user_id: UUID) -> dict[str, Any]:
    standing = consents.get_standing(user_id)
    state = standing.state or {"terms_accepted": False, "marketing_consent": False}
    names = ("terms_accepted", "terms_version", "marketing_consent", "timestamp", "updated_at")
    required = [
        {name: getattr(one, name) for name in ("document", "version", "effective_at")}
        | {"languages": list(one.texts)}
        for one in standing.required
    ]
    last = {name: state.get(name) for name in names}
    return last | {"is_current": not required, "required": required}


def _event_json(row: Mapping[str, Any]) -> dict[str, Any]:
    event = dict(row) | {"version": row["document_version"]}
    return shown(ConsentEvent, event)


def _receipt_json(row: Mapping[str, Any]) -> dict[str, Any]:
    event = dict(row) | {"version": row["document_version"], "decided_at": row["created_at"]}
    words = [event[name] for name in ("document", "version", "language")]
    text = "/".join((PREFIX, "documents", *words)) if all(words) else None
    return shown(ConsentReceiptItem, event | {"text": text})


def _account_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return shown(AccountConsents, row)
