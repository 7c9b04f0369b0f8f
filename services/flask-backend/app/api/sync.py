"""What devices ask for: what has changed, and whether they have the same."""

import hashlib
import re
from dataclasses import asdict
from typing import Annotated, Any, Final, Self
from uuid import UUID

from flask import Response, current_app, jsonify, request
from flask_openapi3.models.tag import Tag
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app import clock
from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import FROM_DIGITS, Parameters, Timestamp
from app.api.schemas.sync import Changes, Sums, row_json
from app.api.sync_cursor import (
    MAX_CURSOR_CHARACTERS,
    SyncCursor,
    read_cursor,
    refuse_cursor,
    write_cursor,
)
from app.usecases.sync.checksum import compute_checksums
from app.usecases.sync.pull import Asked, Page, find_head, pull
from app.usecases.sync.walk import Change

CLIENT_ID: Final = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"
"""Never a dot first: clients take ``.`` and ``..`` out of the address that revokes a device."""
_NAMES: Final = re.compile(r"[a-z_]{1,63}(,[a-z_]{1,63}){0,49}")

blueprint = Blueprint(
    "sync",
    __name__,
    url_prefix="/api/v1/sync",
    abp_tags=[Tag(name="sync", description="Copies of what people have, on their devices")],
    abp_security=[{"bearer": []}],
)


def _read_names(value: Any) -> frozenset[str]:
    if isinstance(value, str) and _NAMES.fullmatch(value):
        return frozenset(value.split(","))
    raise PydanticCustomError("wrong_format", "Write the names of tables with commas: a,b.")


TableNames = Annotated[
    frozenset[str],
    BeforeValidator(_read_names),
    WithJsonSchema(
        {
            "type": "string",
            "format": "synced-tables",
            "description": "Names of tables, with commas between them; all there are if not given.",
        }
    ),
]


class SumQuery(Parameters):
    """Which tables to sum up."""

    tables: TableNames | None = None


class SyncQuery(SumQuery):
    """Where a device is, and what it asks for."""

    cursor: (
        Annotated[
            str,
            Field(
                pattern=f"^[A-Za-z0-9_-]{{1,{MAX_CURSOR_CHARACTERS}}}$",
                description="cursor of the answer before, with the same tables.",
            ),
        ]
        | None
    ) = None
    since: Timestamp | None = None
    limit: Annotated[int, Field(ge=1, le=1000), FROM_DIGITS] = 500
    client_id: Annotated[str, Field(pattern=CLIENT_ID)] | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if self.cursor is not None and self.since is not None:
            raise PydanticCustomError("not_together", "Send cursor or since, not both.")
        return self


@blueprint.get("", summary="Pull what has changed", responses={200: Changes, 304: None})
@allow("user")
def get_changes(query: SyncQuery) -> Response:
    """Return what has changed behind the cursor, everything without one; 410 if it is no use.

    304 if it is what the device has: If-None-Match with the ETag of the answer before.
    """
    now = clock.now()
    asked = _read(query)
    head = find_head(asked, at=now)
    tag = _tag(asked.user_id, query, head)
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
        response.set_etag(tag, weak=True)
        return response
    page = pull(asked, head, at=now, weigh=_weigh)
    response = jsonify(_page_json(asked.user_id, page) | {"server_time": now})
    response.set_etag(_tag(asked.user_id, query, page.head), weak=True)
    return response


@blueprint.get("/checksum", summary="Compare what one has", responses={200: Sums})
@allow("user")
def get_checksums(query: SumQuery) -> dict[str, Any]:
    """Return a sum over each table, by which a device sees whether it has the same rows."""
    user_id = current_principal().user_id
    sums = compute_checksums(user_id, query.tables)
    version, epoch = sums.head["version"], sums.head["epoch"]
    return {
        "version": version,
        "epoch": epoch,
        "cursor": write_cursor(user_id, SyncCursor(epoch, version, tables=query.tables)),
        "tables": {name: asdict(one) for name, one in sums.tables.items()},
    }


def _read(query: SyncQuery) -> Asked:
    """Return what is asked for.

    Raises:
        Invalid: The cursor is not of this account and these tables.
    """
    user_id = current_principal().user_id
    cursor = None if query.cursor is None else read_cursor(query.cursor, user_id)
    if cursor is not None and cursor.tables != query.tables:
        raise refuse_cursor()
    return Asked(
        user_id,
        query.limit,
        tables=query.tables,
        cursor=cursor,
        since=query.since,
        client_id=query.client_id,
    )


def _page_json(user_id: UUID, page: Page) -> dict[str, Any]:
    changes: dict[str, dict[str, list[Any]]] = {
        synced.name: {"upserted": [], "deleted": []} for synced in page.tables
    }
    for change in page.changes:
        kind = "deleted" if change.is_deletion else "upserted"
        changes[change.synced.name][kind].append(_change_json(change))
    cursor = write_cursor(user_id, page.cursor)
    return {"changes": changes, "cursor": cursor, "has_more": page.has_more}


def _change_json(change: Change) -> Any:
    return change.place.id if change.is_deletion else row_json(change.synced, change.row)


def _weigh(change: Change) -> int:
    return len(current_app.json.dumps(_change_json(change)).encode())


def _tag(user_id: UUID, query: SyncQuery, head: dict[str, Any]) -> str:
    """Name the answer to a query at one version: the same query gets the same rows then.

    Two accounts of one device may be at the same version, and share the epoch.
    """
    tables = query.tables and sorted(query.tables)
    since = query.since and query.since.isoformat()
    place = [str(user_id), str(head["epoch"]), head["version"]]
    content = [*place, query.cursor, tables, since, query.limit]
    return hashlib.sha256(current_app.json.dumps(content).encode()).hexdigest()[:32]
