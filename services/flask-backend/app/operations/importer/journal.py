"""Which imports of an account there are, and which of them a command means. Writes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from app.models import (
    ItemPlace,
    Row,
    find_learning_rows,
    get_import_run,
    list_import_items,
    list_import_runs,
)
from app.operations.importer.copies import folder_of_copies, is_intact
from app.operations.importer.reading import files_without_profile, open_source
from app.operations.importer.records import Source
from app.operations.importer.refusals import Refused
from app.usecases.learning.store import KINDS, LEARNERS, Id, Kind

MANY: Final = 1000
"""More imports than an account has."""
_PAGE: Final = 100

Step = tuple[int, dict[Kind, list[Id]]]
"""Rows that were added together, and the version of the account that they got."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command is asked for.

    Attributes:
        user_id: Whose learners.
        data_dir: Where copies are kept.
        folder: The files; None: the copies of a run.
        profile_id: The learner of cards and messages.
        run_id: Which run; None: the newest.
    """

    user_id: UUID
    data_dir: Path
    folder: Path | None = None
    profile_id: str | None = None
    run_id: UUID | None = None

    @property
    def source(self) -> str | None:
        """The name of the folder in the journal."""
        return None if self.folder is None else str(self.folder.resolve())


def require_run(asked: Asked) -> Row:
    """Return the run that is meant: by its id, or the newest, of the folder if one is named.

    Raises:
        Refused: There is none.
    """
    if asked.run_id is not None:
        row = get_import_run(asked.user_id, asked.run_id)
        if row is None:
            raise Refused(f"This account has no import {asked.run_id}.")
        return row
    for row in list_import_runs(asked.user_id, limit=MANY):
        if asked.source in (None, row["source"]):
            return row
    where = f" of {asked.source}" if asked.source else ""
    raise Refused(f"This account has no import{where}. Begin with `backend import json run`.")


def require_still(user_id: UUID, run_id: UUID) -> Row:
    """Return a run as it is now.

    Raises:
        Refused: It is there no more: the account was erased.
    """
    row = get_import_run(user_id, run_id)
    if row is None:
        raise Refused(f"The import {run_id} was removed while it ran.")
    return row


def find_same(asked: Asked, manifest: Mapping[str, Any], profile_id: str | None) -> Row | None:
    """Return the run that has brought in, or begun to, the very same files; not if undone.

    Raises:
        Refused: Another one has begun and has not ended.
    """
    for row in list_import_runs(asked.user_id, limit=MANY):
        if row["state"] == "rolled_back":
            continue
        if row["manifest"] == manifest and row["profile_id"] == profile_id:
            return row
        if row["state"] == "running":
            raise Refused(
                f"The import {row['id']} of {row['source']} has not ended."
                " Resume it, or roll it back, before another begins."
            )
    return None


def require_learner(asked: Asked, source: Source) -> str | None:
    """Return whose the cards and messages of a source are; None if it has none.

    Raises:
        Refused: Nobody has said whose they are, or there is no such learner.
    """
    files = files_without_profile(source)
    if not files:
        return None
    what = " and ".join(files)
    if asked.profile_id is None:
        raise Refused(f"{what} do not say whose they are: name a learner with --profile.")
    rows = find_learning_rows(LEARNERS.table, asked.user_id, [asked.profile_id])
    is_there = any(not row["is_deleted"] for row in rows)
    if not is_there and asked.profile_id not in source.profile_ids:
        raise Refused(
            f"There is no learner {asked.profile_id} whose {what} could be,"
            " neither in the database nor in these files."
        )
    return asked.profile_id


def open_copies(asked: Asked, row: Row) -> Source:
    """Open the copies of the files of a run.

    Raises:
        Refused: They are not what they were.
    """
    folder = folder_of_copies(asked.data_dir, asked.user_id, row["id"])
    if not is_intact(folder, row["manifest"]):
        raise Refused(f"The copies of the files in {folder} are gone, or were changed.")
    return open_source(folder)


def walk_items(user_id: UUID, run_id: UUID) -> Iterator[Row]:
    """Give what became of each record of a run, by file and position."""
    after: ItemPlace | None = None
    while rows := list_import_items(user_id, run_id, after=after, limit=_PAGE):
        yield from rows
        after = rows[-1]["file"], rows[-1]["position"]


def steps_of(item: Row) -> list[Step]:
    """Return what a record has added: when it came in, and when it was tried again."""
    stored = dict(item["stored"])
    later = stored.pop("later", [])
    first = (item["version"], _ids(stored))
    return [first, *((step["version"], _ids(step["rows"])) for step in later)]


def _ids(stored: Mapping[str, list[str]]) -> dict[Kind, list[Id]]:
    return {
        kind: [one if kind.table == "learner_profiles" else UUID(one) for one in stored[kind.table]]
        for kind in KINDS
        if stored.get(kind.table)
    }
