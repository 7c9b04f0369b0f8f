"""What rows say of themselves as CSV; dicts and JSON are tried beside the queries."""

import csv
import datetime as dt
import decimal
import io
import uuid
from typing import Any

from tests.bilayer.runtime.corpus import OWNERS

MOMENT = dt.datetime(2024, 2, 29, 12, 30, 0, 123457, tzinfo=dt.UTC)


def test_rows_as_csv_keep_every_value(db: Any) -> None:
    key = db.things.insert(
        title='a "quoted", text',
        moment=MOMENT,
        price=decimal.Decimal("1.50"),
        token=uuid.UUID(int=7),
        data=b"\x00\xff",
        document={"a": [1, None]},
        flag=True,
    )
    fields = [db.things[name] for name in ("title", "moment", "price", "token", "data", "flag")]
    fields += [db.things.document, db.things.small]

    written = str(db(db.things.id == key).select(*fields))

    header, row = csv.reader(io.StringIO(written))
    assert header[0] == "things.title"
    assert row == [
        'a "quoted", text',
        MOMENT.isoformat(),
        "1.5000",
        str(uuid.UUID(int=7)),
        "AP8=",
        "true",
        '{"a": [1, null]}',
        "<NULL>",
    ]


def test_joined_rows_as_csv_name_their_tables(db: Any) -> None:
    db.owners.insert(id=OWNERS[0])
    db.things.insert(owner=OWNERS[0], small=3)

    rows = db(db.things.owner == db.owners.id).select(
        db.owners.id, db.things.small, (db.things.small + 1).with_alias("next")
    )

    header, row = csv.reader(io.StringIO(str(rows)))
    assert header == ["owners.id", "things.small", "next"]
    assert row == [str(OWNERS[0]), "3", "4"]
