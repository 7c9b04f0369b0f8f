"""The password and the e-mail of an account: changing, verifying, recovering."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from app.api.access import allow, current_principal
from app.api.blueprint import Blueprint
from app.api.client import current_client
from app.api.fields import Body
from app.api.schemas.accounts import GivenEmail, GivenPassword, NewPassword, Tokens, tokens_json
from app.api.signing import current_signing_keys
from app.usecases import credentials, verification
from app.usecases.accounts import require_user

blueprint = Blueprint(
    "credentials",
    __name__,
    url_prefix="/api/v1/auth",
    takes_keys=False,
    abp_tags=[Tag(name="auth", description="Sign in")],
)
SIGNED_IN: Final[list[dict[str, list[str]]]] = [{"bearer": []}]

LinkToken = Annotated[str, Field(min_length=1, max_length=200)]


class PasswordChange(Body):
    """The password of now, and the one to be."""

    current_password: GivenPassword
    new_password: NewPassword


class Forgetting(Body):
    """Whose password was forgotten."""

    email: GivenEmail


class PasswordReset(Body):
    """What a mail's link carries, and the password to be."""

    token: LinkToken
    new_password: NewPassword


class Verification(Body):
    """What a mail's link carries."""

    token: LinkToken


class Email(BaseModel):
    """An account's address, and when it was shown to be its owner's."""

    email: str | None
    verified_at: datetime | None


class Accepted(BaseModel):
    """What was asked for will be done, if it can be."""

    status: Literal["accepted"] = "accepted"


class Verified(BaseModel):
    """The e-mail is its owner's."""

    status: Literal["verified"] = "verified"


class Changed(BaseModel):
    """The password is another one."""

    status: Literal["changed"] = "changed"


@blueprint.post(
    "/password", summary="Change one's own password", security=SIGNED_IN, responses={200: Tokens}
)
@allow("user")
def change_password(body: PasswordChange) -> dict[str, Any]:
    """Replace the password. Ends all sign-ins and answers with a new one."""
    signed_in = credentials.change_password(
        current_principal(), **body.model_dump(), client=current_client()
    )
    return tokens_json(signed_in)


@blueprint.post(
    "/password/forgot", summary="Ask for a link for a new password", responses={200: Accepted}
)
@allow("public")
def forget_password(body: Forgetting) -> dict[str, Any]:
    """Send a link to the account's e-mail. The answer does not tell whether there is one."""
    key, *_ = current_signing_keys()
    credentials.request_reset(body.email, current_client(), key=key)
    return Accepted().model_dump()


@blueprint.post(
    "/password/reset", summary="Choose a new password by a link", responses={200: Changed}
)
@allow("public")
def reset_password(body: PasswordReset) -> dict[str, Any]:
    """Replace the password by a mail's token, which works once. Ends all sign-ins and locks."""
    credentials.reset_password(body.token, new_password=body.new_password, client=current_client())
    return Changed().model_dump()


@blueprint.get(
    "/email", summary="Read one's own e-mail's state", security=SIGNED_IN, responses={200: Email}
)
@allow("user")
def get_email() -> dict[str, Any]:
    """Return the account's e-mail, and since when it is known to be its owner's."""
    user = require_user(current_principal().user_id)
    return {"email": user["email"], "verified_at": user["email_verified_at"]}


@blueprint.post(
    "/email/verification",
    summary="Send the verifying link again",
    security=SIGNED_IN,
    responses={200: Accepted},
)
@allow("user")
def send_verification() -> dict[str, Any]:
    """Send a new link to the account's e-mail; the one before works no more."""
    key, *_ = current_signing_keys()
    verification.send_verification(current_principal().user_id, current_client(), key=key)
    return Accepted().model_dump()


@blueprint.post("/email/verify", summary="Verify an e-mail by a link", responses={200: Verified})
@allow("public")
def verify_email(body: Verification) -> dict[str, Any]:
    """Take a mail's token, which works once, for the proof that its receiver owns the e-mail."""
    verification.verify_email(body.token)
    return Verified().model_dump()
