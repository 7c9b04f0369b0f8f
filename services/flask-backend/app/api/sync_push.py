"""What devices send: what they have changed while nobody saw it."""

from collections.abc import Mapping
from typing import Annotated, Any

from flask import current_app
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api import sync
from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Body
from app.api.limits import MAX_PUSH_BYTES
from app.api.schemas.flaws import VISIBLE
from app.api.schemas.mutations import NamedMutation, read_mutation
from app.api.schemas.sync import row_json
from app.api.sync_cursor import MAX_CURSOR_CHARACTERS, read_cursor, write_cursor
from app.usecases.sync.merging import Word
from app.usecases.sync.push import MAX_MUTATIONS, Push, push_changes
from app.usecases.sync.tables import Synced

blueprint = Blueprint(
    "sync_push",
    __name__,
    url_prefix="/api/v1/sync",
    abp_tags=[Tag(name="sync", description="Copies of what people have, on their devices")],
    abp_security=[{"bearer": []}],
    takes_keys=False,
    longest_body=MAX_PUSH_BYTES,
    unjudged="mutations",
)
# One address in two modules: flask-openapi3 would describe that of the last blueprint only.
blueprint.paths = sync.blueprint.paths


class NewPush(Body):
    """What a device has changed, in the order in which it has."""

    client_id: Annotated[
        str,
        Field(
            pattern=sync.CLIENT_ID,
            description="The device's own.",
            json_schema_extra={"example": "phone"},
        ),
    ]
    client_name: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=100,
                pattern=VISIBLE,
                description="What its owner calls it.",
            ),
        ]
        | None
    ) = None
    cursor: (
        Annotated[
            str,
            Field(
                pattern=f"^[A-Za-z0-9_-]{{1,{MAX_CURSOR_CHARACTERS}}}$",
                description="cursor of the answer before.",
            ),
        ]
        | None
    ) = None
    mutations: Annotated[list[NamedMutation], Field(min_length=1, max_length=MAX_MUTATIONS)]


class PushResult(BaseModel):
    """What became of a change; ``path``, ``code`` and ``reason`` say why it is not as wanted.

    ``row`` is the row afterwards: null if there is none, with ``is_deleted`` if it is deleted.
    """

    mutation_id: str
    verdict: Word
    row: dict[str, Any] | None = None
    path: str | None = None
    code: str | None = None
    reason: str | None = None


class PushResults(BaseModel):
    """What became of each change, in their order, and where the device is now."""

    results: list[PushResult]
    cursor: str | None


@blueprint.post("", summary="Push what was changed offline", responses={200: PushResults})
@allow("user", terms=True)
def push(body: NewPush) -> dict[str, Any]:
    """Carry out changes, each as far as it can be, and tell what became of each.

    A change that was sent before gets its first verdict again. 410 if the cursor is of another
    time: then pull everything anew, and push again.
    """
    user_id = current_principal().user_id
    pushed = push_changes(
        user_id,
        Push(
            body.client_id,
            [read_mutation(sent) for sent in body.mutations],
            client_name=body.client_name,
            cursor=None if body.cursor is None else read_cursor(body.cursor, user_id),
        ),
        write_row=_write_row,
    )
    return {
        "results": [_result_json(result) for result in pushed.results],
        "cursor": pushed.cursor and write_cursor(user_id, pushed.cursor),
    }


def _write_row(synced: Synced, row: Mapping[str, Any]) -> str:
    return current_app.json.dumps(row_json(synced, row))


def _result_json(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: result[name] for name in PushResult.model_fields if name in result}
