"""Whether the database holds what the files say: every record, every row, and back to JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.models import ItemPlace, Row, find_learning_rows, list_import_items
from app.operations.importer.batches import batched
from app.operations.importer.canonical import hash_of
from app.operations.importer.export import write_out
from app.operations.importer.journal import Asked, open_copies, require_run
from app.operations.importer.placing import Rows, place
from app.operations.importer.records import Draft
from app.operations.importer.refusals import Refused
from app.operations.importer.settling import Found, differing
from app.operations.importer.storing import Run
from app.operations.importer.walking import Watching, walk_drafts
from app.operations.importer.writing import JsonFiles, writing
from app.usecases.learning.store import GRAMMAR, WORDS, Id, Kind

MAX_TOLD: Final = 1000
"""How many differences are told one by one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the database is not what the files say.

    Attributes:
        file: The record's file.
        pointer: Where it stands there.
        table: Of which table the row is; None: it is about the whole record.
        id: The row's.
        what: ``missing``, ``deleted``, ``changed``, ``not_imported``, ``other_hash``,
            ``refused`` or ``other_export``.
        columns: Those that are changed.
    """

    file: str
    pointer: str
    what: str
    table: str | None = None
    id: str | None = None
    columns: Sequence[str] = ()


@dataclass(slots=True)
class Verification:
    """What was compared, and what differs.

    Attributes:
        run: The import's row in the journal.
        records: How many records were compared.
        quarantined: How many of them are in quarantine.
        equal: How many make the very record of the file again.
        expected: How many rows of each table the files make.
        found: How many of them there are, as they should be.
        differences: The first of them.
        differing: How many there are.
    """

    run: Row
    records: int = 0
    quarantined: int = 0
    equal: int = 0
    expected: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    differing: int = 0

    def note(self, difference: Difference) -> None:
        """Count a difference, and keep it if it is one of the first."""
        self.differing += 1
        if len(self.differences) < MAX_TOLD:
            self.differences.append(difference)


@dataclass(frozen=True, slots=True)
class _Case:
    """A record, the rows it makes, what of them there is, and the form it had."""

    draft: Draft
    rows: Rows
    found: Found
    original: Any


def verify_import(asked: Asked, watching: Watching, *, export: Path | None = None) -> Verification:
    """Compare every record of an import with the database, and write it out again.

    Args:
        asked: Which import.
        watching: Who is told how far it is.
        export: A folder to write the records into as the database has them.

    Raises:
        Refused: There is none, it was rolled back, its copies are gone, or the folder cannot be
            written.
    """
    row = require_run(asked)
    if row["state"] == "rolled_back":
        raise Refused(f"The import {row['id']} was rolled back: nothing of it should be there.")
    source = open_copies(asked, row)
    run, result = Run.of(row), Verification(row)
    with ExitStack() as stack:
        files = {file.name: file for file in source.files}
        written = stack.enter_context(writing(export, files)) if export else None
        for drafts in batched(walk_drafts(source, run.profile_id, watching)):
            _compare(run, drafts, result, written)
    return result


def _compare(
    run: Run, drafts: Sequence[Draft], result: Verification, files: JsonFiles | None
) -> None:
    items = _items_of(run, drafts)
    placed = [({} if draft.is_refused else place(draft, run.at)) for draft in drafts]
    found = _find(run, placed)
    for draft, rows in zip(drafts, placed, strict=True):
        result.records += 1
        item = items.get((draft.record.file, draft.record.position))
        if item is None or item["record_hash"] != draft.record.raw_hash:
            result.note(_of(draft, "other_hash" if item else "not_imported"))
        elif item["status"] == "quarantined":
            result.quarantined += 1
        elif draft.is_refused:
            result.note(_of(draft, "refused"))
        else:
            case = _Case(draft, rows, found, item["original"])
            before = result.differing
            _compare_rows(case, result)
            _compare_export(case, result, files, is_sound=result.differing == before)


def _compare_rows(case: _Case, result: Verification) -> None:
    for kind, rows in case.rows.items():
        result.expected[kind.table] += len(rows)
        for row in rows:
            stored = case.found[kind].get(row["id"])
            columns = differing(case.draft, kind, stored) if stored else []
            if stored and not stored["is_deleted"] and not columns:
                result.found[kind.table] += 1
                continue
            what = "changed" if columns else "deleted" if stored else "missing"
            result.note(_of(case.draft, what, kind.table, str(row["id"]), columns))


def _compare_export(
    case: _Case, result: Verification, files: JsonFiles | None, *, is_sound: bool
) -> None:
    written = _write_out(case)
    if written is None:
        return
    if files is not None:
        files.write(case.draft, written)
    if hash_of(written) == _expected_hash(case.draft):
        result.equal += 1
    elif is_sound:
        result.note(_of(case.draft, "other_export"))


def _write_out(case: _Case) -> dict[str, Any] | None:
    """Make the record again of what is stored; None if its row is not."""
    kind, (row, *_) = next(iter(case.rows.items()))
    stored = case.found[kind].get(row["id"])
    if stored is None or stored["is_deleted"]:
        return None
    return write_out(
        case.draft.record.kind,
        stored,
        case.original,
        words=[(word["language"], word["word"]) for word in _live(WORDS, case)],
        grammar=[uri["grammar_uri"] for uri in _live(GRAMMAR, case)],
    )


def _expected_hash(draft: Draft) -> str:
    """Return the hash of the record, or without the entries that are in quarantine."""
    if not draft.flaws:
        return draft.record.raw_hash
    return hash_of(
        write_out(
            draft.record.kind, draft.row, draft.original, words=draft.words, grammar=draft.grammar
        )
    )


def _live(kind: Kind, case: _Case) -> Iterator[Row]:
    for row in case.rows.get(kind, ()):
        stored = case.found[kind].get(row["id"])
        if stored and not stored["is_deleted"]:
            yield stored


def _items_of(run: Run, drafts: Sequence[Draft]) -> dict[ItemPlace, Row]:
    """Return what the journal has of records that follow each other in their files."""
    positions: dict[str, list[int]] = {}
    for draft in drafts:
        positions.setdefault(draft.record.file, []).append(draft.record.position)
    return {
        (item["file"], item["position"]): item
        for file, some in positions.items()
        for item in list_import_items(
            run.user_id, run.id, after=(file, some[0] - 1), limit=len(some)
        )
    }


def _find(run: Run, placed: Sequence[Rows]) -> Found:
    ids: dict[Kind, list[Id]] = {}
    for rows in placed:
        for kind, some in rows.items():
            ids.setdefault(kind, []).extend(row["id"] for row in some)
    return {
        kind: {row["id"]: row for row in find_learning_rows(kind.table, run.user_id, some)}
        for kind, some in ids.items()
    }


def _of(
    draft: Draft,
    what: str,
    table: str | None = None,
    row_id: str | None = None,
    columns: Sequence[str] = (),
) -> Difference:
    return Difference(draft.record.file, draft.record.pointer, what, table, row_id, columns)
