"""Rules of the application match, and write addresses if they are asked, as werkzeug's do."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Map, Rule

from app.api.application import MatchedRule

PATTERNS = {
    "list": "/things",
    "one": "/things/<id>",
    "file": "/files/<path:name>",
    "deep": "/a/<int:number>/b/<word>",
}
VALUES: list[tuple[str, dict[str, Any]]] = [
    ("list", {}),
    ("list", {"rule": "a name that functions have", "page": 2}),
    ("one", {"id": "a b/c"}),
    ("file", {"name": "x/y z"}),
    ("deep", {"number": 3, "word": "é", "more": [1, 2]}),
]


def map_of(kind: type[Rule]) -> Any:
    rules = [kind(pattern, endpoint=name) for name, pattern in PATTERNS.items()]
    return Map(rules).bind("example.com")


@pytest.mark.parametrize(("endpoint", "values"), VALUES)
@pytest.mark.parametrize("append_unknown", [True, False])
def test_addresses_are_those_of_werkzeug(
    endpoint: str, values: dict[str, Any], *, append_unknown: bool
) -> None:
    ours, theirs = (
        adapter.build(endpoint, values, append_unknown=append_unknown)
        for adapter in (map_of(MatchedRule), map_of(Rule))
    )

    assert ours == theirs


def test_every_route_of_the_application_is_such_a_rule(edge: Flask) -> None:
    rules = list(edge.url_map.iter_rules())

    assert rules
    assert {type(rule) for rule in rules} == {MatchedRule}
