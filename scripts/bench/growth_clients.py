"""How many requests are answered when one, four, 16 or 64 clients ask one worker, or two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from scripts.bench.frame import Options, Result, Turn, take_turns
from scripts.bench.servers import Load, Server, service
from scripts.bench.verdicts import describe

CLIENTS: Final = (1, 4, 16, 64)
WORKERS: Final = (1, 2)


def measure_clients(
    url: str, endpoints: Mapping[str, Callable[[Server], Load]], options: Options
) -> list[Result]:
    """Measure each endpoint with every number of clients and workers; nothing is promised."""
    with ExitStack() as stack:
        servers = {
            workers: stack.enter_context(service(url, workers=workers)) for workers in WORKERS
        }
        return [_measure(name, ask, servers, options) for name, ask in endpoints.items()]


def _measure(
    name: str,
    ask: Callable[[Server], Load],
    servers: Mapping[int, Server],
    options: Options,
) -> Result:
    loads = {
        (workers, clients): replace(
            ask(server), label=_label(workers, clients), connections=clients
        )
        for clients in CLIENTS
        for workers, server in servers.items()
    }
    turns = take_turns(name, list(loads.values()), options)
    found = {key: describe(turns[load.name]) for key, load in loads.items()}
    figures: dict[str, Any] = {
        "loads": {_label(*key): each for key, each in found.items()},
        "curves": {
            "x": "clients",
            "y": "in a second",
            "lines": {
                _count(workers, "worker"): [
                    [clients, found[workers, clients]["rate"]["median"]] for clients in CLIENTS
                ]
                for workers in servers
            },
        },
    }
    rates = "; ".join(
        f"{_count(workers, 'worker')}: {_tell(workers, turns)}/s" for workers in servers
    )
    title = f"{name}, many clients"
    return Result(title, figures, f"{title} ({', '.join(map(str, CLIENTS))}): {rates}", None)


def _tell(workers: int, turns: Mapping[str, Sequence[Turn]]) -> str:
    rates = (describe(turns[_label(workers, clients)])["rate"]["median"] for clients in CLIENTS)
    return ", ".join(f"{rate:.0f}" for rate in rates)


def _label(workers: int, clients: int) -> str:
    return f"{_count(workers, 'worker')}, {_count(clients, 'client')}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
