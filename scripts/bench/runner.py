"""The command behind ``scripts/bench/run``: reads its arguments, runs benches, tells the results.

A bench is a module with ``measure(run, options)``, a line in ``BENCHES``, and its name in
``arguments``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.bench import (
    cache,
    copying,
    growth,
    http,
    http_features,
    importing,
    memory,
    runtime,
    spend,
    startup,
    sync_hot,
    sync_pull,
    wallet_races,
)
from scripts.bench.arguments import read_arguments
from scripts.bench.databases import begin_run, require_engines
from scripts.bench.drift import bench as drift_bench
from scripts.bench.frame import BROKEN, GOOD, MISSED, Bench, CannotMeasure, Options, progress
from scripts.bench.servers import PEERS, ROOT, is_installed
from tests.support.run import Run, sources

BENCHES: dict[str, Callable[[Run, Options], Bench]] = {
    "spend": spend.measure,
    "http": http.measure,
    "http-features": http_features.measure,
    "cache": cache.measure,
    "wallet-races": wallet_races.measure,
    "sync-pull": sync_pull.measure,
    "sync-hot": sync_hot.measure,
    "copying": copying.measure,
    "import": importing.measure,
    "runtime": runtime.measure,
    "drift": drift_bench.measure,
    "startup": startup.measure,
    "growth": growth.measure,
    "memory": memory.measure,
}


def main(arguments: Sequence[str]) -> int:
    """Run the benches that are named and return the exit code."""
    given = read_arguments(arguments)
    options = Options(
        seconds=given.seconds,
        rounds=given.rounds,
        engines=given.engine or list(sources()),
        engine=given.engine[0] if given.engine else "postgresql",
        has_peers=not given.without_peers,
        rows=given.rows,
        only=given.only,
        requests=given.requests,
    )
    machine = describe_machine()
    try:
        require_engines([*given.engine, *({options.engine} - {"sqlite"})])
        with begin_run() as run:
            benches = [BENCHES[name](run, options) for name in dict.fromkeys(given.names)]
    except CannotMeasure as reason:
        progress(str(reason))
        return BROKEN
    print(f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB,")
    print(f"{machine['system']}, Python {machine['python']}, load {machine['load']}")
    for bench in benches:
        for result in bench.results:
            print(result.sentence)
    if given.json:
        write(given.json, machine, options, benches)
    is_good = all(result.is_good is not False for bench in benches for result in bench.results)
    return GOOD if is_good else MISSED


def describe_machine() -> dict[str, Any]:
    """Say where the figures come from, without naming the machine."""
    return {
        "processor": _read("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": int((_read("/proc/meminfo", "MemTotal") or "0").split()[0]) // 2**20,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def write(path: Path, machine: dict[str, Any], options: Options, benches: list[Bench]) -> None:
    """Write everything that was found, and draw it if there is something to draw with."""
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "machine": machine,
        "options": asdict(options),
        "benches": [asdict(bench) for bench in benches],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
    progress(f"wrote {path}")
    if not (options.has_peers and is_installed()):
        progress("no picture: matplotlib is in .venv/bench only")
        return
    picture = path.with_suffix(".png")
    command = [sys.executable, "-m", "scripts.bench.picture", str(path), str(picture)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": f"{PEERS}:{ROOT}"}, check=True)
    progress(f"wrote {picture}")


def _read(file: str, name: str) -> str | None:
    """Return what a file of the kernel says of a name."""
    path = Path(file)
    lines = path.read_text().splitlines() if path.exists() else []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(found, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
