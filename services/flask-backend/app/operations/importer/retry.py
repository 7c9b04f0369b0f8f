"""What is in quarantine tried again, after the world has changed: the copies are read anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app import clock
from app.actor import acting_as, migration_actor
from app.models import (
    ItemPlace,
    Row,
    create_quarantined,
    get_import_item,
    list_quarantined,
    list_quarantined_at,
    lock_head,
    resolve_quarantined,
    update_import_item,
    update_import_run,
)
from app.operations.importer.batches import batched
from app.operations.importer.journal import Asked, open_copies, require_run, require_still
from app.operations.importer.records import Draft
from app.operations.importer.refusals import Refused
from app.operations.importer.settling import Outcome, settle
from app.operations.importer.storing import Run, add_rows, place_of, quarantined, stored_ids
from app.operations.importer.tally import Tally
from app.operations.importer.turns import only_import, require_turn
from app.operations.importer.walking import Watching, walk_drafts
from app.usecases.work import unit_of_work

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Retried:
    """What trying again has come to.

    Attributes:
        run: The import's row in the journal.
        tried: How many records were tried.
        resolved: How many of them have nothing in quarantine any more.
    """

    run: Row
    tried: int
    resolved: int


def retry_import(asked: Asked, watching: Watching) -> Retried:
    """Try every record of an import again of which something is in quarantine.

    Raises:
        Refused: There is no such import, it has not ended, or its copies are gone.
    """
    with only_import(asked.user_id, watching.say) as lease:
        row = require_run(asked)
        if row["state"] != "finished":
            raise Refused(f"The import {row['id']} is {row['state']}, and not finished.")
        run, tally = Run.of(row), Tally.read(row["counts"])
        tried = resolved = 0
        with acting_as(migration_actor(run.id)):
            for batch in batched(_walk_open(asked, row, run, watching)):
                require_turn(lease)
                tally, whole = _store_again(run, batch, tally, clock.now())
                tried += len(batch)
                resolved += whole
        return Retried(row | {"counts": tally.document()}, tried, resolved)


def _walk_open(asked: Asked, row: Row, run: Run, watching: Watching) -> Iterator[Draft]:
    """Give the records of which something is in quarantine."""
    places = _open_places(run)
    source = open_copies(asked, row)
    for draft in walk_drafts(source, run.profile_id, watching):
        if place_of(draft) in places:
            yield draft


def _open_places(run: Run) -> set[ItemPlace]:
    places: set[ItemPlace] = set()
    after: ItemPlace | None = None
    while rows := list_quarantined(run.user_id, run.id, after=after, limit=_PAGE):
        places.update((row["file"], row["position"]) for row in rows)
        after = rows[-1]["file"], rows[-1]["position"]
    return places


@unit_of_work
def _store_again(
    run: Run, drafts: Sequence[Draft], tally: Tally, now: datetime
) -> tuple[Tally, int]:
    """Bring in what can go in now; return the counts then, and how many records are whole."""
    lock_head(run.user_id)
    require_still(run.user_id, run.id)
    outcomes = settle(run.user_id, drafts, run.at)
    version = add_rows(run.user_id, [outcome.added for outcome in outcomes])
    for outcome in outcomes:
        before = get_import_item(run.user_id, run.id, place_of(outcome.draft))
        if before is not None:
            tally = tally.moved(before["status"], _note_item(run, outcome, before, version))
        _note_quarantine(run, outcome, now)
    update_import_run(run.user_id, run.id, counts=tally.document(), updated_at=now)
    return tally, sum(not outcome.refused for outcome in outcomes)


def _note_item(run: Run, outcome: Outcome, before: Row, version: int) -> Outcome:
    """Note in the journal what has become of a record now."""
    place = place_of(outcome.draft)
    if before["status"] == "quarantined":
        columns = {
            "status": outcome.status,
            "stored": stored_ids(outcome.added),
            "original": dict(outcome.draft.original),
            "version": version if outcome.added else 0,
        }
        update_import_item(run.user_id, run.id, place, **columns)
        return outcome
    if outcome.added:
        stored = before["stored"]
        step = {"version": version, "rows": stored_ids(outcome.added)}
        stored = {**stored, "later": [*stored.get("later", []), step]}
        update_import_item(run.user_id, run.id, place, stored=stored)
    return replace(outcome, status=before["status"])


def _note_quarantine(run: Run, outcome: Outcome, now: datetime) -> None:
    """Resolve what is in quarantine of a record, and keep what is refused now; or leave all be."""
    place = place_of(outcome.draft)
    rows = list_quarantined_at(run.user_id, run.id, place)
    refused = list(quarantined(run, outcome, now))
    still = [(row["pointer"], row["rule"]) for row in rows if row["state"] == "open"]
    if still == [(row["pointer"], row["rule"]) for row in refused]:
        return
    resolve_quarantined(run.user_id, run.id, place, at=now)
    create_quarantined({**row, "number": row["number"] + len(rows)} for row in refused)
