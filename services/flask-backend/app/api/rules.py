"""How a route is matched: as werkzeug matches it, without the functions that write addresses."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule


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
