"""The devices that sync an account, for its owner to look at and to lock out."""

from datetime import datetime
from typing import Annotated, Any

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app import clock
from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Parameters
from app.api.schemas.rows import shown
from app.api.sync import CLIENT_ID
from app.usecases.sync.clients import list_clients, revoke_client

blueprint = Blueprint(
    "sync_clients",
    __name__,
    url_prefix="/api/v1/sync/clients",
    takes_keys=False,
    abp_tags=[Tag(name="sync", description="Copies of what people have, on their devices")],
    abp_security=[{"bearer": []}],
)


class Client(BaseModel):
    """A device that syncs, or did."""

    client_id: str
    name: str | None
    acked_version: int
    first_seen_at: datetime
    last_seen_at: datetime
    revoked_at: datetime | None


class ClientPage(BaseModel):
    """All clients of an account: there are few enough for one page."""

    items: list[Client]
    next_cursor: None


class OneClient(Parameters):
    """The client in the path."""

    client_id: Annotated[str, Field(pattern=CLIENT_ID)]


@blueprint.get("", summary="List one's own devices", responses={200: ClientPage})
@allow("user")
def list_own_clients() -> dict[str, Any]:
    """List the devices that sync the account, those seen last first."""
    found = list_clients(current_principal().user_id)
    items = [shown(Client, one) for one in found]
    return {"items": items, "next_cursor": None}


@blueprint.delete("/<client_id>", summary="Lock a device out", responses={204: None})
@allow("user")
def revoke_own_client(path: OneClient) -> tuple[str, int]:
    """Let a device neither pull nor push under its name any more."""
    revoke_client(current_principal().user_id, path.client_id, at=clock.now())
    return "", 204
