"""How a route is matched: as werkzeug matches it, without the functions that write addresses."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from werkzeug.routing import Rule


class MatchedRule(Rule):
    """A rule that learns to write addresses when it is first asked for one.

    werkzeug compiles two functions for every rule, which is most of what it takes to make the
    application. Nothing here asks for an address.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002 - as werkzeug calls it
        compiled = cache(partial(super()._compile_builder, append_unknown))

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            return compiled()(rule, **values)

        return build
