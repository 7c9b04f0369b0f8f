"""Flask without what no route here needs: sessions in cookies, coroutines, written addresses."""

from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.routing import Rule


class _NoSessions(SessionInterface):
    """Gives every request the same session, which is empty and takes nothing."""

    _none: Final = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:  # noqa: ARG002
        return self._none

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Do nothing; Flask does not even ask for a session of this kind."""


class MatchedRule(Rule):
    """A rule that finds out how to write an address when it is asked for one.

    werkzeug compiles two functions for every rule, which is most of what it takes to make the
    application. Nothing here asks for an address; who does pays for it each time.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002 - as werkzeug calls it
        compile_builder = super()._compile_builder

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            return compile_builder(append_unknown)(rule, **values)

        return build


class Application(Flask):
    """The application."""

    url_rule_class = MatchedRule
    session_interface = _NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function as it is.

        Flask asks five times a request whether it is a coroutine. A view that were one would give
        no answer, which Flask refuses.
        """
        return func
