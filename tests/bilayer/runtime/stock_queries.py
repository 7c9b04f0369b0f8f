"""Queries and rows that PyDAL as it is gets wrong; scenarios for ``test_stock_traps``."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from bilayer.runtime import InvalidValue, UnsupportedDefinition
from tests.bilayer.runtime.traps import Side, Traps, everywhere, store_three

traps = Traps()
trap = traps.trap


@trap(right=1, stock={"sqlite": 0})
def deletion_leaves_to_the_schema_what_follows(side: Side) -> object:
    key = side.store()
    side.db.remarks.insert(thing_id=key)
    side.db(side.db.things.id == key).delete()
    side.db.commit()
    return side.db(side.db.remarks).count()


@trap(right=InvalidValue, stock=everywhere(2))
def factor_of_an_integer_is_not_cut(side: Side) -> object:
    key = side.store(small=2)
    table = side.db.things
    product = table.small * 1.5
    return side.db(table.id == key).select(product).first()[product]


@trap(right=InvalidValue, stock=everywhere([2]))
def difference_of_an_integer_is_not_cut(side: Side) -> object:
    key = side.store(small=2)
    side.db(side.db.things.id == key).update(small=side.db.things.small - 0.5)
    side.db.commit()
    return side.read_by_core("small")


@trap(right=Decimal("1.5"), stock=everywhere(1))
def average_of_integers_keeps_its_fraction(side: Side) -> object:
    side.store(small=1)
    side.store(small=2)
    average = side.db.things.small.avg()
    found = side.db(side.db.things).select(average).first()[average]
    return Decimal(str(found)).normalize()


@trap(right=UnsupportedDefinition, stock=everywhere([3, 3]))
def cached_count_is_not_that_of_another_query(side: Side) -> object:
    store_three(side)
    kept: dict[str, Any] = {}

    def cache(key: str, count: Any, _seconds: int) -> Any:
        return kept.setdefault(key, count())

    queries = (side.db.things.id > 0, side.db.things.small == 1)
    return [side.db(query).count(cache=(cache, 60)) for query in queries]


@trap(right={"data", "token"}, stock=everywhere({"token"}))
def row_as_a_dict_keeps_bytes_and_uuids(side: Side) -> object:
    key = side.store(data=b"\xff\xfe", token=uuid.UUID(int=1))
    row = side.db.things[key].as_dict()
    return {name for name in ("data", "token") if name in row}


@trap(right=Decimal, stock=everywhere(float))
def row_as_a_dict_keeps_decimals(side: Side) -> object:
    key = side.store(price=Decimal("0.1"))
    return type(side.db.things[key].as_dict()["price"])


@trap(right="different", stock=everywhere("equal"))
def rows_with_other_bytes_are_not_equal(side: Side) -> object:
    for data in (b"\xff", b"\xfe"):
        side.store(data=data)
    first, second = side.db(side.db.things).select(side.db.things.data)
    return "equal" if first == second else "different"
