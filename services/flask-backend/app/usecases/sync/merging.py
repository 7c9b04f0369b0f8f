"""What becomes of one change of one row. Reads and writes nothing, and knows no table.

Order is the order of arrival. What a client's clock says is data; how old its knowledge of a row
is, the version says on which it based the change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from app.models import Row
from app.usecases.history import is_same_json
from app.usecases.profiles import MAX_PREFERENCES_BYTES
from app.usecases.sync.tables import Synced
from bilayer.documents import dump

Word = Literal["applied", "merged", "conflict", "rejected"]

MAX_MERGED_BYTES: Final = MAX_PREFERENCES_BYTES
"""How large a document may become by patches, of which each may be small."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one row, as a client wants it; its fields are valid by themselves.

    Attributes:
        mutation_id: What the client calls it.
        table: Where the row is.
        op: What is to be done with it.
        id: What tells it apart there.
        base_version: The version of the row that the client knew; None if it knew none.
        fields: The columns that are to have these values; none for a delete.
    """

    mutation_id: str
    table: str
    op: Literal["upsert", "delete"]
    id: UUID
    base_version: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a change, and if it is not as it was wanted, why.

    Attributes:
        word: In one word.
        code: The reason, for programs.
        reason: The same for people.
        path: Which part of the mutation is to blame.
    """

    word: Word
    code: str | None = None
    reason: str | None = None
    path: str | None = None


@dataclass(slots=True)
class Draft:
    """A row while changes of it are decided.

    Attributes:
        synced: How its table is synced.
        stored: The row as it is in the database; None if it is not there.
        columns: The columns that clients set, as they will be; None while there is no row.
        is_deleted: Whether it will be.
        changes: The columns that have to be written; None: nothing has.
    """

    synced: Synced
    stored: Row | None
    columns: dict[str, Any] | None = None
    is_deleted: bool = False
    changes: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.stored is not None:
            self.columns = {name: self.stored[name] for name in self.synced.writable}
            self.is_deleted = bool(self.stored.get("is_deleted", False))

    def set(self, columns: dict[str, Any], names: Iterable[str]) -> None:
        """Let columns be so, of which these have changed."""
        self.columns = columns
        self.changes = {**(self.changes or {}), **{name: columns[name] for name in names}}

    def delete(self) -> None:
        """Let the row be deleted, if it is there and is not."""
        if self.columns is not None and not self.is_deleted:
            self.is_deleted = True
            self.changes = {**(self.changes or {}), "is_deleted": True}


def decide(draft: Draft, mutation: Mutation, *, head: int) -> Verdict:
    """Return what becomes of a change, and let the draft be as it says.

    Args:
        draft: The row.
        mutation: The change.
        head: The last version of the account.
    """
    base = mutation.base_version or 0
    if base > head:
        return reject("base_version", "VERSION_UNKNOWN", "This account has no such version yet.")
    if mutation.op == "delete":
        return _delete(draft)
    if draft.is_deleted:
        reason = "The row was deleted, and stays so."
        return Verdict("conflict", "ROW_DELETED", reason)
    if draft.columns is not None:
        return _update(draft, draft.columns, mutation)
    if base:
        reason = "The row was deleted so long ago that nothing is left of it."
        return Verdict("conflict", "ROW_COLLECTED", reason)
    return _insert(draft, mutation.fields)


def reject(path: str, code: str, reason: str) -> Verdict:
    """Return the verdict about a change that cannot be made."""
    return Verdict("rejected", code, reason, path)


def merge_patch(document: Any, patch: Any) -> Any:
    """Return a document as a patch makes it (RFC 7396): null takes a key away."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _delete(draft: Draft) -> Verdict:
    if not draft.synced.is_deletable:
        return reject("op", "NOT_ALLOWED", "Rows of this table cannot be deleted.")
    draft.delete()
    return Verdict("applied")


def _insert(draft: Draft, fields: Mapping[str, Any]) -> Verdict:
    missing = [name for name in draft.synced.required if name not in fields]
    if missing:
        return reject(f"fields.{missing[0]}", "REQUIRED", "A new row must have this field.")
    columns = _merged(draft.synced, {}, fields)
    overgrown = _find_overgrown(draft.synced, columns, fields)
    if overgrown is None:
        draft.set(columns, columns)
    return overgrown or Verdict("applied")


def _update(draft: Draft, before: dict[str, Any], mutation: Mutation) -> Verdict:
    synced = draft.synced
    columns = _merged(synced, before, mutation.fields)
    if all(is_same_json(columns[name], before.get(name)) for name in mutation.fields):
        return Verdict("applied")
    if synced.is_append_only:
        return Verdict("conflict", "ROW_EXISTS", "Another row has this id, and is never changed.")
    overgrown = _find_overgrown(synced, columns, mutation.fields)
    if overgrown is not None:
        return overgrown
    draft.set(columns, mutation.fields)
    return Verdict("applied" if _was_known(draft.stored, mutation.base_version) else "merged")


def _find_overgrown(
    synced: Synced, columns: Mapping[str, Any], fields: Mapping[str, Any]
) -> Verdict | None:
    """Reject a patch that makes a document too large, however small it is itself."""
    for name in fields.keys() & set(synced.merged):
        size = len(dump(columns[name]).encode())
        if size > MAX_MERGED_BYTES:
            reason = f"It may have {MAX_MERGED_BYTES} bytes, and would have {size}."
            return reject(f"fields.{name}", "TOO_LARGE", reason)
    return None


def _merged(synced: Synced, before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    patched = {
        name: merge_patch(before.get(name), value) if name in synced.merged else value
        for name, value in fields.items()
    }
    return {**before, **patched}


def _was_known(stored: Row | None, base_version: int | None) -> bool:
    """Tell whether the client knew the row as it is, but for what it sends itself."""
    if stored is None:
        return True
    return base_version is not None and stored["version"] <= base_version
