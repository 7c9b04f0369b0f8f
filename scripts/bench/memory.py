"""What a worker keeps of 100,000 requests: its memory, while it answers reads, writes and refusals.

One worker, which is never replaced (as shipped, one is after some 20,000 requests). The mix comes
round again and again; after each time around the kernel is asked what the worker has for itself
and what it shares. What a worker holds after the first tenth is what it needs; the rest is growth.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import uuid_utils.compat

from app.usecases.tokens import make_token
from scripts.bench.accounts import Credits, make_people, write_targets
from scripts.bench.asking import ask
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import Bench, CannotMeasure, Options, Result, progress
from scripts.bench.servers import Load, Server, enduring_service
from tests.support.run import Run

PEOPLE: Final = 500
MOST_MIB: Final = 10.0
WARM_UP: Final = 0.1
"""What part of the requests is no growth yet."""

_FEWEST_SAMPLES: Final = 3
"""One before all requests, one that is warm, and one to see what has grown since."""
_HISTORY: Final = "/api/v1/history"
_ACTION: Final = json.dumps({"action_type": "TRANSLATE_DOG", "payload": {"text": "wuff"}})
_NO_ACTION: Final = json.dumps({"action_type": "", "payload": {"text": "wuff"}})
_MIB: Final = 1024.0
_REFUSALS: Final = {
    "not found": HTTPStatus.NOT_FOUND,
    "stranger": HTTPStatus.UNAUTHORIZED,
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "no route": HTTPStatus.NOT_FOUND,
}
"""What is refused of the mix, and how."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a worker has after so many requests, in MiB.

    Attributes:
        requests: How many it has answered.
        own: What nobody else has (USS).
        shared: The same, and its part of what it shares (PSS).
    """

    requests: int
    own: float
    shared: float


def measure(run: Run, options: Options) -> Bench:
    """Measure memory on the engine that was asked for."""
    bench = Bench("memory")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        bench.facts = {"engine": options.engine, **describe_server(url)}
        with enduring_service(url) as server:
            loads = _make_mix(server, url, Path(folder))
            _require_refusals(loads)
            samples = _ask(server, loads, options.requests)
    bench.results.append(_judge(samples))
    return bench


def _make_mix(server: Server, url: str, folder: Path) -> list[Load]:
    """Return what is asked for: what is there, what is not, and what nobody may have."""
    people = [one.token.text for one in make_people(url, PEOPLE, Credits(daily=20, prepaid=0))]
    strangers = [make_token(uuid_utils.compat.uuid7()).text for _ in range(PEOPLE)]
    unknown = [f"{_HISTORY}/{uuid_utils.compat.uuid7()}" for _ in range(PEOPLE)]

    def load(name: str, tokens: Sequence[str], paths: Sequence[str], **how: Any) -> Load:
        targets = write_targets(folder / name, zip(tokens, paths, strict=True))
        return Load(server, targets, label=name, is_refused=name in _REFUSALS, **how)

    def each(path: str) -> list[str]:
        return [path] * PEOPLE

    return [
        load("read", people, each("/api/v1/users/me")),
        load("list", people, each(_HISTORY)),
        load("write", people, each(_HISTORY), method="POST", body=_ACTION),
        load("not found", people, unknown),
        load("stranger", strangers, each("/api/v1/users/me")),
        load("invalid", people, each(_HISTORY), method="POST", body=_NO_ACTION),
        load("no route", people, [f"/{path}" for path in strangers]),
    ]


def _require_refusals(loads: Sequence[Load]) -> None:
    """Ask once for what is to be refused: wrk tells no refusal from a failure.

    Raises:
        CannotMeasure: Something is answered in another way.
    """
    for load in loads:
        wanted = _REFUSALS.get(load.name)
        if wanted is None:
            continue
        token, path = load.targets.read_text().splitlines()[0].split()
        sent = load.body or None
        status, _ = ask(load.server.url, path, method=load.method, token=token, body=sent)
        if status != wanted:
            raise CannotMeasure(f"{load.name}: {status} is answered, not {wanted}")


def _ask(server: Server, loads: Sequence[Load], requests: int) -> list[Sample]:
    """Ask until so many are answered, and look at the worker after each time around.

    Raises:
        CannotMeasure: The worker was replaced.
    """
    (worker,) = server.workers()
    answered = 0
    samples = [_look(worker, answered)]
    while answered < requests or len(samples) < _FEWEST_SAMPLES:
        for load in loads:
            answered += load.take_turn(1).count
        if server.workers() != [worker]:
            raise CannotMeasure("the worker ended, and its memory with it")
        samples.append(_look(worker, answered))
        progress(f"{answered:,} of {requests:,} requests: {samples[-1].own:.1f} MiB")
    return samples


def _look(pid: int, requests: int) -> Sample:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(size.split()[0]) for name, _, size in (one.partition(":") for one in lines)}
    own = sizes["Private_Clean"] + sizes["Private_Dirty"]
    return Sample(requests, round(own / _MIB, 2), round(sizes["Pss"] / _MIB, 2))


def _judge(samples: Sequence[Sample]) -> Result:
    last = samples[-1]
    warm = next(one for one in samples if one.requests >= WARM_UP * last.requests)
    growth = round(last.own - warm.own, 2)
    is_good = growth < MOST_MIB
    figures: dict[str, Any] = {
        "goal": {"measure": "growth_mib", "bound": MOST_MIB},
        "growth_mib": growth,
        "curves": {
            "x": "requests",
            "y": "MiB of the worker",
            "lines": {
                "its own (USS)": [[one.requests, one.own] for one in samples],
                "with its part of what is shared (PSS)": [
                    [one.requests, one.shared] for one in samples
                ],
            },
        },
    }
    sentence = (
        f"memory: {samples[0].own:.1f} MiB of its own at first, {warm.own:.1f} after"
        f" {warm.requests:,} requests, {last.own:.1f} after {last.requests:,}: {growth:+.1f},"
        f" wanted less than {MOST_MIB:.0f}: {'met' if is_good else 'MISSED'}"
    )
    return Result("memory of a worker", figures, sentence, is_good)
