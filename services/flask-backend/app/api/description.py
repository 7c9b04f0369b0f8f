"""What the API's description says of every route alike, beyond what the views declare.

Reads and refuses nothing: it describes what ``body``, ``query`` and ``errors`` do.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from app.api.body import MAX_INTEGER, MIN_INTEGER

Document = dict[str, Any]

NO_NUL: Final = r"^[^\x00]*$"
"""The pattern of every text of a request: PostgreSQL stores no NUL."""

_TEXT: Final = {"type": "string", "pattern": NO_NUL}
_VALUE: Final = {"$ref": "#/components/schemas/JSONValue"}
_OBJECT: Final = {"type": "object", "propertyNames": _TEXT, "additionalProperties": _VALUE}
_SCHEMAS: Final = {
    "JSONObject": _OBJECT
    | {"description": "Any JSON, kept as it is. Its size and its depth have limits."},
    "JSONValue": {
        "anyOf": [
            {"type": ["boolean", "null"]},
            {"type": "number", "minimum": MIN_INTEGER, "maximum": MAX_INTEGER},
            _TEXT,
            {"type": "array", "items": _VALUE},
            _OBJECT,
        ],
        "description": "Integers have at most 64 bits; numbers with an exponent may be larger.",
    },
}
_REQUEST_ID: Final = {
    "X-Request-ID": {
        "required": True,
        "description": "The id of the request in the service's log.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
    }
}
_RETRY_AFTER: Final = {
    "Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}
}
_HEADERS: Final = {
    "401": {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
    "429": _RETRY_AFTER,
    "503": _RETRY_AFTER,
}


def complete(document: Document) -> Document:
    """Return a copy of the description with what holds for every route."""
    described = deepcopy(document)
    schemas = described["components"]["schemas"]
    for operation in _operations(described):
        for parameter in operation.get("parameters", []):
            parameter["schema"] = _as_text(parameter["schema"])
        for status, response in operation["responses"].items():
            response["headers"] = _REQUEST_ID | _HEADERS.get(status, {})
    for schema in _request_schemas(described):
        _forbid_nul(schema)
    schemas |= deepcopy(_SCHEMAS)
    return described


def _operations(document: Document) -> Iterator[Document]:
    for path in document["paths"].values():
        yield from path.values()


def _request_schemas(document: Document) -> Iterator[Document]:
    for operation in _operations(document):
        for parameter in operation.get("parameters", []):
            yield parameter["schema"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            name = content["schema"]["$ref"].rpartition("/")[2]
            yield document["components"]["schemas"][name]


def _as_text(schema: Document) -> Document:
    """Describe a parameter that may be absent: in a path or a query, nothing is null."""
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(choices) != 1:
        return schema
    kept: Document = {
        name: value for name, value in schema.items() if name not in ("anyOf", "default")
    }
    kept.update(choices[0])
    return kept


def _forbid_nul(schema: Document) -> None:
    """Say of each text that it has no NUL, and of objects nobody described what they may hold."""
    if schema.get("type") == "string" and not schema.keys() & {"pattern", "format", "enum"}:
        schema["pattern"] = NO_NUL
    if not schema.keys() & {"type", "anyOf", "allOf", "enum", "const", "$ref"}:
        schema["$ref"] = "#/components/schemas/JSONValue"
    if schema.get("type") == "object" and schema.get("additionalProperties") is True:
        schema["$ref"] = "#/components/schemas/JSONObject"
        del schema["type"], schema["additionalProperties"]
    for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", [])):
        _forbid_nul(inner)
