"""Where the time of a request goes: flame graphs of the service while wrk sends requests.

The command behind ``scripts/bench/flame``. Looks with py-spy at the thread that holds Python's
lock: what only waits, for the database or for a processor, may look busy from outside.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from scripts.bench.accounts import Credits, make_people, write_targets
from scripts.bench.databases import begin_run, new_database, require_engines
from scripts.bench.frame import BROKEN, GOOD, CannotMeasure, progress
from scripts.bench.http_requests import ACCOUNTS, READERS, ROUTES, Route, fill_histories, open_heads
from scripts.bench.runner import describe_machine
from scripts.bench.servers import PEERS, Load, Server, service

_RATE: Final = 250
_WARMING_SECONDS: Final = 2
_EDGE: Final = "routes, access, validation, answers (app.api)"
_DATA: Final = "queries, versions, audit (app.dal)"
_ROOMS: Final = (
    ("app/api", _EDGE),
    ("app/server", "gunicorn"),
    ("app/usecases", "use cases (app.usecases)"),
    ("app/dal", _DATA),
    ("app/models", _DATA),
    ("app/log", "log"),
    ("app/metrics", "metrics"),
    ("app", _EDGE),
    ("bilayer/runtime", "the runtime (bilayer.runtime)"),
    ("pydal", "PyDAL"),
    ("sqlalchemy", "SQLAlchemy's pool"),
    ("structlog", "log"),
    ("prometheus_client", "metrics"),
    ("pydantic", _EDGE),
    ("flask_openapi3", _EDGE),
    ("flask", "Flask and Werkzeug"),
    ("werkzeug", "Flask and Werkzeug"),
    ("gunicorn", "gunicorn"),
)
"""Folders of sources, and what they are called; the first that fits a file counts."""
_FILE: Final = re.compile(r"\(([^()]+?)(?::\d+)?\)$")
_TITLE: Final = re.compile(r'(<text id="title"[^>]*>)[^<]*')


def main(arguments: Sequence[str]) -> int:
    """Draw every request and return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench/flame", add_help=False, allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, choices=range(1, 3601), default=10, metavar="S")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    machine = describe_machine()
    try:
        require_engines(["postgresql"])
        told = list(_draw_all(given.folder, given.seconds))
    except CannotMeasure as reason:
        progress(str(reason))
        return BROKEN
    print(f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}")
    print("\n".join(told))
    return GOOD


def _draw_all(folder: Path, seconds: int) -> Iterator[str]:
    """Draw each request; give what to tell of it."""
    with (
        begin_run() as run,
        new_database(run, "postgresql") as url,
        tempfile.TemporaryDirectory() as notes,
    ):
        people = {
            "all": make_people(url, ACCOUNTS, Credits(daily=20, prepaid=0)),
            "readers": make_people(url, READERS, Credits(daily=20, prepaid=0)),
        }
        fill_histories(url, people["readers"])
        open_heads(url)
        with service(url) as server:
            for route in ROUTES:
                lines = ((one.token.text, route.path) for one in people[route.crowd])
                targets = write_targets(Path(notes, "targets"), lines)
                load = Load(server, targets, route.method, route.body_of(server.name))
                load.take_turn(_WARMING_SECONDS)
                picture = folder / f"{name_of(route)}.svg"
                _look(load, seconds, "flamegraph", picture)
                _entitle(picture, route)
                stacks = Path(notes, "stacks")
                _look(load, seconds, "raw", stacks)
                yield f"{route.name}: {picture}"
                yield from _sentences(shares(stacks.read_text().splitlines()))


def name_of(route: Route) -> str:
    """Return the name of a request's picture."""
    return re.sub(r"[^a-z]+", "-", route.name).strip("-")


def _look(load: Load, seconds: int, form: str, file: Path) -> None:
    """Send requests, and write down what the worker does in the meantime.

    Raises:
        CannotMeasure: py-spy may not look, or requests were refused.
    """
    command = [
        *(str(PEERS / "bin/py-spy"), "record", "--function", "--gil"),
        *("--rate", str(_RATE), "--duration", str(seconds)),
        *("--format", form, "--output", str(file), "--pid", str(_worker_of(load.server))),
    ]
    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(load.take_turn, seconds + 1)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        turn.result()
    if done.returncode or not file.exists():
        raise CannotMeasure(
            "py-spy may not look into the worker; it takes root, SYS_PTRACE, or"
            f" kernel.yama.ptrace_scope = 0:\n{done.stderr.strip()}"
        )


def _worker_of(server: Server) -> int:
    first = server.process.pid
    return int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])


def _entitle(picture: Path, route: Route) -> None:
    """Name the request in the picture, where py-spy has put its command line."""
    title = f"{route.method} {route.path}: {route.name}"
    picture.write_text(_TITLE.sub(rf"\g<1>{title}", picture.read_text(), count=1))


def shares(stacks: Sequence[str]) -> dict[str, float]:
    """Tell which part of the samples each room has, the largest first.

    Args:
        stacks: Lines of frames from the outermost to the innermost, with how often each was seen.
            What a library of no room does is done for the innermost room that called it.
    """
    counts: Counter[str] = Counter()
    for line in stacks:
        frames, _, seen = line.rpartition(" ")
        rooms = (_room_of(frame) for frame in reversed(frames.split(";")))
        counts[next((room for room in rooms if room), "the rest")] += int(seen)
    total = counts.total()
    return {room: count / total for room, count in counts.most_common()}


def _room_of(frame: str) -> str | None:
    found = _FILE.search(frame)
    path = found[1].removesuffix(".py") + "/" if found else ""
    return next((name for folder, name in _ROOMS if path.startswith(f"{folder}/")), None)


def _sentences(parts: dict[str, float]) -> Iterator[str]:
    for room, part in parts.items():
        yield f"  {part:6.1%}  {room}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
