"""Accounts: one's own, its profile, and those of others for administrators."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from flask_openapi3.models.tag import Tag
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.fields import Flag, Identifier, JSONFilter, Parameters
from app.api.pagination import ListQuery, page_of, read_cursor
from app.api.schemas.accounts import FullName, User, user_json
from app.api.schemas.flaws import VISIBLE, refuse
from app.api.schemas.patch import Patch, may_be_absent
from app.api.schemas.rows import shown
from app.usecases import accounts, administration, emails, preferences, profiles
from app.vocabulary import Role, UserType

blueprint = Blueprint(
    "users",
    __name__,
    url_prefix="/api/v1/users",
    abp_tags=[Tag(name="users", description="Accounts and profiles")],
    abp_security=[{"bearer": []}],
)


def _web_address(text: str) -> str:
    refuse(profiles.find_address_flaw(text))
    return text


def _zone_name(text: str) -> str:
    refuse(profiles.find_zone_flaw(text))
    return text


def _findable(document: dict[str, Any]) -> dict[str, Any]:
    refuse(preferences.find_filter_flaw(document))
    return document


Name = Annotated[str, Field(max_length=100, pattern=VISIBLE)]
WebAddress = Annotated[
    str,
    Field(
        max_length=2048,
        description="http or https, without a user name",
        json_schema_extra={"format": "uri"},
    ),
    AfterValidator(_web_address),
]
ZoneName = Annotated[
    str,
    Field(max_length=64, json_schema_extra={"format": "time-zone"}),
    AfterValidator(_zone_name),
]
LanguageTag = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]


class OwnChange(Patch):
    """What owners change of their account."""

    full_name: FullName | None = may_be_absent()


class Profile(BaseModel):
    """What a person says about themselves and prefers."""

    display_name: str | None
    avatar_url: str | None
    first_name: str | None
    last_name: str | None
    phone: str | None
    timezone: str | None
    language_preference: str | None
    preferences: dict[str, Any]
    updated_at: datetime
    version: int


class ProfileChange(Patch):
    """What owners change of their profile; ``preferences`` is a merge patch (RFC 7396)."""

    display_name: Name | None = may_be_absent()
    avatar_url: WebAddress | None = may_be_absent()
    first_name: Name | None = may_be_absent()
    last_name: Name | None = may_be_absent()
    phone: Annotated[str, Field(max_length=40, pattern=VISIBLE)] | None = may_be_absent()
    timezone: ZoneName | None = may_be_absent()
    language_preference: LanguageTag | None = may_be_absent()
    preferences: dict[str, Any] = may_be_absent()


class OneUser(Parameters):
    """The account in the path."""

    id: Identifier


class UserQuery(ListQuery):
    """Which accounts to list."""

    role: Role | None = None
    user_type: UserType | None = None
    is_active: Flag | None = None
    is_deleted: Flag = False
    email: Annotated[str, Field(max_length=emails.MAX_CHARACTERS)] | None = None
    company: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    prefers: Annotated[JSONFilter, AfterValidator(_findable)] | None = None


class UserPage(BaseModel):
    """A page of accounts."""

    items: list[User]
    next_cursor: str | None


class UserChange(Patch):
    """What administrators change of an account."""

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "not": {"required": ["email"], "minProperties": 2},
        }
    )

    role: Role = may_be_absent()
    is_active: bool = may_be_absent()
    email: None = may_be_absent(description="null takes the e-mail of a deleted account.")

    @model_validator(mode="after")
    def _is_one_change(self) -> Self:
        if "email" in self.model_fields_set and len(self.model_fields_set) > 1:
            raise PydanticCustomError(
                "not_together", "Only a deleted account gives up its e-mail, and nothing else."
            )
        return self


@blueprint.get("/me", summary="Read one's own account", responses={200: User})
@allow("user")
def get_me() -> dict[str, Any]:
    """Return the account this token belongs to."""
    return user_json(accounts.require_user(current_principal().user_id))


@blueprint.patch("/me", summary="Change one's own account", responses={200: User})
@allow("user")
def update_me(body: OwnChange) -> dict[str, Any]:
    """Change the account this token belongs to."""
    return user_json(accounts.update_account(current_principal().user_id, **body.changes))


@blueprint.delete("/me", summary="Delete one's own account", responses={204: None})
@allow("user")
def delete_me() -> tuple[str, int]:
    """Delete the account and end all its sessions. An administrator can give its e-mail free."""
    accounts.delete_account(current_principal().user_id)
    return "", 204


@blueprint.get("/me/profile", summary="Read one's own profile", responses={200: Profile})
@allow("user")
def get_my_profile() -> dict[str, Any]:
    """Return the profile of the account this token belongs to."""
    return _profile_json(profiles.require_profile(current_principal().user_id))


@blueprint.patch("/me/profile", summary="Change one's own profile", responses={200: Profile})
@allow("user")
def update_my_profile(body: ProfileChange) -> dict[str, Any]:
    """Change the profile; preferences are merged, so that clients keep each other's keys."""
    return _profile_json(profiles.change_profile(current_principal().user_id, body.changes))


@blueprint.get("", summary="List accounts", responses={200: UserPage})
@allow("admin")
def list_users(query: UserQuery) -> dict[str, Any]:
    """List accounts, the latest first. Deleted ones are listed apart, with ``is_deleted=true``."""
    place = read_cursor(query)
    rows = administration.list_users(
        **query.model_dump(exclude={"cursor", "limit"}),
        after=place.id if place else None,
        limit=query.limit + 1,
    )
    return page_of(rows, query, user_json)


@blueprint.get("/<id>", summary="Read an account", responses={200: User})
@allow("admin")
def get_user(path: OneUser) -> dict[str, Any]:
    """Return an account that is not deleted."""
    return user_json(accounts.require_user(path.id))


@blueprint.patch("/<id>", summary="Change an account", responses={200: User})
@allow("admin")
def update_user(path: OneUser, body: UserChange) -> dict[str, Any]:
    """Change role or state; disabling ends all sessions. The last administrator stays one."""
    if "email" in body.changes:
        return user_json(administration.release_email(path.id))
    return user_json(administration.change_user(path.id, **body.changes))


def _profile_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return shown(Profile, row)
