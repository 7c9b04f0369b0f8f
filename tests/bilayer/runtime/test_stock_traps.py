"""What PyDAL as it is loses, changes or lets through, and the runtime does not.

Each scenario is played twice: on PyDAL as it is, where it must end in the wrong way that is noted
beside it (so that it is known to bite), and on the runtime, where it must end well.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
import sqlalchemy as sa

from tests.bilayer.runtime import stock_connections, stock_injection, stock_queries, stock_values
from tests.bilayer.runtime.traps import Trap, outcome, runtime_side, stock_side
from tests.support.run import sources

TRAPS: Final = (
    *stock_injection.traps.found,
    *stock_values.traps.found,
    *stock_queries.traps.found,
    *stock_connections.traps.found,
)


def _cases(*, stock: bool) -> list[Any]:
    return [
        pytest.param(engine, trap, id=f"{engine}-{trap.name}")
        for trap in TRAPS
        for engine in (trap.stock if stock else trap.engines)
        if engine in sources()
    ]


@pytest.mark.parametrize(("engine", "trap"), _cases(stock=True), indirect=["engine"])
def test_pydal_as_it_is_gets_it_wrong(core: sa.Engine, engine: str, trap: Trap) -> None:
    with stock_side(core) as side:
        found = outcome(trap.scenario, side)

    assert found != trap.right
    assert found == trap.stock[engine]


@pytest.mark.parametrize(("engine", "trap"), _cases(stock=False), indirect=["engine"])
def test_runtime_gets_it_right(core: sa.Engine, trap: Trap) -> None:
    with runtime_side(core) as side:
        assert outcome(trap.scenario, side) == trap.right
