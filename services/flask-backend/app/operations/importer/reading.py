"""A folder of JSON files read: once to the end before anything is done, then record by record.

Knows the form of the files, and of what their records mean only the ids.
"""

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from app.operations.importer.canonical import hash_of
from app.operations.importer.findings import Findings
from app.operations.importer.folder import find_files
from app.operations.importer.one_file import OneFile, Part, Progress
from app.operations.importer.records import (
    Record,
    RecordKind,
    Rule,
    Source,
    SourceFile,
    UnreadableSource,
)
from app.usecases.learning.texts import SLUG, clean, numbered_slug, slug_of

_SLUG: Final = re.compile(SLUG)


def open_source(folder: Path, *, progress: Progress = lambda _: None) -> Source:
    """Read all files of a folder to their ends, and tell what they are.

    Args:
        folder: With ``child_profiles.json`` or ``profiles/*.json``, ``approved_cards.json`` and
            ``chat_history.json``, each optional.
        progress: Is told of what has been read.

    Raises:
        UnreadableSource: One of them is not JSON, or not whole, or no plain file; or there is none.
    """
    files = []
    ids = _Ids()
    for name, kind in find_files(folder):
        file = OneFile(folder, name, kind, progress)
        for part in file:
            ids.note(name, kind, part)
            del part  # Or it would be held while the next is read.
        files.append(file.found)
    made = ids.make()
    return Source(
        folder=folder,
        files=tuple(files),
        profile_ids=frozenset(ids.of_profiles),
        made_ids=made,
        repeated=frozenset(ids.repeated()),
    )


def read_records(
    source: Source, file: SourceFile, *, progress: Progress = lambda _: None
) -> Iterator[Record]:
    """Give the records of a file of an open source.

    Raises:
        UnreadableSource: It has been changed since; maybe after some records have been given.
    """
    parts = OneFile(source.folder, file.name, file.kind, progress)
    for part in parts:
        yield _record(source, file, part)
        del part  # As above.
    if parts.found.sha256 != file.sha256:
        raise UnreadableSource(file.name, "is not what it was when it was opened")


def files_without_profile(source: Source) -> list[str]:
    """Return the files whose records do not say whose they are."""
    return [file.name for file in source.files if file.kind is not RecordKind.PROFILE]


def _record(source: Source, file: SourceFile, part: Part) -> Record:
    findings = Findings(file.name, part.pointer)
    for flaw in part.flaws:
        findings.refuse(flaw.pointer, flaw.rule, flaw.reason, flaw.value)
    if not part.flaws and not isinstance(part.value, dict):
        findings.refuse("", Rule.NOT_AN_OBJECT, "A record is an object.", part.value)
    has_value = not part.flaws
    return Record(
        file=file.name,
        position=part.position,
        pointer=part.pointer,
        kind=file.kind,
        value=part.value,
        raw=part.raw,
        raw_hash=hash_of(part.value) if has_value else hashlib.sha256(part.raw).hexdigest(),
        made_id=source.made_ids.get((file.name, part.position)),
        flaws=tuple(findings.flaws),
    )


class _Ids:
    """The ids of records, of which profiles may have none."""

    def __init__(self) -> None:
        self.of_profiles: set[str] = set()
        self._nameless: dict[tuple[str, int], str] = {}
        """Slugs of the names of profiles without id, by file and position."""
        self._hashes: dict[RecordKind, array[int]] = {kind: array("q") for kind in RecordKind}

    def note(self, file: str, kind: RecordKind, part: Part) -> None:
        """Remember the id of a record, if it may go in."""
        if not isinstance(part.value, dict):
            return
        given, name = part.value.get("id"), part.value.get("name")
        if isinstance(given, str | int):
            # As hashes, because there may be millions.
            self._hashes[kind].append(hash(str(given)))
        if kind is not RecordKind.PROFILE:
            return
        if isinstance(given, str) and _SLUG.fullmatch(given):
            self.of_profiles.add(given)
        elif given is None and isinstance(name, str) and clean(name):
            self._nameless[file, part.position] = slug_of(clean(name))

    def make(self) -> dict[tuple[str, int], str]:
        """Give the profiles without id one each, which no other has."""
        counts: Counter[str] = Counter()
        made = {}
        for place, slug in self._nameless.items():
            made[place] = self._free(slug, counts)
            self.of_profiles.add(made[place])
        return made

    def repeated(self) -> set[int]:
        """Return the hashes of ids that several records of a kind have, and maybe others."""
        found: set[int] = set()
        for hashes in self._hashes.values():
            found.update(left for left, right in pairwise(sorted(hashes)) if left == right)
        return found

    def _free(self, slug: str, counts: Counter[str]) -> str:
        candidate = slug
        while candidate in self.of_profiles:
            counts[slug] += 1
            candidate = numbered_slug(slug, counts[slug] + 1)
        return candidate
