"""The lists of a profile, which are arrays or texts with separators: read, and written again."""

from collections.abc import Collection, Iterator
from typing import Any, Final

from app.operations.importer.findings import Findings
from app.operations.importer.records import LANGUAGES, Rule
from app.operations.importer.scripts import is_of_language
from app.usecases.learning.texts import (
    MAX_URI_CHARACTERS,
    MAX_WORD_CHARACTERS,
    clean,
    find_text_flaw,
)

WORDS_BETWEEN: Final = ", "
GRAMMAR_BETWEEN: Final = ","


def read_words(field: str, raw: Any, findings: Findings) -> list[str]:
    """Return the words of a list, each once, in the form they are kept in."""
    words = _read(field, raw, WORDS_BETWEEN, MAX_WORD_CHARACTERS, findings)
    language = LANGUAGES[field]
    for pointer, word in words:
        if "," in word:
            findings.notice(pointer, Rule.COMMA_IN_WORD, "It is kept as one word.", word)
        if not is_of_language(word, language):
            reason = f"It goes in as a word of {language}, which it does not look like."
            findings.notice(pointer, Rule.OTHER_SCRIPT, reason, word)
    return [word for _, word in words]


def read_grammar(field: str, raw: Any, findings: Findings) -> list[str]:
    """Return the URIs of a list, each once; what is escaped in them stays so."""
    return [uri for _, uri in _read(field, raw, GRAMMAR_BETWEEN, MAX_URI_CHARACTERS, findings)]


def split_names(raw: str) -> list[str]:
    """Return what stands between the commas of a text."""
    return [part.strip() for part in raw.split(",") if part.strip()]


def keep_form(raw: Any) -> Any:
    """Return a list in its original form, without entries that never go in."""
    return [entry for entry in raw if isinstance(entry, str)] if isinstance(raw, list) else raw


def write_list(form: Any, between: str, known: Collection[str]) -> Any:
    """Return a list in its original form, with those entries that are still known."""
    if form is None:
        return None
    entries = form if isinstance(form, list) else form.split(between)
    kept = [entry for entry in entries if not clean(entry) or clean(entry) in known]
    return kept if isinstance(form, list) else between.join(kept)


def _read(
    field: str, raw: Any, between: str, longest: int, findings: Findings
) -> list[tuple[str, str]]:
    """Return pointer and clean text of the entries that go in."""
    if not isinstance(raw, str | list | None):
        findings.refuse(f"/{field}", Rule.NOT_A_LIST, "It is neither array nor text.", raw)
        return []
    found: dict[str, str] = {}
    repeats = 0
    for pointer, entry in _entries(field, raw, between):
        text = _check(pointer, entry, longest, findings)
        repeats += text in found
        if text is not None:
            found.setdefault(text, pointer)
    if repeats:
        reason = f"{repeats} entries are there already; each goes in once."
        findings.notice(f"/{field}", Rule.REPEATED_ENTRY, reason, repeats)
    return [(pointer, text) for text, pointer in found.items()]


def _entries(field: str, raw: str | list[Any] | None, between: str) -> Iterator[tuple[str, Any]]:
    if isinstance(raw, list):
        yield from ((f"/{field}/{number}", entry) for number, entry in enumerate(raw))
    elif raw:
        # A pointer leads to the text and not into it.
        yield from ((f"/{field}", entry) for entry in raw.split(between))


def _check(pointer: str, entry: Any, longest: int, findings: Findings) -> str | None:
    """Return the form an entry is kept in, or None if there is nothing to keep."""
    if not isinstance(entry, str):
        findings.refuse_entry(pointer, Rule.NOT_TEXT, "An entry is text.", entry)
        return None
    text = clean(entry)
    if not text:
        findings.notice(pointer, Rule.EMPTY_ENTRY, "There is nothing in it.", entry)
        return None
    flaw = find_text_flaw("entry", text, longest)
    if flaw is not None:
        findings.refuse_text(pointer, flaw, entry, is_entry=True)
        return None
    if text != entry:
        reason = "It is kept in NFC and without white space around it."
        findings.notice(pointer, Rule.CHANGED_TEXT, reason, entry)
    return text
