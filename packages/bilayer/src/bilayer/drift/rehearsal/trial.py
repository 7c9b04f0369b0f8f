"""Each revision run up, down and up again, in a database with rows.

Decides what happened; the words are in ``verdicts``, the databases in ``stage``.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from bilayer.drift.config import ConfigurationError
from bilayer.drift.declared import declares, read_lines
from bilayer.drift.kinds import Severity
from bilayer.drift.rehearsal.catalog import Catalog, list_changed_tables, list_differences
from bilayer.drift.rehearsal.filling import Filler
from bilayer.drift.rehearsal.player import Ran, Step
from bilayer.drift.rehearsal.rows import Rows, compare_rows
from bilayer.drift.rehearsal.stage import Stage
from bilayer.drift.rehearsal.verdicts import (
    Verdict,
    is_about_values,
    judge_implicit_values,
    judge_new_uniques,
    judge_rows,
    list_briefly,
)
from bilayer.drift.schemas import read_relation

_WHY: Final[Mapping[str, tuple[str, Severity, str]]] = {
    "empty": ("BL701", "error", "fails on an empty database"),
    "nulls": ("BL703", "warning", "fails where a column that may be NULL is"),
    "data": ("BL703", "warning", "fails on made-up rows, and depends on those in production"),
    "rows": ("BL702", "error", "passes on an empty database and fails on one with rows"),
}

_LASTING: Final = frozenset({"irreversible", "no-downgrade", "BL620", "BL704"})


class _Stopped(Exception):
    """The revisions behind cannot be reached."""


@dataclasses.dataclass(slots=True)
class Trial:
    """The rehearsal of a project's revisions on one engine.

    Attributes:
        verdicts: What was found.
        touched: Of each revision, the tables with rows that it locked, wrote or changed.
        tell: Told of each step, for whoever waits.
    """

    _stage: Stage
    tell: Callable[[str], None]
    verdicts: list[Verdict] = dataclasses.field(default_factory=list)
    touched: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    _filler: Filler = dataclasses.field(default_factory=Filler)
    _unfilled: set[str] = dataclasses.field(default_factory=set)

    def run(self, wanted: str | None = None) -> None:
        """Rehearse the revisions, or the one wanted; those before it are only run upwards.

        Raises:
            BilayerError: The revisions cannot be read, there is no such one, or no scratch
                database can be made.
        """
        self._stage.rebuild(0)
        self.steps = self._stage.steps
        last = len(self.steps) - 1 if wanted is None else self._find(wanted)
        with contextlib.suppress(_Stopped):
            for index, step in enumerate(self.steps[: last + 1]):
                self.tell(f"{index + 1} of {last + 1}: {step.revision}")
                if wanted is None or index == last:
                    self._rehearse(index)
                else:
                    self._pass(index)

    def _find(self, wanted: str) -> int:
        """Find a revision by the beginning of its id."""
        places = [n for n, step in enumerate(self.steps) if step.revision == wanted] or [
            n for n, step in enumerate(self.steps) if step.revision.startswith(wanted)
        ]
        if len(places) != 1:
            message = f"there is no revision {wanted}, or more than one begins so"
            raise ConfigurationError(message)
        return places[0]

    def _pass(self, index: int) -> None:
        ran = self._run(index)
        if ran.error is not None:
            self._judge_failure(index, ran, is_upgrade=True)

    def _rehearse(self, index: int) -> None:
        step = self.steps[index]
        before = self._fill(step)
        rows = self._stage.read_rows(before)
        ran = self._run(index)
        if ran.error is not None:
            self._judge_failure(index, ran, is_upgrade=True)
            return
        after = self._stage.read_catalog()
        changed = list_changed_tables(before, after)
        self.touched[step.revision] = _list_touched(before, after, ran)
        changes = compare_rows(rows, self._stage.read_rows(after))
        self.verdicts += judge_rows(step, changes, ran.writes, is_upgrade=True)
        self.verdicts += judge_new_uniques(step, before, after)
        self.verdicts += judge_implicit_values(step, before, after)
        has_written = set(ran.writes) - set(ran.version_tables)
        if not step.has_downgrade and not has_written and not list_differences(before, after):
            # A merge has nothing to take back.
            return
        if not step.has_downgrade:
            self._add_lasting(step, f"revision {step.revision} has no downgrade")
            return
        self._fill(step, more=changed)
        if self._go_down(index, before, after, rows):
            self._go_up_again(index, after)

    def _go_down(self, index: int, before: Catalog, after: Catalog, rows: dict[str, Rows]) -> bool:
        """Run the downgrade; tell whether the way up is open again."""
        step = self.steps[index]
        written = self._stage.read_rows(after)
        ran = self._run(index, is_upgrade=False)
        if ran.error is not None:
            if ran.error.startswith("NotImplementedError"):
                self._add_lasting(step, f"revision {step.revision} has no downgrade")
            else:
                self._judge_failure(index, ran, is_upgrade=False)
            self._rebuild(index + 1)
            return False
        now = self._stage.read_catalog()
        traces = list_differences(before, now)
        if traces and not list_differences(after, now):
            self._add_lasting(step, f"the downgrade of {step.revision} takes nothing back")
            self._rebuild(index + 1)
            return False
        if traces:
            message = f"the downgrade of {step.revision} leaves traces: {list_briefly(traces)}"
            self._add("BL706", "error", step, message)
        left = self._stage.read_rows(now)
        found = list(judge_rows(step, compare_rows(written, left), ran.writes, is_upgrade=False))
        known = {
            (each.table, each.column)
            for each in [*self.verdicts, *found]
            if each.step == step and each.severity == "error"
        }
        self.verdicts += found
        for change in compare_rows(rows, left):
            if change.kind == "value-changed" and (change.table, change.column) not in known:
                message = (
                    f"up and down, revision {step.revision} does not give back what was in"
                    f" {change.table}.{change.column}: {change.detail}"
                )
                self._add("BL711", "warning", step, message)
        return True

    def _go_up_again(self, index: int, after: Catalog) -> None:
        step = self.steps[index]
        ran = self._run(index)
        if ran.error is not None:
            message = (
                f"revision {step.revision} cannot be run again after its downgrade: {ran.error}"
            )
            self._add("BL707", "error", step, message)
            self._rebuild(index + 1)
            return
        differences = list_differences(after, self._stage.read_catalog())
        if differences:
            message = (
                f"revision {step.revision} makes something else when it is run again after its"
                f" downgrade: {list_briefly(differences)}"
            )
            self._add("BL707", "error", step, message)

    def _judge_failure(self, index: int, ran: Ran, *, is_upgrade: bool) -> None:
        """Find out what a revision failed for, and go on behind it."""
        step = self.steps[index]
        why = self._find_why(index, ran, is_upgrade=is_upgrade)
        code, severity, text = _WHY[why]
        if not is_upgrade:
            code = "BL705"
        name = "upgrade" if is_upgrade else "downgrade"
        message = f"the {name} of {step.revision} {text}: {ran.error}"
        self.verdicts.append(
            Verdict(code, severity, step, message, is_upgrade=is_upgrade, place=ran.place)
        )
        if why == "empty" and is_upgrade:
            raise _Stopped
        if why == "nulls" or not is_upgrade:
            # All else ended with the upgrade passing on an empty database, which is as good.
            self._rebuild(index + 1)

    def _find_why(self, index: int, ran: Ran, *, is_upgrade: bool) -> str:
        """Try the revision on rows without NULL, then on no rows."""
        start = index if is_upgrade else index + 1
        self._rebuild(start)
        code = ran.code
        if not is_about_values(code):
            before, self._filler = self._filler, Filler(is_sparse=False)
            self._fill(self.steps[index])
            self._filler = before
            again = self._run(index, is_upgrade=is_upgrade)
            if again.error is None:
                return "nulls"
            code = again.code
            self._rebuild(start)
        if self._run(index, is_upgrade=is_upgrade).error is not None:
            return "empty"
        return "data" if is_about_values(code) else "rows"

    def _fill(self, step: Step, more: Iterable[str] = ()) -> Catalog:
        """Put rows into every table, and say which stayed empty."""
        for table, reason in self._stage.fill(self._filler, tuple(more)).items():
            if table not in self._unfilled:
                self._unfilled.add(table)
                message = f"no made-up row fits {table}, so nothing is known of its rows: {reason}"
                self.verdicts.append(Verdict("BL712", "warning", step, message, table))
        return self._stage.read_catalog()

    def _rebuild(self, count: int) -> None:
        if self._stage.rebuild(count) is not None:
            raise _Stopped

    def _run(self, index: int, *, is_upgrade: bool = True) -> Ran:
        return self._stage.run([self.steps[index].revision], is_upgrade=is_upgrade)

    def _add_lasting(self, step: Step, message: str) -> None:
        """Note that nothing takes a revision back, which it may say itself."""
        is_declared = declares(read_lines(step.path), _LASTING)
        self._add("BL704", "info" if is_declared else "warning", step, message)

    def _add(self, code: str, severity: Severity, step: Step, message: str) -> None:
        is_upgrade = code == "BL707"
        self.verdicts.append(Verdict(code, severity, step, message, is_upgrade=is_upgrade))


def _list_touched(before: Catalog, after: Catalog, ran: Ran) -> set[str]:
    """List the tables with rows that a revision locked, wrote or changed."""
    locked = {read_relation(table) for table, mode in ran.locks if mode != "AccessShareLock"}
    known = before.schema.tables.keys()
    # What is dropped or has another name is in no list of locks any more.
    gone = known - after.schema.tables.keys()
    return (locked | set(ran.writes)) & known | gone | list_changed_tables(before, after)
