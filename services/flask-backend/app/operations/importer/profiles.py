"""Profiles: what their fields become, and what of their form has to be remembered.

The inverse is in ``app.operations.importer.export``.
"""

import re
from typing import Any, Final

from app.operations.importer.fields import Fields, find_others, list_absent
from app.operations.importer.findings import Findings
from app.operations.importer.lists import keep_form, read_grammar, read_words, split_names
from app.operations.importer.records import LANGUAGES, Draft, Record, Rule
from app.usecases.learning.texts import MAX_NAME_CHARACTERS, SLUG, clean, find_text_flaw

TEXTS: Final = (
    *("dob", "gender", "address", "school", "neighborhood"),
    *("verbal_fluency", "passive_language_level", "raw_input"),
)
ROSTERS: Final = ("interests", "character_roster")
GRAMMAR: Final = "mastered_grammar"
FIELDS: Final = (
    *("id", "name", *TEXTS, *ROSTERS, "mental_age", "extracted_data"),
    *(*LANGUAGES, GRAMMAR),
)
MAX_ENTRIES: Final = 20_000
"""Of the lists of a profile together, which go in with it in one transaction and in memory."""

_SLUG: Final = re.compile(SLUG)


def draft_profile(record: Record, findings: Findings) -> Draft:
    """Return a profile in the form of rows; what is wrong is told to ``findings``."""
    value = record.value
    fields = Fields(value, findings)
    profile_id = _read_id(record, fields, findings)
    row = {
        "id": profile_id,
        "name": _read_name(fields, findings),
        **{field: fields.text(field) for field in TEXTS},
        **{field: _read_roster(field, value.get(field), findings) for field in ROSTERS},
        "mental_age": fields.number("mental_age"),
        "extracted_data": fields.document("extracted_data"),
        "extra": find_others(value, FIELDS),
    }
    words = tuple(
        (language, word)
        for field, language in LANGUAGES.items()
        for word in read_words(field, value.get(field), findings)
    )
    grammar = tuple(read_grammar(GRAMMAR, value.get(GRAMMAR), findings))
    entries = len(words) + len(grammar)
    if entries > MAX_ENTRIES:
        reason = f"It has {entries} words and URIs; a record has at most {MAX_ENTRIES}."
        findings.refuse("", Rule.RECORD_TOO_LARGE, reason, entries)
    original = {"absent": list_absent(value, FIELDS), "raw": _keep_raw(value)}
    return Draft(record, profile_id, row=row, words=words, grammar=grammar, original=original)


def _keep_raw(value: dict[str, Any]) -> dict[str, Any]:
    """Return what the rows do not tell: lists, and all that has another form there."""
    raw = {field: keep_form(value[field]) for field in (*LANGUAGES, GRAMMAR) if field in value}
    for field in ("id", "name", *ROSTERS):
        if field in value and _has_other_form(field, value[field]):
            raw[field] = value[field]
    return raw


def _has_other_form(field: str, found: Any) -> bool:
    if field == "name":
        return isinstance(found, str) and found != clean(found)
    return found is None or (field in ROSTERS and isinstance(found, str))


def _read_id(record: Record, fields: Fields, findings: Findings) -> str | None:
    given = fields.text("id")
    if given is None:
        if record.made_id is not None:
            reason = f"It gets the id {record.made_id}, made of its name."
            findings.notice("/id", Rule.MADE_ID, reason, None)
        return record.made_id
    if not _SLUG.fullmatch(given):
        reason = "An id has 1 to 64 of: small letters, digits, dot, dash, underscore."
        findings.refuse("/id", Rule.NOT_A_SLUG, reason, given)
    return given


def _read_name(fields: Fields, findings: Findings) -> str | None:
    given = fields.required_text("name")
    if given is None:
        return None
    name = clean(given)
    flaw = find_text_flaw("name", name, MAX_NAME_CHARACTERS)
    if flaw is not None:
        findings.refuse_text("/name", flaw, given, is_entry=False)
    elif name != given:
        findings.notice("/name", Rule.CHANGED_TEXT, "It is kept in NFC and trimmed.", given)
    return name


def _read_roster(field: str, raw: Any, findings: Findings) -> list[Any]:
    """Return the entries of a list, whatever they are."""
    if isinstance(raw, str):
        return split_names(raw)
    if not isinstance(raw, list | None):
        findings.refuse(f"/{field}", Rule.NOT_A_LIST, "It is neither array nor text.", raw)
    return raw or []
