"""Who may call a route: the declaration each view carries, and the check before it runs.

Holds no route. What a token means is decided by ``app.usecases.sessions``, and who has accepted
the terms by ``app.usecases.consents``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeVar, cast, get_args

from flask import Flask, g, request

from app.actor import actor_of, set_actor
from app.errors import Forbidden, Unauthorized
from app.usecases import consents, sessions
from app.usecases.sessions import Principal
from app.vocabulary import Role, UserType

Access = Literal["public", "user", "maintainer", "admin"]
View = TypeVar("View", bound="Callable[..., object]")

LEVELS: Final[tuple[Access, ...]] = get_args(Access)
_REQUIRED_ROLE: Final[dict[Access, Role]] = {
    "user": Role.VIEWER,
    "maintainer": Role.MAINTAINER,
    "admin": Role.ADMIN,
}


def allow(access: Access, *, terms: bool = False) -> Callable[[View], View]:
    """Declare who may call a view; there is no default, and a view without this is refused.

    Args:
        access: ``public``: anybody. ``user``: any signed-in account. ``maintainer`` and
            ``admin``: accounts with this role or a higher one.
        terms: Refuse who has not accepted the terms that are in force. For what uses the product;
            what people have, and how they leave, is open to them without.
    """
    if access not in LEVELS:
        message = f"{access!r} is no access level; choose one of {', '.join(LEVELS)}"
        raise ValueError(message)
    if terms and access == "public":
        message = "nobody is known on a public route, so nobody can have accepted the terms"
        raise ValueError(message)

    def declare(view: View) -> View:
        view.access = access  # type: ignore[attr-defined]  # functions take attributes; the type has no word for it
        view.needs_terms = terms  # type: ignore[attr-defined]  # likewise
        return view

    return declare


def access_of(view: Callable[..., object]) -> Access | None:
    """Return what ``allow`` declared on a view, or None."""
    return cast("Access | None", getattr(view, "access", None))


def needs_terms(view: Callable[..., object]) -> bool:
    """Tell whether ``allow`` declared that a view is for those who accepted the terms."""
    return bool(getattr(view, "needs_terms", False))


def require_declarations(app: Flask) -> None:
    """Refuse an application that has a route nobody declared.

    Raises:
        RuntimeError: There is one; each is named.
    """
    open_rules = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if access_of(app.view_functions[rule.endpoint]) is None
    ]
    if open_rules:
        raise RuntimeError(f"no @allow(...) on {', '.join(sorted(open_rules))}")


def admit(view: Callable[..., object]) -> None:
    """Let the request to a view pass, or refuse it. Then ``current_principal`` knows who asks.

    Raises:
        Unauthorized: There is no token, or it is not valid (any more).
        Forbidden: The account's role is too low, or it has not accepted the terms it needs to.
    """
    access = cast("Access", access_of(view))
    if access == "public":
        return
    principal = require_principal()
    if not Role(principal.role).includes(_REQUIRED_ROLE[access]):
        code, sentence = "FORBIDDEN", f"This needs the role {_REQUIRED_ROLE[access]}."
        raise Forbidden(code, sentence)
    if needs_terms(view):
        consents.check_terms(principal.user_id)


def current_principal() -> Principal:
    """Return who is asking. Only for views that are not public."""
    return cast("Principal", g.principal)


def require_principal() -> Principal:
    """Return who is asking. For views that are public, for what is not.

    Raises:
        Unauthorized: There is no token, or it is not valid (any more).
    """
    g.principal = _authenticate()
    return current_principal()


def optional_principal() -> Principal | None:
    """Return who is asking; None if the request does not say. For views that are public.

    Raises:
        Unauthorized: It does, and the token is not valid (any more).
    """
    return _authenticate() if "Authorization" in request.headers else None


def _authenticate() -> Principal:
    """Find out who is asking; what is changed from now on is changed by them."""
    principal = sessions.authenticate(_bearer_token())
    is_guest = principal.user_type == UserType.GUEST
    set_actor(actor_of(principal.user_id, is_guest=is_guest))
    return principal


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        code, sentence = "TOKEN_REQUIRED", "Send the access token: Authorization: Bearer <token>."
        raise Unauthorized(code, sentence)
    return token.strip()
