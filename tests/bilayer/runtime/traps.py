"""What it takes to run one scenario on PyDAL as it is and on the runtime, and to compare."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import pydal
import sqlalchemy as sa

from bilayer.runtime import Database, Field
from bilayer.runtime.pydal_compat import forget_instance
from bilayer.urls import engine_name
from tests.bilayer.runtime import schema

ENGINES: Final = ("sqlite", "postgresql", "mariadb")


@dataclass(frozen=True)
class Side:
    """PyDAL as it is, or the runtime, with SQLAlchemy Core on the same database.

    Attributes:
        db: The DAL, with things and remarks defined.
        core: SQLAlchemy Core.
        field: The class of fields.
        connect: Opens another DAL of the same kind on a database, and closes it.
        describe: Gives what such a DAL shows of the URL of a database it has not reached.
        transaction: Commits what is done in it, or rolls it back after an exception.
    """

    db: Any
    core: sa.Engine
    field: Callable[..., Any]
    connect: Callable[[sa.URL], AbstractContextManager[Any]]
    describe: Callable[[sa.URL], str]
    transaction: Callable[[], AbstractContextManager[Any]]

    def store(self, **values: Any) -> int:
        """Insert a thing through PyDAL and commit it; returns its key."""
        key: int = self.db.things.insert(**values)
        self.db.commit()
        return key

    def try_to_store(self, **values: Any) -> int:
        """Try to insert a thing; returns how many things there are, by SQLAlchemy Core."""
        with suppress(Exception):
            self.db.things.insert(**values)
        self.db.commit()
        return self.count_by_core()

    def store_by_core(self, **values: Any) -> int:
        """Insert a thing through SQLAlchemy Core; returns its key."""
        with self.core.begin() as connection:
            result = connection.execute(schema.things.insert().values(**values))
        return int(result.inserted_primary_key[0])

    def read_by_core(self, column: str) -> list[Any]:
        """Read a column of all things through SQLAlchemy Core."""
        with self.core.connect() as connection:
            statement = sa.select(schema.things.c[column]).order_by(schema.things.c.id)
            return list(connection.execute(statement).scalars())

    def count_by_core(self) -> int:
        """Count all things through SQLAlchemy Core."""
        return len(self.read_by_core("id"))


Scenario = Callable[[Side], object]


@dataclass(frozen=True)
class Trap:
    """A scenario with the outcome it should have, and those that PyDAL gives it.

    Attributes:
        scenario: What is done; its result, or the type of its exception, is the outcome.
        right: The outcome it must have.
        stock: By engine the outcome on PyDAL as it is.
        engines: The engines on which the scenario can be played.
    """

    scenario: Scenario
    right: object
    stock: Mapping[str, object]
    engines: tuple[str, ...] = ENGINES

    @property
    def name(self) -> str:
        """What the scenario is called."""
        return str(getattr(self.scenario, "__name__", "?"))


@dataclass
class Traps:
    """The traps of one module, in the order they are written."""

    found: list[Trap] = field(default_factory=list)

    def trap(
        self, *, right: object, stock: Mapping[str, object], engines: tuple[str, ...] = ENGINES
    ) -> Callable[[Scenario], Scenario]:
        """Register a scenario."""

        def register(scenario: Scenario) -> Scenario:
            self.found.append(Trap(scenario, right, stock, engines))
            return scenario

        return register


def outcome(scenario: Scenario, side: Side) -> object:
    """Play a scenario: its result, or the type of what it raised."""
    try:
        return scenario(side)
    except Exception as error:  # noqa: BLE001 - the outcome is what is compared
        return type(error)


# ---------------------------------------------------------------- the two sides


def stock_uri(url: sa.URL) -> str:
    """Spell a URL as PyDAL reads it."""
    engine = engine_name(url.drivername)
    if engine == "sqlite":
        return f"sqlite://{url.database}"
    user = ":".join(quote(word, safe="") for word in (url.username, url.password) if word)
    place = f"{user}@{url.host}:{url.port}/{url.database}"
    if engine == "postgresql":
        return f"postgres://{place}"
    return f"mysql://{place}?set_encoding=utf8mb4"


@contextmanager
def stock_dal(url: sa.URL) -> Iterator[Any]:
    """Connect PyDAL as it is, and leave no connection behind."""
    with warnings.catch_warnings():
        # PyDAL calls PyMySQL's arguments by the names they had.
        warnings.simplefilter("ignore", DeprecationWarning)
        db = pydal.DAL(stock_uri(url), migrate=False, attempts=1)
        try:
            schema.define_things(db, pydal.Field)
            yield db
        finally:
            db._adapter.close("rollback")
            forget_instance(db)


def describe_stock(url: sa.URL) -> str:
    """Give what PyDAL as it is shows of a URL."""
    db = pydal.DAL(stock_uri(url), decode_credentials=True, migrate=False)
    try:
        return repr(db)
    finally:
        forget_instance(db)


@contextmanager
def runtime_dal(url: sa.URL) -> Iterator[Any]:
    """Connect the runtime."""
    with Database.connect(url) as database:
        schema.define_things(database.dal, Field)
        yield database.dal


def describe_runtime(url: sa.URL) -> str:
    """Give what the runtime shows of a URL."""
    with Database.connect(url) as database:
        return f"{database!r} {database.dal!r} {database.engine!r}"


@contextmanager
def stock_side(core: sa.Engine) -> Iterator[Side]:
    """PyDAL as it is."""
    with stock_dal(core.url) as db:

        @contextmanager
        def transaction() -> Iterator[None]:
            try:
                yield
            except BaseException:
                db.rollback()
                raise
            db.commit()

        yield Side(db, core, pydal.Field, stock_dal, describe_stock, transaction)


@contextmanager
def runtime_side(core: sa.Engine) -> Iterator[Side]:
    """The runtime."""
    with runtime_dal(core.url) as db:
        yield Side(db, core, Field, runtime_dal, describe_runtime, db.transaction)


# ---------------------------------------------------------------- what scenarios share


def everywhere(wrong: object) -> dict[str, object]:
    """Say that PyDAL is wrong in the same way on every engine."""
    return dict.fromkeys(ENGINES, wrong)


def store_three(side: Side) -> None:
    """Store three things."""
    for number in (1, 2, 3):
        side.store_by_core(small=number, title=f"title {number}", document={"a": number})
