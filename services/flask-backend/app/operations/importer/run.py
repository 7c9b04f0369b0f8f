"""An import from its beginning to its end: run, and resumed after whatever interrupted it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import uuid_utils.compat

from app import clock
from app.actor import acting_as, migration_actor
from app.models import (
    Row,
    create_import_run,
    delete_import_run,
    list_last_positions,
    update_import_run,
)
from app.operations.importer.batches import batched, collecting_seldom
from app.operations.importer.copies import (
    copy_sources,
    folder_of_copies,
    is_intact,
    remove_copies,
)
from app.operations.importer.journal import (
    Asked,
    find_same,
    require_learner,
    require_run,
    require_still,
)
from app.operations.importer.reading import open_source
from app.operations.importer.records import Source, UnreadableSource
from app.operations.importer.refusals import Refused
from app.operations.importer.storing import Run, store_batch
from app.operations.importer.tally import Tally
from app.operations.importer.turns import only_import, require_turn
from app.operations.importer.walking import Watching, walk_drafts
from app.usecases.leases import Lease
from app.usecases.work import unit_of_work


@dataclass(frozen=True, slots=True)
class Report:
    """What an import has come to.

    Attributes:
        outcome: ``imported``, ``resumed`` or ``unchanged``.
        run: Its row in the journal.
    """

    outcome: str
    run: Row


def run_import(asked: Asked, watching: Watching) -> Report:
    """Bring the files of a folder in; go on if this was begun before, do nothing if it was done.

    Raises:
        UnreadableSource: A file is not what it must be; nothing has been written.
        Refused: It cannot be done, for the reason given.
    """
    if asked.folder is None:
        raise Refused("Name the folder of the files with --source.")
    with only_import(asked.user_id, watching.say) as lease:
        watching.say("Reading the files.")
        source = open_source(asked.folder)
        profile_id = require_learner(asked, source)
        row = find_same(asked, source.manifest, profile_id)
        if row is None:
            row = _begin(asked, source, profile_id)
            return Report("imported", _go_on(asked, row, source, lease, watching))
        if row["state"] == "finished":
            return Report("unchanged", row)
        _complete_copies(asked, row, source)
        return Report("resumed", _go_on(asked, row, source, lease, watching))


def resume_import(asked: Asked, watching: Watching) -> Report:
    """Go on with an import that was interrupted, by its copies or, without them, by its files.

    Raises:
        UnreadableSource: A file is not what it must be.
        Refused: There is none, or it has ended, or its files are not to be had.
    """
    with only_import(asked.user_id, watching.say) as lease:
        row = require_run(asked)
        if row["state"] == "finished":
            return Report("unchanged", row)
        if row["state"] != "running":
            raise Refused(f"The import {row['id']} was rolled back. Begin another with `run`.")
        source = _open_again(asked, row, watching)
        _complete_copies(asked, row, source)
        return Report("resumed", _go_on(asked, row, source, lease, watching))


def _open_again(asked: Asked, row: Row, watching: Watching) -> Source:
    """Open the copies of a run, or the files themselves where there are no copies yet."""
    folder = folder_of_copies(asked.data_dir, asked.user_id, row["id"])
    if not folder.exists():
        if asked.folder is None:
            raise Refused("The copies of the files are gone. Name their folder with --source.")
        folder = asked.folder
    watching.say("Reading the files.")
    source = open_source(folder)
    if source.manifest != row["manifest"]:
        raise Refused(f"The files in {folder} are not those that the import began with.")
    return source


def _begin(asked: Asked, source: Source, profile_id: str | None) -> Row:
    """Note that an import begins, and copy its files; if they cannot be, nothing has begun."""
    run_id = uuid_utils.compat.uuid7()
    folder = folder_of_copies(asked.data_dir, asked.user_id, run_id)
    columns = {"source": asked.source, "profile_id": profile_id, "manifest": source.manifest}
    _create_run(asked.user_id, run_id, columns)
    try:
        return _copy(asked.user_id, run_id, source, folder)
    except (Refused, UnreadableSource):
        _delete_run(asked.user_id, run_id)
        raise


def _complete_copies(asked: Asked, row: Row, source: Source) -> None:
    """Copy the files, if that did not come to its end or somebody has changed the copies."""
    folder = folder_of_copies(asked.data_dir, asked.user_id, row["id"])
    if source.folder != folder and not is_intact(folder, source.manifest):
        _copy(asked.user_id, row["id"], source, folder)


def _copy(user_id: UUID, run_id: UUID, source: Source, folder: Path) -> Row:
    """Copy the files of a run, and return it; there are no copies if the account was erased."""
    copy_sources(source, folder)
    try:
        return require_still(user_id, run_id)
    except Refused:
        remove_copies(folder)
        raise


def _go_on(asked: Asked, row: Row, source: Source, lease: Lease, watching: Watching) -> Row:
    """Bring in what of a source is not in the journal yet, from its copies."""
    folder = folder_of_copies(asked.data_dir, asked.user_id, row["id"])
    run, tally = Run.of(row), Tally.read(row["counts"])
    done = list_last_positions(run.user_id, run.id)
    copies = replace(source, folder=folder)
    drafts = walk_drafts(copies, run.profile_id, watching, done=done)
    with acting_as(migration_actor(run.id)), collecting_seldom():
        for batch in batched(drafts):
            require_turn(lease)
            tally = store_batch(run, batch, tally, clock.now())
    _finish(run)
    return require_still(run.user_id, run.id)


@unit_of_work
def _create_run(user_id: UUID, run_id: UUID, columns: Mapping[str, Any]) -> None:
    create_import_run(user_id, run_id, at=clock.now(), **columns)


@unit_of_work
def _delete_run(user_id: UUID, run_id: UUID) -> None:
    delete_import_run(user_id, run_id)


@unit_of_work
def _finish(run: Run) -> None:
    now = clock.now()
    update_import_run(run.user_id, run.id, state="finished", updated_at=now, finished_at=now)
