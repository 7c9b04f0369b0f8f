"""Transactions and connections that PyDAL as it is mixes up; for ``test_stock_traps``."""

from __future__ import annotations

import gc
import itertools
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from bilayer.runtime import TransactionAborted
from tests.bilayer.runtime.traps import Side, Traps, everywhere

traps = Traps()
trap = traps.trap


@trap(right=TransactionAborted, stock={"postgresql": 0})
def commit_after_a_failed_statement_says_that_nothing_was_kept(side: Side) -> object:
    with side.transaction():
        side.db.things.insert(code="a")
        with suppress(Exception):
            side.db.things.insert(code="a")
    return side.count_by_core()


@trap(right=KeyError, stock=everywhere("swallowed"))
def exception_leaves_a_single_transaction(side: Side) -> object:
    with side.db.single_transaction():
        side.db.things.insert(code="a")
        raise KeyError
    return "swallowed"


@trap(right=0, stock=everywhere(1))
def closing_does_not_commit(side: Side) -> object:
    with suppress(Exception), side.transaction():
        side.db.things.insert(code="a")
        side.db.close()
    return side.count_by_core()


@trap(right="hidden", stock={"mariadb": "shown"}, engines=("mariadb",))
def password_is_not_shown(side: Side) -> object:
    url = sa.URL.create("mysql", "us@er.x+1", "secretpw", "127.0.0.1", 1, "nowhere")
    return "shown" if "secretpw" in side.describe(url) else "hidden"


@trap(right="never", stock={"sqlite": "at least once"}, engines=("sqlite",))
def request_never_reads_the_database_of_another(side: Side) -> object:
    """A DAL a request, used by one thread and closed by another, for two databases in turn."""
    with TemporaryDirectory() as folder:
        urls = [sa.URL.create("sqlite", database=f"{folder}/{name}") for name in ("a", "b")]
        return "at least once" if _is_mixed_up(side, urls) else "never"


def _is_mixed_up(side: Side, urls: list[sa.URL]) -> bool:
    for url in urls:
        with closing(sqlite3.connect(str(url.database))) as connection, connection:
            connection.execute("CREATE TABLE whose (name TEXT)")
            connection.execute("INSERT INTO whose VALUES (?)", (url.database,))

    def read(db: Any) -> str:
        return str(db.executesql("SELECT name FROM whose")[0][0])

    with ThreadPoolExecutor(1) as worker:
        for url in itertools.islice(itertools.cycle(urls), 200):
            with side.connect(url) as db:
                if worker.submit(read, db).result() != url.database:
                    return True
            del db
            gc.collect(1)
    return False
