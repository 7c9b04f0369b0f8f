"""One's own preferences, value by value. The profile they belong to is in ``users``."""

from typing import Annotated, Any

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Parameters
from app.usecases import preferences

blueprint = Blueprint(
    "preferences",
    __name__,
    url_prefix="/api/v1/users",
    abp_tags=[Tag(name="users", description="Accounts and profiles")],
    abp_security=[{"bearer": []}],
)


class OnePreference(Parameters):
    """Which value to read."""

    path: Annotated[
        str,
        Field(
            max_length=500,
            pattern=preferences.POINTER,
            description="A JSON Pointer (RFC 6901): /notification_settings/email. All of the "
            "preferences if not given.",
        ),
    ] = ""


class Preference(BaseModel):
    """A value, and where it stands."""

    path: str
    value: Any


@blueprint.get(
    "/me/profile/preferences", summary="Read one of one's preferences", responses={200: Preference}
)
@allow("user")
def get_my_preference(query: OnePreference) -> dict[str, Any]:
    """Return the value at a path; 404 if nothing is there. A null that is there is a value."""
    value = preferences.read_preference(current_principal().user_id, query.path)
    return {"path": query.path, "value": value}
