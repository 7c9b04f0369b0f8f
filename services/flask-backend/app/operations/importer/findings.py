"""What is found about one record while it is read and normalized, with its place in the file."""

import json
from typing import Any, Final

from app.errors import FieldError
from app.operations.importer.records import Action, Problem, Rule

_SHOWN_CHARACTERS: Final = 120
_RULES: Final = {
    "BLANK": Rule.REQUIRED,
    "TOO_LONG": Rule.TOO_LONG,
    "CONTROL_CHARACTER": Rule.INVISIBLE,
}
"""What is wrong with a text, in the words of learning and of the import."""


class Findings:
    """Collects what is noticed about a record."""

    def __init__(self, file: str, pointer: str) -> None:
        self._file = file
        self._pointer = pointer
        self.notices: list[Problem] = []
        self.flaws: list[Problem] = []

    def notice(self, pointer: str, rule: Rule, reason: str, value: Any) -> None:
        """Tell of something that goes in."""
        self.notices.append(self._problem(pointer, rule, reason, value, Action.NOTHING))

    def refuse_entry(self, pointer: str, rule: Rule, reason: str, value: Any) -> None:
        """Keep an entry of a list out."""
        self.flaws.append(self._problem(pointer, rule, reason, value, Action.QUARANTINE_ENTRY))

    def refuse(self, pointer: str, rule: Rule, reason: str, value: Any) -> None:
        """Keep the record out."""
        self.flaws.append(self._problem(pointer, rule, reason, value, Action.QUARANTINE_RECORD))

    def refuse_text(self, pointer: str, flaw: FieldError, value: Any, *, is_entry: bool) -> None:
        """Keep a text out, or the record it is of, for what keeps it from being a text at all."""
        add = self.refuse_entry if is_entry else self.refuse
        rule = _RULES[flaw.code]
        # No record must have an entry: one of nothing but what is not seen is no lack.
        rule = Rule.INVISIBLE if is_entry and rule is Rule.REQUIRED else rule
        add(pointer, rule, flaw.message, value)

    def _problem(
        self, pointer: str, rule: Rule, reason: str, value: Any, action: Action
    ) -> Problem:
        return Problem(self._file, self._pointer + pointer, show(value), rule, reason, action)


def show(value: Any) -> str:
    """Return the beginning of a value as JSON that any file and terminal takes."""
    if isinstance(value, str):
        value = value[: _SHOWN_CHARACTERS + 1]
    text = json.dumps(value, ensure_ascii=False, default=lambda _: "...")
    # Half a surrogate pair has no form in UTF-8.
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
