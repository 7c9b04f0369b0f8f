"""What an import has to say: facts for programs, sentences for people. Reads nothing.

Texts that came out of files may hold anything; what would move a cursor or paint is taken out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from app.cli.balances import plain

if TYPE_CHECKING:
    from app.config import Settings
    from app.models import Row
    from app.operations.importer.plan import Plan
    from app.operations.importer.retry import Retried
    from app.operations.importer.rollback import Undone
    from app.operations.importer.run import Report
    from app.operations.importer.status import Status
    from app.operations.importer.verify import Verification

_SHOWN: Final = 50
_STATUSES: Final = ("added", "merged", "present", "quarantined")
_MODES: Final = {
    "json": "STORAGE_MODE is json: the service reads its files and not what was brought in here."
    " See docs/operations/import.md.",
    "dual": "STORAGE_MODE is dual: run `backend import to-json`, so that the files have it too.",
}


def plan_facts(plan: "Plan") -> dict[str, Any]:
    """Return what an import would do."""
    return {
        "source": str(plan.source.folder),
        "files": _files(plan.source.manifest, plan.tally.files),
        "rows": dict(plan.tally.rows),
        "notices": dict(plan.tally.notices),
        "refused": dict(plan.tally.refused),
        "obstacle": plan.obstacle,
        "same_run": str(plan.same["id"]) if plan.same else None,
        "problems": [asdict(one) for one in plan.problems],
        "problems_found": plan.found,
    }


def plan_sentences(plan: "Plan") -> Iterator[str]:
    """Say what an import would do."""
    facts = plan_facts(plan)
    for one in plan.problems[:_SHOWN]:
        yield _visible(f"{one.file} {one.pointer}: {one.rule}, {one.reason} {one.value}")
        yield f"    {one.action}"
    yield from _more(plan.found)
    yield from _sums(facts, "would be added")
    if plan.same:
        yield f"These very files were brought in by {plan.same['id']}: nothing would be done."
    yield f"The import would stop: {plan.obstacle}" if plan.obstacle else "Nothing was written."


def run_facts(report: "Report", settings: "Settings") -> dict[str, Any]:
    """Return what an import has come to."""
    from app.operations.importer.status import status_of  # noqa: PLC0415 - where it is there already

    facts = _status(status_of(report.run))
    return {"outcome": report.outcome, **facts, "storage_mode": settings.storage_mode}


def run_sentences(facts: Mapping[str, Any]) -> Iterator[str]:
    """Say what an import has come to."""
    if facts["outcome"] == "unchanged":
        yield "These very files were brought in before: nothing was changed."
    yield from _sentences(facts)
    if facts["storage_mode"] in _MODES:
        yield _MODES[facts["storage_mode"]]


def status_facts(runs: Sequence["Row"], found: Sequence["Status"]) -> dict[str, Any]:
    """Return which imports there are, and one of them in full."""
    listed = [_run(run) for run in runs]
    return {"runs": listed, "run": _status(found[0]) if found else None}


def status_sentences(runs: Sequence["Row"], found: Sequence["Status"]) -> Iterator[str]:
    """Say which imports there are, and of one all there is."""
    if not runs:
        yield "There is no import."
    for run in runs:
        yield f"{run['id']} {run['state']:11} {run['started_at']:%Y-%m-%d %H:%M} {run['source']}"
    for one in found:
        yield from _sentences(_status(one))


def retried_facts(retried: "Retried", left: "Status") -> dict[str, Any]:
    """Return what trying again has come to."""
    return {"tried": retried.tried, "resolved": retried.resolved, **_status(left)}


def retried_sentences(retried: "Retried", left: "Status") -> Iterator[str]:
    """Say what trying again has come to."""
    yield f"{retried.tried} records were tried again; {retried.resolved} are whole now."
    yield from _sentences(_status(left))


def undone_facts(undone: "Undone") -> dict[str, Any]:
    """Return what undoing an import has come to."""
    run = undone.run
    obstacles = [asdict(one) for one in undone.obstacles]
    return {
        "id": str(run["id"]),
        "state": run["state"],
        "removed": undone.removed,
        "obstacles": obstacles,
    }


def undone_sentences(undone: "Undone", storage_mode: str) -> Iterator[str]:
    """Say what undoing an import has come to."""
    for one in undone.obstacles[:_SHOWN]:
        yield f"{one.table} {one.id}: {one.what}"
    yield from _more(len(undone.obstacles))
    if undone.obstacles:
        yield "What the import added was changed since, or built on: nothing was removed."
        return
    yield f"Removed: {_listed(undone.removed) or 'nothing'}. Devices fetch the account anew."
    if storage_mode == "dual" and undone.removed:
        yield (
            "STORAGE_MODE is dual: so that the files forget it too, run"
            f" `backend import to-json --owner {undone.run['user_id']} --force`."
        )


def verified_facts(found: "Verification") -> dict[str, Any]:
    """Return what a comparison has found."""
    return {
        "id": str(found.run["id"]),
        "state": found.run["state"],
        "records": found.records,
        "quarantined": found.quarantined,
        "equal": found.equal,
        "expected": dict(found.expected),
        "found": dict(found.found),
        "differences": [asdict(one) for one in found.differences],
        "differences_found": found.differing,
        "normalized": found.run["counts"].get("notices", {}),
    }


def verified_sentences(found: "Verification") -> Iterator[str]:
    """Say what a comparison has found."""
    for one in found.differences[:_SHOWN]:
        row = f" {one.table} {one.id}" if one.table else ""
        columns = f" ({', '.join(one.columns)})" if one.columns else ""
        yield _visible(f"{one.file} {one.pointer}:{row} {one.what}{columns}")
    yield from _more(found.differing)
    yield (
        f"{found.records} records: {found.equal} make the record of their file again,"
        f" {found.quarantined} are in quarantine. {found.differing} differences."
    )
    if found.expected:
        yield f"Rows: {_listed(found.found)}; expected {_listed(found.expected)}."
    if normalized := verified_facts(found)["normalized"]:
        yield f"Normalized: {_listed(normalized)}."


def _run(run: "Row") -> dict[str, Any]:
    facts: dict[str, Any] = plain(
        {
            "id": run["id"],
            "state": run["state"],
            "source": run["source"],
            "profile": run["profile_id"],
            "started_at": run["started_at"],
            "finished_at": run["finished_at"],
        }
    )
    return facts


def _status(status: "Status") -> dict[str, Any]:
    run = status.run
    names = ("file", "pointer", "rule", "reason", "value", "created_at")
    return {
        **_run(run),
        "files": _files(run["manifest"], run["counts"].get("files", {})),
        "rows": run["counts"].get("rows", {}),
        "notices": run["counts"].get("notices", {}),
        "refused": dict(status.refused),
        "quarantine": [plain({name: one[name] for name in names}) for one in status.quarantine],
    }


def _files(
    manifest: Mapping[str, Mapping[str, Any]], counts: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, Any]]:
    return {
        name: {**facts, **{one: counts.get(name, {}).get(one, 0) for one in _STATUSES}}
        for name, facts in sorted(manifest.items())
    }


def _sentences(facts: Mapping[str, Any]) -> Iterator[str]:
    for one in facts["quarantine"][:_SHOWN]:
        yield _visible(f"{one['file']} {one['pointer']}: {one['rule']}, {one['reason']}")
    yield from _more(sum(facts["refused"].values()))
    was_undone = facts["state"] == "rolled_back"
    yield from _sums(facts, "had been added" if was_undone else "were added")
    yield f"Import {facts['id']}: {facts['state']}."


def _sums(facts: Mapping[str, Any], verb: str) -> Iterator[str]:
    for name, file in facts["files"].items():
        counts = ", ".join(f"{file[one]} {one}" for one in _STATUSES if file[one])
        yield f"{name}: {file['records']} records: {counts or 'none yet'}"
    if facts["rows"]:
        yield f"Rows that {verb}: {_listed(facts['rows'])}."
    if facts["notices"]:
        yield f"Worth knowing: {_listed(facts['notices'])}."
    if facts["refused"]:
        yield f"In quarantine: {_listed(facts['refused'])}."


def _more(count: int) -> Iterator[str]:
    if count > _SHOWN:
        yield f"... and {count - _SHOWN} more; --json tells of up to 1000."


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _visible(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
