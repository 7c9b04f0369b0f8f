"""The rows of learning of one account: as its files have them, read when needed, and as they will.

``learners.json`` is the index: it has the rows of the learners, and names the file that each of
them has for each other table. To change something is to write new files and then another index.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from uuid_utils.compat import uuid7

from app.usecases.learning.store import LEARNED, LEARNERS
from app.usecases.learning.stores.folder import INDEX, Folder, Vanished
from app.usecases.learning.stores.spelling import Spelled, check_row
from bilayer.runtime.errors import StorageFailure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from app.usecases.learning.store import Kind

FORMAT: Final = "flask-backend-learning"
VERSION: Final = 1
"""Of the format. It grows when a file means something that this release cannot read."""

Part = tuple[str, str]
"""What one file has: a table, and the id of a learner."""
Rows = dict[str, Spelled]
"""Rows by their ids."""

_TABLES: Final = {kind.table for kind in LEARNED}


@dataclass(slots=True)
class Account:
    """All rows of an account. A copy shares the rows, which nobody changes, and not what has them.

    Attributes:
        folder: Where the files are.
        index: The index as it was read; None: there is none yet.
        head: The last version.
        learners: Their rows.
        files: The file of each part.
        loaded: The parts that were read or changed.
        changed: Those that the files do not have so yet.
        changed_at: The time of what is changed here, which has one version; None: nothing is.
    """

    folder: Folder
    index: bytes | None = None
    head: int = 0
    learners: Rows = field(default_factory=dict)
    files: dict[Part, str] = field(default_factory=dict)
    loaded: dict[Part, Rows] = field(default_factory=dict)
    changed: set[Part] = field(default_factory=set)
    changed_at: datetime | None = None

    @classmethod
    def read(cls, folder: Folder) -> Account:
        """Read the index.

        Raises:
            StorageFailure: It cannot be read, is damaged, or of a newer format.
        """
        try:
            data = folder.read(INDEX)
        except Vanished:
            return cls(folder)
        document = _parse(data, folder, INDEX)
        try:
            rows = [check_row(LEARNERS.table, row) for row in document["learners"]]
            files = {
                (table, learner): str(name)
                for learner, names in document["files"].items()
                for table, name in names.items()
            }
            head = int(document["head"])
        except StorageFailure as failure:
            raise _damaged(folder, INDEX, str(failure)) from None
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _damaged(folder, INDEX, "is not what this release has written") from None
        if any("/" in name or table not in _TABLES for (table, _), name in files.items()):
            raise _damaged(folder, INDEX, "names a file that cannot be one of its own")
        return cls(folder, data, head, {row["id"]: row for row in rows}, files)

    @classmethod
    def blank(cls, folder: Folder) -> Account:
        """Read nothing of the files, to write all of them anew, damaged ones too."""
        try:
            return cls(folder, folder.read(INDEX))
        except Vanished:
            return cls(folder)

    def copy(self) -> Account:
        """Return one that can be changed while this one stays."""
        return replace(
            self,
            learners=dict(self.learners),
            files=dict(self.files),
            loaded=dict(self.loaded),
            changed=set(self.changed),
        )

    def parts(self, kind: Kind, profile_id: str | None = None) -> Iterator[tuple[str, Rows]]:
        """Yield the learners with their rows of a table, or one of them; learners belong to none.

        Raises:
            Vanished: A file is not there any more. Whoever has the lock need not fear it.
        """
        if kind == LEARNERS:
            yield "", self.learners
            return
        for table, learner in list(dict.fromkeys([*self.files, *self.loaded])):
            if table == kind.table and profile_id in (None, learner):
                yield learner, self.part((table, learner))

    def part(self, part: Part) -> Rows:
        """Return the rows of one file."""
        if part not in self.loaded:
            self.loaded[part] = self._load(part) if part in self.files else {}
        return self.loaded[part]

    def put(self, kind: Kind, profile_id: str, rows: Rows) -> None:
        """Let these be the rows of a learner in a table, or those of all learners."""
        if kind == LEARNERS:
            self.learners = rows
            return
        self.loaded[kind.table, profile_id] = rows
        self.changed.add((kind.table, profile_id))

    def remove(self, kind: Kind, ids: Collection[str]) -> None:
        """Forget rows; with a learner all that is theirs."""
        if kind == LEARNERS:
            for learner in ids:
                self._drop_learner(learner)
            return
        for learner, rows in self.parts(kind):
            if not rows.keys().isdisjoint(ids):
                self.put(kind, learner, {key: rows[key] for key in rows if key not in ids})

    def _drop_learner(self, profile_id: str) -> None:
        self.learners = {key: row for key, row in self.learners.items() if key != profile_id}
        for part in [part for part in {*self.files, *self.loaded} if part[1] == profile_id]:
            self.loaded[part] = {}
            self.changed.add(part)

    def forget_deleted(self, before: str) -> None:
        """Drop what was deleted before a time, of all that is written anew."""
        self.remove(LEARNERS, [key for key, row in self.learners.items() if _is_old(row, before)])
        for part in self.changed:
            rows = self.loaded[part]
            self.loaded[part] = {key: row for key, row in rows.items() if not _is_old(row, before)}

    def load_everything(self) -> None:
        """Read every file."""
        for part in self.files:
            self.part(part)

    def save(self) -> None:
        """Write what was changed, and then the index.

        Whatever fails, the index is the one that was, and what was written means nothing.
        """
        for part in sorted(self.changed):
            self.files.pop(part, None)
            if rows := self.loaded[part]:
                name = f"{quote(part[1], safe='')}.{part[0]}.{uuid7().hex}.json"
                self.folder.create(
                    name, self._document(rows, {"table": part[0], "learner": part[1]})
                )
                self.files[part] = name
        if self.learners or self.files:
            self.folder.replace_index(self._index())
        else:
            self.folder.remove([INDEX])

    def _load(self, part: Part) -> Rows:
        table, learner = part
        name = self.files[part]
        document = _parse(self.folder.read(name), self.folder, name)
        if (document.get("table"), document.get("learner")) != part:
            raise _damaged(self.folder, name, "is about something else than its index says")
        try:
            rows = [
                check_row(table, row | {"profile_id": learner}) for row in document.get("rows", [])
            ]
        except StorageFailure as failure:
            raise _damaged(self.folder, name, str(failure)) from None
        except TypeError:
            raise _damaged(self.folder, name, "has an entry that is no row") from None
        return {row["id"]: row for row in rows}

    def _index(self) -> bytes:
        files: dict[str, dict[str, str]] = {}
        for (table, learner), name in sorted(self.files.items()):
            files.setdefault(learner, {})[table] = name
        return self._document(self.learners, {"head": self.head, "files": files}, "learners")

    def _document(self, rows: Rows, facts: dict[str, Any], name: str = "rows") -> bytes:
        """Return a file: its facts, and each row on a line of its own."""
        head = {"format": FORMAT, "format_version": VERSION, "user_id": str(self.folder.user_id)}
        lines = (
            _json({key: value for key, value in rows[row_id].items() if key != "profile_id"})
            for row_id in sorted(rows)
        )
        text = f'{_json(head | facts)[:-1]},\n"{name}":[\n' + ",\n".join(lines) + "\n]}\n"
        return text.encode()


def _is_old(row: Spelled, before: str) -> bool:
    return bool(row["is_deleted"] and row["updated_at"] < before)


def _parse(data: bytes, folder: Folder, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise _damaged(folder, name, "is damaged: it is no JSON in UTF-8") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _damaged(folder, name, "is not what this service writes")
    if document.get("format_version") != VERSION:
        raise _damaged(folder, name, "was written by a newer release")
    if document.get("user_id") != str(folder.user_id):
        raise _damaged(folder, name, "belongs to another account")
    return document


def _damaged(folder: Folder, name: str, sentence: str) -> StorageFailure:
    return StorageFailure(f"{folder.path / name} {sentence}.")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
