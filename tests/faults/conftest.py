"""A site on each engine that can be hurt, shared: each test finds it well and recovers it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.sites import Site, site_on
from tests.support.servers import Server


@pytest.fixture(scope="session")
def _sites() -> Iterator[tuple[dict[str, Site], ExitStack]]:
    with ExitStack() as stack:
        yield {}, stack


@pytest.fixture
def site(
    server: Server,
    _sites: tuple[dict[str, Site], ExitStack],
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """A service on a wire to a server of its own; both may be hurt, and are well at the start."""
    sites, stack = _sites
    if server.engine not in sites:
        folder = tmp_path_factory.mktemp("site")
        sites[server.engine] = stack.enter_context(site_on(server, folder))
    site = sites[server.engine]
    site.proxy.recover()
    site.wait_until_ready()
    return site
