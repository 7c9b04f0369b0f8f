"""Accounts as clients see and send them. The password and its hash are in no answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator

from app.api.fields import Body
from app.api.schemas.flaws import VISIBLE, refuse
from app.api.schemas.rows import shown
from app.usecases import emails, passwords
from app.usecases.signing_in import SignedIn
from app.vocabulary import Role, UserType

FullName = Annotated[str, Field(min_length=1, max_length=200, pattern=VISIBLE)]
GivenEmail = Annotated[str, Field(min_length=1, max_length=emails.MAX_CHARACTERS)]
GivenPassword = Annotated[str, Field(min_length=1, max_length=4 * passwords.MAX_CHARACTERS)]
"""What is compared with what is stored. Whether it is right is never told by its form."""
NewPassword = Annotated[
    str,
    Field(
        description="Not one that is tried first, nor one that the account gives away.",
        json_schema_extra={
            "format": "password",
            "minLength": passwords.MIN_CHARACTERS,
            "maxLength": passwords.MAX_CHARACTERS,
        },
    ),
]
"""What is chosen. ``passwords.find_flaw`` judges it."""


class User(BaseModel):
    """An account."""

    id: UUID
    email: str | None
    full_name: str | None
    role: Role
    user_type: UserType
    is_active: bool
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Tokens(BaseModel):
    """An account that is signed in."""

    user: User
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="Seconds until the access token expires.")]


def user_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what clients see of an account."""
    return shown(User, row)


def tokens_json(signed_in: SignedIn) -> dict[str, Any]:
    """Return the answer to whoever signed in."""
    tokens = signed_in.tokens
    return {
        "user": user_json(signed_in.user),
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
    }


def _trimmed_email(text: str) -> str:
    email = text.strip()
    refuse(emails.find_flaw(email))
    return email


class Registration(Body):
    """What an account is made of. The password comes last, to be compared with the others."""

    email: Annotated[
        str,
        AfterValidator(_trimmed_email),
        Field(json_schema_extra={"format": "email", "maxLength": emails.MAX_CHARACTERS}),
    ]
    full_name: FullName | None = None
    password: NewPassword

    @field_validator("password")
    @classmethod
    def _is_good(cls, password: str, info: ValidationInfo) -> str:
        known = (info.data.get("email"), info.data.get("full_name"))
        refuse(passwords.find_flaw(password, *filter(None, known)))
        return password


class Credentials(Body):
    """What a person signs in with."""

    email: GivenEmail
    password: GivenPassword
