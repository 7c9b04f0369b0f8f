"""What can be read off a condition without asking the database."""

from __future__ import annotations

from typing import Any

from bilayer.runtime.pydal_compat import Expression, PyDALField, Query


def pinned(query: Any) -> dict[str, Any]:
    """Give the columns that a condition holds to one value each: ``user_id == 1 & ...``.

    Only equalities that must all hold count, so nothing is given for what stands under OR or NOT.
    """
    if not isinstance(query, Query):
        return {}
    word = getattr(query.op, "__name__", "")
    if word == "_and":
        return pinned(query.first) | pinned(query.second)
    is_value = not isinstance(query.second, Expression | Query)
    if word == "eq" and isinstance(query.first, PyDALField) and is_value:
        return {query.first.name: query.second}
    return {}
