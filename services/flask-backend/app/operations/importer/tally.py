"""The counts of an import: what became of how many records, and how many rows that made."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from app.operations.importer.settling import Outcome


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts.

    Attributes:
        files: Of each file, how many records became what.
        rows: How many rows of each table were added.
        notices: How often each rule was met that keeps nothing out.
        refused: How often each rule keeps something out; the journal has that in its quarantine.
    """

    files: Mapping[str, Counter[str]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Take counts from the journal."""
        files = {name: Counter(counts) for name, counts in document.get("files", {}).items()}
        return cls(files, Counter(document.get("rows", {})), Counter(document.get("notices", {})))

    def plus(self, outcomes: Iterable[Outcome]) -> Self:
        """Return the counts with more records."""
        files = {name: Counter(counts) for name, counts in self.files.items()}
        rows, notices, refused = map(Counter, (self.rows, self.notices, self.refused))
        for outcome in outcomes:
            draft = outcome.draft
            files.setdefault(draft.record.file, Counter())[outcome.status] += 1
            rows.update({kind.table: len(some) for kind, some in outcome.added.items()})
            notices.update(problem.rule.value for problem in draft.notices)
            refused.update(problem.rule.value for problem in outcome.refused)
        return type(self)(files, rows, notices, refused)

    def moved(self, status: str, outcome: Outcome) -> Self:
        """Return the counts after something else has become of a record."""
        added = self.plus([outcome])
        added.files[outcome.draft.record.file][status] -= 1
        return type(self)(added.files, added.rows, self.notices, self.refused)

    def document(self) -> dict[str, Any]:
        """Return the counts as a JSON document."""
        return {
            "files": {name: dict(+counts) for name, counts in self.files.items()},
            "rows": dict(self.rows),
            "notices": dict(self.notices),
        }
