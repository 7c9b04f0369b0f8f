"""Rows as answers show them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel


def shown(model: type[BaseModel], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a row what an answer promises."""
    return {name: row[name] for name in _names(model)}


@cache
def _names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(model.model_fields)  # Pydantic looks for them each time.
