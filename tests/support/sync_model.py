"""What the synced rows of one account should be, as plain dicts, and what becomes of each change.

Knows nothing of rows, of HTTP and of the service's code. That verdicts of replays are the first
ones, that nothing changes without a version and that nothing comes back is judged here, as changes
are told; whether the server and the devices have the same rows is for those who can ask them.
"""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

Document = dict[str, Any]
Key = tuple[str, str]
Sender = tuple[str, str]

HISTORY: Final = "history"
PROFILES: Final = "profiles"
CONSENTS: Final = "user_consents"
TABLES: Final = (HISTORY, PROFILES, CONSENTS)
TOMBSTONES_KEPT: Final = timedelta(days=30)
VERDICTS_KEPT: Final = timedelta(days=90)
LONGEST_TYPE: Final = 50
REQUIRED: Final = {HISTORY: {"action_type", "payload"}, PROFILES: set[str]()}
_BLANK: Final[dict[str, Document]] = {
    HISTORY: {},
    PROFILES: dict.fromkeys(("display_name", "first_name", "phone")) | {"preferences": {}},
    CONSENTS: {},
}


@dataclass
class Row:
    """A row, which stays when it is deleted.

    Attributes:
        fields: What it says.
        version: Of the transaction that wrote it last.
        writer: The device that did, None for the ordinary endpoints.
        deleted_at: When it was deleted, None while it is live.
    """

    fields: Document
    version: int = 0
    writer: str | None = None
    deleted_at: datetime | None = None


@dataclass
class Heard:
    """The first verdict about a change, and when it was given."""

    result: Document
    at: datetime


@dataclass
class Model:
    """The rows of an account, and what its devices were told.

    Attributes:
        rows: By table and id, the deleted ones too until they are collected.
        collected: Rows that were deleted and are gone for good.
        verdicts: By device and change.
        forgotten: Changes whose verdicts are gone: sent again they are new.
        version: The last one.
    """

    rows: dict[Key, Row] = field(default_factory=dict)
    collected: set[Key] = field(default_factory=set)
    verdicts: dict[Sender, Heard] = field(default_factory=dict)
    forgotten: set[Sender] = field(default_factory=set)
    version: int = 0

    @classmethod
    def of_new(cls, user_id: str) -> "Model":
        """Return what somebody has who has just come: a profile that says nothing."""
        profile = Row(copy.deepcopy(_BLANK[PROFILES]), version=1)
        return cls({(PROFILES, user_id): profile}, version=1)

    def copy(self) -> "Model":
        """Return what a backup holds."""
        return copy.deepcopy(self)

    def live(self, table: str) -> dict[str, Document]:
        """Return the rows of a table that are not deleted, by id."""
        return {
            key[1]: row.fields
            for key, row in self.rows.items()
            if key[0] == table and row.deleted_at is None
        }

    def write(self, key: Key, fields: Mapping[str, Any], version: int) -> None:
        """Hear that an ordinary endpoint stored or changed a row."""
        assert version > self.version, "a write without a version"
        row = self.rows.setdefault(key, Row(copy.deepcopy(_BLANK[key[0]])))
        assert row.deleted_at is None
        _replace(row.fields, fields)
        row.writer, row.version = None, version
        self.version = version

    def delete(self, key: Key, at: datetime, version: int) -> None:
        """Hear that an ordinary endpoint deleted a row."""
        assert version > self.version, "a deletion without a version"
        self._delete(self.rows[key], None, at)
        self.rows[key].version = self.version = version

    def push(
        self,
        device: str,
        mutations: Sequence[Document],
        results: Sequence[Document],
        at: datetime,
        version: int,
    ) -> list[Document]:
        """Hear what a device was told of its changes, and that the account is at a version now.

        Returns:
            The changes that were decided now; the others were before.
        """
        assert [result["mutation_id"] for result in results] == [
            mutation["mutation_id"] for mutation in mutations
        ]
        written, decided = [], []
        for mutation, result in zip(mutations, results, strict=True):
            sender = (device, mutation["mutation_id"])
            first = self.verdicts.get(sender)
            if first is not None:
                assert result == first.result, "a replay was told something else"
                continue
            key = (mutation["table"], mutation["id"])
            self._comes_not_back(key, sender, mutation)
            expected, code, is_written = self._decide(device, key, mutation, at)
            assert result["verdict"] in expected, (mutation, result, self.rows.get(key))
            assert code is None or result["code"] == code, (mutation, result)
            written += [self.rows[key]] if is_written else []
            decided.append((mutation, result))
            self.verdicts[sender] = Heard(copy.deepcopy(result), at)
        assert (version > self.version) == bool(written), (self.version, version, mutations)
        self.version = version
        for row in written:
            row.version = version
        for mutation, result in decided:
            self._is_shown(mutation, result)
        return [mutation for mutation, _ in decided]

    def collect(self, left: Collection[Key], known: Collection[Sender], at: datetime) -> None:
        """Hear which deleted rows and which verdicts are left."""
        for key, row in list(self.rows.items()):
            if row.deleted_at is not None and key not in left:
                assert at - row.deleted_at > TOMBSTONES_KEPT, "collected too early"
                self.collected.add(key)
                del self.rows[key]
        for sender, heard in list(self.verdicts.items()):
            if sender not in known:
                assert at - heard.at > VERDICTS_KEPT, "forgotten too early"
                self.forgotten.add(sender)
                del self.verdicts[sender]

    def _comes_not_back(self, key: Key, sender: Sender, mutation: Document) -> None:
        """Excuse a replay of what was decided so long ago that nobody knows it any more."""
        if (
            key in self.collected
            and mutation["op"] == "upsert"
            and not mutation.get("base_version")
        ):
            assert sender in self.forgotten, f"{key} would come back"
            self.collected.discard(key)

    def _is_shown(self, mutation: Document, result: Document) -> None:
        """Compare the row in a result with what it should be after the whole push."""
        row, shown = self.rows.get((mutation["table"], mutation["id"])), result.get("row")
        if result["verdict"] == "rejected" or row is None:
            assert shown is None, result
            return
        assert (shown["id"], shown["version"]) == (mutation["id"], row.version), (shown, row)
        if row.deleted_at is not None:
            assert shown["is_deleted"], shown
        else:
            assert all(shown[name] == row.fields[name] for name in row.fields), (shown, row)

    def _decide(
        self, device: str, key: Key, mutation: Document, at: datetime
    ) -> tuple[set[str], str | None, bool]:
        """Return the verdicts that are right, the code, and whether a row is written."""
        row, base = self.rows.get(key), mutation.get("base_version") or 0
        if base > self.version:
            return {"rejected"}, "VERSION_UNKNOWN", False
        if mutation["op"] == "delete":
            is_live = row is not None and row.deleted_at is None
            if row is not None and is_live:
                self._delete(row, device, at)
            return {"applied"}, None, is_live
        fields = mutation["fields"]
        if len(fields.get("action_type", "")) > LONGEST_TYPE:
            return {"rejected"}, None, False
        if row is None and base > 0:
            return {"conflict"}, "ROW_COLLECTED", False
        if row is None and not fields.keys() >= REQUIRED[key[0]]:
            return {"rejected"}, None, False
        if row is not None and row.deleted_at is not None:
            return {"conflict"}, "ROW_DELETED", False
        is_news = row is not None and row.version > base
        # A device may change a row twice before it hears of the first change.
        is_own = row is not None and row.writer == device
        row = row or self.rows.setdefault(key, Row(copy.deepcopy(_BLANK[key[0]])))
        before = copy.deepcopy(row.fields)
        _replace(row.fields, fields)
        if before == row.fields:
            return {"applied"}, None, False
        row.writer = device
        if is_news:
            return ({"merged", "applied"} if is_own else {"merged"}), None, True
        return {"applied"}, None, True

    def _delete(self, row: Row, writer: str | None, at: datetime) -> None:
        assert row.deleted_at is None
        row.writer, row.deleted_at = writer, at


def _replace(fields: Document, new: Mapping[str, Any]) -> None:
    """Let the fields that are given replace those there are; preferences are a patch."""
    for name, value in new.items():
        fields[name] = patched(fields[name], value) if name == "preferences" else value


def patched(document: Any, patch: Any) -> Any:
    """Return a document after a merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = patched(merged.get(name), value)
    return merged
