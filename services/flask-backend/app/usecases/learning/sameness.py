"""Whether a request that comes again asks for what is there already."""

from collections.abc import Mapping
from typing import Any

from app.models import Row
from app.usecases.history import is_same_json


def has_values(row: Row, columns: Mapping[str, Any]) -> bool:
    """Tell whether a row has these values; documents mean the same however they are written."""
    return all(is_same_json(row[name], value) for name, value in columns.items())
