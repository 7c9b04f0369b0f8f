"""Rows written out again as the record they were made of: the inverse of the normalization.

What is written comes from the rows. The original is asked only for its form, and counts where it
still means what the rows say.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from app.operations.importer.fields import is_same_time
from app.operations.importer.lists import GRAMMAR_BETWEEN, WORDS_BETWEEN, split_names, write_list
from app.operations.importer.normalize import MESSAGE_FIELDS
from app.operations.importer.profiles import FIELDS, GRAMMAR, ROSTERS
from app.operations.importer.records import LANGUAGES, RecordKind
from app.usecases.learning.texts import clean


def write_out(
    kind: RecordKind,
    row: Mapping[str, Any],
    original: Mapping[str, Any],
    *,
    words: Collection[tuple[str, str]] = (),
    grammar: Collection[str] = (),
) -> dict[str, Any]:
    """Return the record that rows were made of.

    Args:
        kind: Of the record.
        row: Columns of its table, and maybe more.
        original: ``Draft.original``.
        words: Language and word of those that the learner has; others are left out.
        grammar: URIs of those that the learner has; others are left out.
    """
    if kind is RecordKind.CARD:
        return dict(row["content"])
    if kind is RecordKind.MESSAGE:
        return _write_message(row, original)
    return _write_profile(row, original, set(words), set(grammar))


def _write_profile(
    row: Mapping[str, Any],
    original: Mapping[str, Any],
    words: set[tuple[str, str]],
    grammar: set[str],
) -> dict[str, Any]:
    raw = original["raw"]
    written = dict(row["extra"])
    for field in FIELDS:
        if field in original["absent"]:
            continue
        if field in LANGUAGES:
            language = LANGUAGES[field]
            known = {word for its_language, word in words if its_language == language}
            written[field] = write_list(raw[field], WORDS_BETWEEN, known)
        elif field == GRAMMAR:
            written[field] = write_list(raw[field], GRAMMAR_BETWEEN, grammar)
        elif field in raw:
            written[field] = _in_form(field, raw[field], row[field])
        else:
            written[field] = row[field]
    return written


def _in_form(field: str, raw: Any, stored: Any) -> Any:
    """Return the form a value had in its file, if it still means what is stored."""
    if field == "id":
        return None
    if field == "name":
        return raw if clean(raw) == stored else stored
    if field in ROSTERS and raw is not None:
        return raw if split_names(raw) == stored else ", ".join(map(str, stored))
    return raw if stored == [] else stored


def _write_message(row: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    absent, raw = original["absent"], original["raw"]
    written = dict(row["extra"])
    written |= {field: row[field] for field in MESSAGE_FIELDS if field in row}
    written |= {"id": raw["id"]}
    if "timestamp" in raw:
        written["timestamp"] = _write_time(raw["timestamp"], row["timestamp"])
    return {field: value for field, value in written.items() if field not in absent}


def _write_time(raw: str | None, stored: datetime | None) -> str | None:
    if raw is None or stored is None or is_same_time(raw, stored):
        return raw
    return stored.isoformat()
