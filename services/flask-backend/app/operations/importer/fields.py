"""Single values of records checked: texts, numbers, times, words of a fixed list."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from app.operations.importer.findings import Findings
from app.operations.importer.records import Rule

_EXACT: Final = 2**53
_FIRST_YEAR: Final = 1000
"""MariaDB keeps no earlier one."""


class Fields:
    """The fields of one record, each asked for by its name."""

    def __init__(self, value: dict[str, Any], findings: Findings) -> None:
        self._value = value
        self._findings = findings

    def text(self, field: str) -> str | None:
        """Return a text that may be absent or null."""
        found = self._value.get(field)
        if found is None or isinstance(found, str):
            return found
        self._refuse(field, Rule.NOT_TEXT, "It is text or null.")
        return None

    def required_text(self, field: str) -> str | None:
        """Return a text that must be there; None if it is not."""
        if self._value.get(field) is None:
            self._refuse(field, Rule.REQUIRED, f"A record has a {field}.")
            return None
        return self.text(field)

    def number(self, field: str) -> float | None:
        """Return a number that a double tells exactly, and that may be absent or null."""
        found = self._value.get(field)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float):
            self._refuse(field, Rule.NOT_A_NUMBER, "It is a number or null.")
            return None
        if abs(found) > _EXACT and isinstance(found, int):
            self._refuse(field, Rule.NUMBER_TOO_PRECISE, "A double does not tell it.")
            return None
        return float(found)

    def document(self, field: str) -> dict[str, Any] | None:
        """Return an object that may be absent or null."""
        found = self._value.get(field)
        if found is None or isinstance(found, dict):
            return found
        self._refuse(field, Rule.NOT_A_DOCUMENT, "It is an object or null.")
        return None

    def word(self, field: str, known: Collection[str]) -> str | None:
        """Return a word of a list of known ones, which must be there."""
        found = self.required_text(field)
        if found is None or found in known:
            return found
        self._refuse(field, Rule.NOT_ALLOWED, f"It is one of {', '.join(known)}.")
        return None

    def source_id(self) -> str | None:
        """Return the id a record has in its file, as text."""
        found = self._value.get("id")
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        if found is None or found == "":
            self._refuse("id", Rule.REQUIRED, "A record has an id.")
            return None
        return self.text("id")

    def time(self, field: str) -> datetime | None:
        """Return a time; None if the record does not tell one."""
        found = self._value.get(field)
        if found is None:
            reason = "It gets the time of the import."
            self._findings.notice(f"/{field}", Rule.NO_TIME, reason, None)
            return None
        try:
            time, has_zone = _parse_time(found)
        except (TypeError, ValueError, OverflowError):
            self._refuse(field, Rule.NOT_A_TIME, "A time is text of ISO 8601.")
            return None
        if not has_zone:
            self._findings.notice(f"/{field}", Rule.NO_ZONE, "It is taken as UTC.", found)
        return time

    def _refuse(self, field: str, rule: Rule, reason: str) -> None:
        self._findings.refuse(f"/{field}", rule, reason, self._value.get(field))


def find_others(value: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Return what a record has beside the fields that are known."""
    return {key: item for key, item in value.items() if key not in fields}


def list_absent(value: dict[str, Any], fields: Collection[str]) -> list[str]:
    """Return the known fields that a record does not have."""
    return [field for field in fields if field not in value]


def is_same_time(text: Any, stored: datetime | None) -> bool:
    """Tell whether a text of a file means a time that is stored."""
    return text is not None and stored is not None and _parse_time(text)[0] == stored


def _parse_time(text: str) -> tuple[datetime, bool]:
    found = datetime.fromisoformat(text)
    has_zone = found.tzinfo is not None
    time = found.astimezone(UTC) if has_zone else found.replace(tzinfo=UTC)
    if time.year < _FIRST_YEAR:
        raise ValueError("the year has three digits")
    return time, has_zone
