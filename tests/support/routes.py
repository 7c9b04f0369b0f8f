"""The routes of the service, walked: every address with every method it takes."""

import inspect
from typing import Any, get_type_hints

from flask import Flask
from pydantic import BaseModel

ASSET = "css/swagger-ui.css"
HASH = "5eed" * 16
SOME_ID = "01890000-0000-7000-8000-000000000000"
CLIENT = "phone"
LEARNER = "anna"
DOCUMENT: dict[str, Any] = {"document": "privacy", "version": "1", "language": "en"}
"""A text that is published without being asked for."""


def routes(app: Flask) -> list[str]:
    """Name every route as ``GET /healthz``, with ``HEAD`` and ``OPTIONS``."""
    return sorted(
        {
            f"{method} {rule.rule}"
            for rule in app.url_map.iter_rules()
            for method in rule.methods or ()
        }
    )


def address(rule: str, identifier: object = SOME_ID) -> str:
    """Return the path of a rule, with an id in it."""
    parts = {"id": identifier, "path:name": ASSET, "hash": HASH, "client_id": CLIENT}
    parts |= {"learner_id": LEARNER, **DOCUMENT}
    for name, value in parts.items():
        rule = rule.replace(f"<{name}>", str(value))
    return rule


def models(app: Flask, route: str) -> dict[str, type[BaseModel]]:
    """Return what a route reads: ``path``, ``query`` and ``body``, as far as it has them."""
    method, _, path = route.partition(" ")
    rule = next(
        rule
        for rule in app.url_map.iter_rules()
        if rule.rule == path and method in (rule.methods or ())
    )
    hints = get_type_hints(inspect.unwrap(app.view_functions[rule.endpoint]))
    return {name: hints[name] for name in ("path", "query", "body") if name in hints}
