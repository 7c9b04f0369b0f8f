"""Reads a page back: its elements, texts, anchors and links; and reports to write pages of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from bilayer.drift.constraints import Check, ForeignKey, Index, Unique
from bilayer.drift.findings import Finding
from bilayer.drift.report import Described, Report
from bilayer.drift.snapshot import Column, Field, Runtime, RuntimeTable, Schema, Table, Type

_VOID = {"meta", "input", "wbr", "circle", "rect"}


@dataclass
class Element:
    """An element with the text in it."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def find(self, tag: str, css: str = "") -> list[Element]:
        """List what is in it, by tag and class."""
        wanted = {css} - {""}
        found = [
            child
            for child in self.children
            if child.tag == tag and wanted <= set((child.attributes.get("class") or "").split())
        ]
        return found + [each for child in self.children for each in child.find(tag, css)]

    def walk(self) -> list[Element]:
        """List it and everything in it."""
        return [self, *(each for child in self.children for each in child.walk())]


class Page(HTMLParser):
    """A page as a tree; fails where an element is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(text)
        self.close()
        assert self._open == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        assert len(element.attributes) == len(attrs), "an attribute stands twice"
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def rows(self, anchor: str) -> dict[str, list[Element]]:
        """Give the cells of a table's rows by their heads."""
        rows = self.by_id(anchor).find("tr")
        return {row.find("th")[0].text: row.find("td") for row in rows if row.find("td")}

    def by_id(self, name: str) -> Element:
        """Find the one element with an id."""
        (found,) = [each for each in self.root.walk() if each.attributes.get("id") == name]
        return found


def finding(severity: str = "error", **changes: str | None) -> Finding:
    """Make a finding about orders.total."""
    values: dict[str, str | None] = {
        "code": "BL205",
        "name": "length-mismatch",
        "pair": "models-migrations",
        "table": "orders",
        "column": "total",
        "message": f"{severity}: orders.total has another length",
        "left": "VARCHAR(40)",
        "right": "VARCHAR(20)",
        "location": "versions/1_orders.py:12",
        "fix": "op.alter_column('orders', 'total')",
        "engine": "sqlite, postgresql",
    }
    return Finding(severity=severity, **(values | changes))  # type: ignore[arg-type] # by name


def schema(engine: str, *tables: Table) -> Schema:
    """Make a schema."""
    return Schema(engine, {table.name: table for table in tables})


def orders(length: int = 40, *, key: str = "BIGINT") -> Table:
    """Make a table with one of everything."""
    return Table(
        "orders",
        (
            Column("id", Type("integer", key), nullable=False, autoincrement=True),
            Column("total", Type("string", f"VARCHAR({length})"), default="'x'"),
            Column("user_id", Type("integer", "BIGINT"), nullable=False),
        ),
        ("id",),
        (Unique(("total",), "uq_orders_total"),),
        (Index("(user_id)", ("user_id",), "ix_orders_user_id"),),
        (ForeignKey(("user_id",), "users", ("id",), "CASCADE", name="fk_orders_user_id"),),
        (Check("total <> ''", "ck_orders_total"),),
    )


USERS = Table("users", (Column("id", Type("integer", "BIGINT"), nullable=False),), ("id",))
PYDAL = Runtime(
    "native",
    {
        "orders": RuntimeTable(
            "orders",
            "orders",
            (
                Field("id", "id", "id"),
                Field("amount", "total", "string", length=40, notnull=True),
                Field("user_id", "user_id", "reference users", ondelete="CASCADE"),
            ),
            id_field="id",
        )
    },
)


def report(*findings: Finding, described: Sequence[Described] = ()) -> Report:
    """Make a report of orders and users on two engines, or of what is given."""
    two = [
        Described(
            engine,
            models=schema(engine, orders(key=key), USERS),
            migrations=schema(engine, orders(20, key=key), USERS),
            runtime=PYDAL,
        )
        for engine, key in (("sqlite", "INTEGER"), ("postgresql", "BIGINT"))
    ]
    return Report.of(findings, engines=["sqlite", "postgresql"], described=list(described) or two)
