"""Public answers are told while the database is gone, from what the process remembers of them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest

from tests.faults.sites import Site
from tests.support.routes import HASH

ANSWER = f"/api/v1/query-cache/{HASH}"
PUBLIC = {"scope": "public"}
COPIES = 'query_cache_requests_total{outcome="copy"}'
BREAKER = 'circuit_breaker_state{dependency="database"}'


@contextmanager
def answers(site: Site) -> Iterator[httpx.Client]:
    """Give a maintainer who has stored a public and a private answer."""
    site.execute("UPDATE users SET role = 'maintainer' WHERE email = 'ada@example.com'")
    with site.client() as client:
        assert client.put(ANSWER, params=PUBLIC, json={"result": "public"}).is_success
        assert client.put(ANSWER, json={"result": "private"}).is_success
        yield client
    site.execute("UPDATE users SET role = 'viewer' WHERE email = 'ada@example.com'")


@pytest.mark.parametrize("fault", ["refuse", "fall_silent"])
def test_public_answers_are_told_without_the_database_and_private_ones_are_not(
    site: Site, fault: str
) -> None:
    with answers(site) as client:
        copies = site.metric(COPIES)
        getattr(site.proxy, fault)()
        with ThreadPoolExecutor(8) as pool:
            while site.metric(BREAKER) == 0:
                list(pool.map(client.get, [ANSWER] * 8))
        began = time.monotonic()
        told = [client.get(ANSWER, params=PUBLIC) for _ in range(20)]
        seconds = time.monotonic() - began
        private = client.get(ANSWER)
        unknown = client.get(ANSWER.replace(HASH, "0" * 64), params=PUBLIC)
        written = client.put(ANSWER, params=PUBLIC, json={"result": "other"})
        counted = site.metric(COPIES) - copies
        site.proxy.recover()
        site.wait_until_ready()
        after = client.get(ANSWER, params=PUBLIC)

    assert {(each.status_code, each.json()["result"]) for each in told} == {(200, "public")}
    assert {each.headers.get("X-Cache") for each in told} == {"copy"}
    assert counted == 20
    assert seconds < 5, "nobody waits for a database that is known not to answer"
    assert [each.status_code for each in (private, unknown, written)] == [503] * 3
    assert (after.json()["result"], after.headers.get("X-Cache")) == ("public", None)


def test_copy_knows_what_this_process_has_replaced_and_deleted(site: Site) -> None:
    path = ANSWER.replace(HASH, uuid4().hex * 2)
    with answers(site) as client:
        client.put(ANSWER, params=PUBLIC, json={"result": "replaced"})
        client.put(path, params=PUBLIC, json={"result": "deleted"})
        client.delete(path, params=PUBLIC)
        site.proxy.refuse()
        replaced = client.get(ANSWER, params=PUBLIC)
        deleted = client.get(path, params=PUBLIC)
        site.proxy.recover()

    assert replaced.json()["result"] == "replaced"
    assert deleted.status_code == 503


def test_copy_forgets_what_others_have_deleted_and_learns_what_they_have_written(
    site: Site,
) -> None:
    path = ANSWER.replace(HASH, uuid4().hex * 2)
    with answers(site) as client:
        client.put(path, params=PUBLIC, json={"result": "deleted"})
        site.execute(
            f"DELETE FROM query_cache WHERE query_hash = '{path[-64:]}'",
            "UPDATE query_cache SET result = '\"theirs\"',"
            f" cached_at = cached_at - INTERVAL '1' SECOND WHERE query_hash = '{HASH}'",
        )
        reads = [client.get(each, params=PUBLIC).status_code for each in (path, ANSWER)]
        site.proxy.refuse()
        without = [client.get(each, params=PUBLIC) for each in (path, ANSWER)]
        site.proxy.recover()

    assert reads == [404, 200]
    assert [each.status_code for each in without] == [503, 200]
    assert without[1].json()["result"] == "theirs"
