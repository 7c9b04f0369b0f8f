"""Revisions of a project as they were recorded on one engine."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from alembic.config import Config

from bilayer.drift.lint.steps import Recorded, Step
from bilayer.drift.readers.migrations import asking
from bilayer.drift.scratch.databases import Scratch
from bilayer.urls import EngineName

_DIALECTS: Final = {"postgresql": "postgresql", "mysql": "mariadb", "sqlite": "sqlite"}


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """What the revisions of a project do on one engine.

    Attributes:
        revisions: Oldest first.
        error: Why the rest was not recorded; None if all were run.
        error_place: Where that was: path and line.
    """

    revisions: tuple[Recorded, ...]
    error: str | None = None
    error_place: tuple[str, int] | None = None


def record(config: Config, engine: EngineName, scratch: Scratch, files: Scratch) -> Recording:
    """Run the revisions in a scratch database, or without a server ask for their statements.

    Args:
        config: The project's Alembic configuration.
        engine: The engine they are judged for.
        scratch: Its scratch databases.
        files: SQLite's: the child is confined to one where it uses no database at all.
    """
    is_offline = not scratch.is_available
    url = files.create("nothing") if is_offline else scratch.create("lint")
    wishes = {"offline": _DIALECTS[engine] if is_offline else None}
    with asking(config, url, "bilayer.drift.lint.child", wishes) as finish:
        answer = finish()
    place = answer.get("error_place")
    return Recording(
        revisions=tuple(_revisions(answer)),
        error=answer.get("error"),
        error_place=(place[0], place[1]) if place else None,
    )


def _revisions(answer: dict[str, Any]) -> list[Recorded]:
    known = {each["revision"]: each for each in answer.get("revisions", ())}
    steps: dict[str, list[Step]] = {}
    for each in answer.get("steps", ()):
        table = each["table"]
        named = each | {"table": table.removeprefix("public.") if table else table}
        steps.setdefault(each["revision"], []).append(Step(**named))
    downgrades = answer.get("downgrades", {})
    unread = answer.get("unread", {})
    return [
        Recorded(
            revision,
            known[revision]["path"],
            tuple(known[revision]["down"]),
            tuple(steps.get(revision, ())),
            unread.get(revision),
            *downgrades.get(revision, (1, True)),
        )
        for revision in answer.get("order", ())
        if revision in known
    ]
