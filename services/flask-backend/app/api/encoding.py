"""How values become JSON: one spelling for times, ids and numbers. Reads nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal
from json import JSONEncoder
from typing import Any, Final
from uuid import UUID

from flask.json.provider import DefaultJSONProvider


class JSONProvider(DefaultJSONProvider):
    """Flask's ``jsonify`` with RFC 3339 times and exact decimals; keys stay in their order."""

    ensure_ascii = False
    sort_keys = False
    compact = True

    @staticmethod
    def default(value: Any) -> Any:
        """Write what JSON has no type for.

        Raises:
            TypeError: There is no agreed spelling for such a value.
        """
        if isinstance(value, datetime):
            moment = value.astimezone(UTC).replace(tzinfo=None)
            return f"{moment.isoformat(timespec='microseconds')}Z"
        if isinstance(value, UUID | Decimal):
            return str(value)
        if isinstance(value, date):
            return value.isoformat()
        raise TypeError(f"{type(value).__name__} has no spelling in JSON")

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write JSON. NaN and infinity raise, because they are no JSON."""
        if kwargs.keys() - {"separators"}:
            return super().dumps(obj, allow_nan=False, **kwargs)
        return _ENCODER.encode(obj)


_ENCODER: Final = JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    separators=(",", ":"),
    default=JSONProvider.default,
)
"""Made once: Flask makes one for each answer."""
