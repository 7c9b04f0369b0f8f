"""Flask without what no route here has: sessions in cookies, and views that are coroutines."""

from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin


class _NoSessions(SessionInterface):
    """Gives every request the same session, which is empty and takes nothing."""

    _none: Final = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:  # noqa: ARG002
        return self._none

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Do nothing; Flask does not even ask for a session of this kind."""


class Application(Flask):
    """The application."""

    session_interface = _NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function as it is.

        Flask asks five times a request whether it is a coroutine. A view that were one would give
        no answer, which Flask refuses.
        """
        return func
