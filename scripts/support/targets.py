"""What an API takes, as requests for sqlmap: a mark stands where a value is to be tried.

Reads an OpenAPI document and sends nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

HEADERS = ("User-Agent", "X-Request-ID", "Idempotency-Key", "Cookie", "Referer")
# What a field must hold to come past the checks before the database.
VALUES = {
    "email": "person@example.com",
    "password": "seven purple umbrellas",
    "current_password": "seven purple umbrellas",
    "new_password": "eight purple umbrellas",
    "timezone": "Europe/Paris",
    "language_preference": "de",
    "avatar_url": "https://example.com/me.png",
    "cursor": "A" * 52,
}
FORMATS = {
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
    "date-time": "2026-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class Target:
    """One request whose marked or listed values are tried: those of its path, query or body."""

    name: str
    request: str


def list_targets(description: Mapping[str, Any], url: str) -> Iterator[Target]:
    """List the requests that together hold every parameter of the description."""
    host = url.removeprefix("http://")
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            yield from _Operation(method.upper(), path, operation, description, host).targets()


@dataclass(frozen=True)
class _Operation:
    """One route and method of the description."""

    method: str
    path: str
    operation: Mapping[str, Any]
    description: Mapping[str, Any]
    host: str

    def targets(self) -> Iterator[Target]:
        """Yield a request for each place where the operation takes values."""
        if "{" in self.path:
            yield self._target("path", mark="*")
        query = self._values("query")
        # A cursor that is made up is refused before any other parameter is used.
        if cursor := query.pop("cursor", None):
            yield self._target("query cursor", query={"cursor": cursor})
        if query:
            yield self._target("query", query=query)
        if "requestBody" in self.operation:
            yield self._target("body")
        # Where headers go is the same for all routes: those that write, and one that reads.
        if self.method == "POST" or self.path.endswith("/me"):
            yield self._target("headers", headers=dict.fromkeys(HEADERS, "word*"))
        if (self.method, self.path[-3:]) == ("GET", "/me"):
            token = f"Bearer {FORMATS['uuid']}.word*"
            yield self._target("token", headers={"Authorization": token})

    def _target(
        self,
        what: str,
        *,
        mark: str = "",
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Target:
        address = self.path
        for name, value in self._values("path").items():
            address = address.replace(f"{{{name}}}", f"{value}{mark}")
        address += f"?{urlencode(query).replace('True', 'true')}" if query else ""
        lines = [f"{self.method} {address} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        content = ""
        if "requestBody" in self.operation:
            schema = self.operation["requestBody"]["content"]["application/json"]["schema"]
            content = json.dumps(value_of("", schema, self.description))
            lines.append("Content-Type: application/json")
        request = "\r\n".join([*lines, "", content])
        return Target(f"{self.method} {self.path} {what}", request)

    def _values(self, place: str) -> dict[str, Any]:
        return {
            each["name"]: value_of(each["name"], each["schema"], self.description)
            for each in self.operation.get("parameters", [])
            if each["in"] == place
        }


def value_of(name: str, schema: Mapping[str, Any], description: Mapping[str, Any]) -> Any:
    """Return a value that a schema allows."""
    if "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in (*schema.get("anyOf", []), *schema.get("allOf", [])):
        return value_of(name, choice, description)
    if schema.get("type") == "object":
        members = schema.get("properties", {"word": {"type": "string"}})
        return {
            each: value_of(each, inner, description)
            for each, inner in members.items()
            if inner.get("type") != "null"
        }
    if "enum" in schema:
        return schema["enum"][0]
    simple = {"integer": int(schema.get("minimum", 1)), "boolean": True, "array": ["word"]}
    return simple.get(schema.get("type", ""), _text_of(name, schema))


def _text_of(name: str, schema: Mapping[str, Any]) -> str:
    return VALUES.get(name) or FORMATS.get(schema.get("format", "")) or "word"
