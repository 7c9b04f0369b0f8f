"""The page: structure, anchors, escaping and what the filters need."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from importlib import resources

import pytest

from bilayer.drift.report import Described, Failure, Report
from bilayer.drift.report.json import read_json
from bilayer.drift.snapshot import Column, Table, Type
from tests.bilayer.drift.report.pages import (
    USERS,
    Page,
    finding,
    orders,
    report,
    schema,
)  # fmt: skip

FOUND = report(
    finding(),
    finding("warning", pair="models-runtime", column=None, engine="postgresql", fix=None),
    finding("info", code="BL303", table="gone", left=None, right=None),
    finding("error", code="BL101", pair="setup", table=None, column=None),
)
HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"onfocus='x' autofocus=\"",
    "--><svg onload=x>",
    "evil\u202egnp.exe\x00\udc80",
    "مرحبا",
    "x" * 4000,
    "a b#c%d&e",
    "picture",
)


def test_page_is_whole_and_reachable_without_a_mouse_or_eyes() -> None:
    page = Page(FOUND.to_html())
    elements = page.root.walk()

    ids = [each.attributes["id"] for each in elements if "id" in each.attributes]
    assert len(set(ids)) == len(ids)
    links = [each.attributes["href"] or "" for each in elements if "href" in each.attributes]
    assert {link[:1] for link in links} == {"#"}
    assert {link[1:] for link in links} <= set(ids)
    for landmark in ("header", "nav", "main"):
        assert len(page.root.find(landmark)) == 1
    assert page.root.find("html")[0].attributes["lang"] == "en"
    assert all("scope" in head.attributes for head in page.root.find("th"))
    assert all(table.find("caption") for table in page.root.find("table"))
    assert all("aria-label" in link.attributes for link in page.root.find("svg")[0].find("a"))
    levels = [int(each.tag[1]) for each in elements if re.fullmatch(r"h[1-6]", each.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    for control in page.root.find("input") + page.root.find("select"):
        assert any(control in label.walk() for label in page.root.find("label"))


def test_nothing_but_the_pages_own_style_and_script_may_load_or_run() -> None:
    text = FOUND.to_html()
    page = Page(text)

    metas = page.root.find("meta")
    (policy,) = [
        each.attributes["content"] or "" for each in metas if "http-equiv" in each.attributes
    ]
    assert "default-src 'none'" in policy
    for tag, name in (("style", "style-src"), ("script", "script-src")):
        (code,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
        assert not re.search(r"@import|url\(|fetch\(|XMLHttp|import\(", code)
    used = {name for each in page.root.walk() for name in each.attributes}
    assert not [name for name in used if name in {"src", "style"} or name.startswith("on")]


def test_every_finding_has_its_anchor_and_stands_whole() -> None:
    page = Page(FOUND.to_html())

    for number, each in enumerate(FOUND.findings, 1):
        card = page.by_id(f"f{number}")
        for part in (each.code, each.severity, each.message, each.left, each.location, each.fix):
            assert (part or "") in card.text
        assert page.by_id(each.code).tag == "dt"
        assert [pre.text for pre in card.find("pre")] == [each.fix] * (each.fix is not None)


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_what_sources_say_is_never_markup(word: str) -> None:
    table = Table(
        word, (Column(word, Type("string", word), default=word, comment=word),), comment=word
    )
    said = Described("sqlite", models=schema("sqlite", table), migrations=schema("sqlite", USERS))
    found = finding(
        table=word, column=word, message=word, left=word, right="", location=word, fix=word
    )
    text = replace(report(found, described=[said]), failures=(Failure(word, word),)).to_html()

    page = Page(text)
    assert text.encode()
    assert len(page.root.find("script")) == len(page.root.find("style")) == 1
    elements = page.root.walk()
    assert not [name for each in elements for name in each.attributes if name.startswith("on")]
    assert not [each for each in elements if "autofocus" in each.attributes]
    shown = word.replace("\u202e", r"\u202e").replace("\x00", r"\x00").replace("\udc80", r"\udc80")
    assert page.by_id("f1").find("pre")[0].text == shown
    ids = [each.attributes["id"] for each in elements if "id" in each.attributes]
    assert len(set(ids)) == len(ids)


def test_script_finds_what_it_filters_by() -> None:
    page = Page(FOUND.to_html())
    script = resources.files("bilayer.drift.report.html").joinpath("page.js").read_text()

    form = page.by_id("tools")
    fields = {each.attributes.get("name") for each in form.walk()}
    assert set(re.findall(r"elements\.(\w+)", script)) <= fields
    for card in page.root.find("article"):
        assert card.attributes["data-s"] in {"error", "warning", "info"}
        assert set((card.attributes["data-e"] or "").split()) <= set(FOUND.engines)
    values = {each.attributes["value"] for each in form.find("input") if "value" in each.attributes}
    assert values == {"error", "warning", "info"}
    for table in page.root.find("details"):
        assert (table.attributes["data-t"] or "").islower()
        (entry,) = [
            each for each in page.root.find("li")
            if each.attributes.get("data-for") == table.attributes["id"]
        ]  # fmt: skip
        assert entry.find("a")
    # Without a script everything is there and nothing is that needs one.
    assert "hidden" in form.attributes
    assert not [each for each in page.root.find("article") if "hidden" in each.attributes]
    assert not page.root.find("article")[0].find("button")


def test_tables_with_errors_and_warnings_come_first_and_open() -> None:
    page = Page(FOUND.to_html())

    tables = page.root.find("details")
    assert [each.attributes["id"] for each in tables] == [
        "table-orders", "table-gone", "table-users",
    ]  # fmt: skip
    assert ["open" in each.attributes for each in tables] == [True, False, False]


def test_picture_links_tables_and_marks_keys_that_differ() -> None:
    link = "(user_id) -> users(id) ON DELETE CASCADE"
    page = Page(report(finding(code="BL306", column=None, left=link)).to_html())

    picture = page.by_id("picture").find("svg")[0]
    boxes = [(each.attributes["href"], each.attributes["aria-label"]) for each in picture.find("a")]
    assert boxes == [("#table-users", "users"), ("#table-orders", "orders, 1 finding")]
    (path,) = [each for each in picture.find("path") if each.find("title")]
    assert path.text == "orders (user_id) → users"
    assert path.attributes["class"] == "d"


def test_summary_says_what_was_not_read_and_not_done() -> None:
    unread = replace(FOUND, failures=(Failure("models", "<no>"),), not_done=("values: no",))

    header = Page(unread.to_html()).root.find("header")[0].text

    for part in (
        "Not everything could be read", "models: <no>", "values: no", "2 errors", "1 warning",
        "1 info", "models-runtime", "Models: 2 tables", "PyDAL: 1 tables",
    ):  # fmt: skip
        assert part in header


@pytest.mark.parametrize(
    ("severities", "verdict", "css"),
    [
        ([], "Nothing to mend", "exit0"),
        (["info", "warning"], "No errors, but differences", "exit0"),
        (["warning", "error"], "Something breaks", "exit1"),
    ],
)
def test_page_begins_with_the_outcome(severities: list[str], verdict: str, css: str) -> None:
    page = Page(report(*map(finding, severities)).to_html())

    assert page.root.find("h1")[0].text == verdict
    assert verdict in page.root.find("title")[0].text
    assert page.root.find("header")[0].attributes["class"] == css


def test_kept_report_gives_a_page_without_the_sources() -> None:
    kept = read_json(FOUND.to_json())

    page = Page(kept.to_html())
    assert "described" not in json.loads(FOUND.to_json())
    assert len(page.root.find("article")) == len(FOUND.findings)
    assert not page.root.find("svg") + page.root.find("table")


def test_same_report_gives_the_same_page() -> None:
    again = Report.of(FOUND.findings[::-1], engines=FOUND.engines, described=FOUND.described)

    assert FOUND.to_html() == again.to_html()


def test_page_of_three_hundred_tables_stays_small() -> None:
    wide = [Column(f"column_{number}", Type("string", "VARCHAR(200)")) for number in range(12)]
    tables = [replace(orders(), name=f"orders_{number}") for number in range(300)]
    tables = [replace(table, columns=(*table.columns, *wide)) for table in tables]
    said = [
        Described(
            each,
            models=schema(each, *tables),
            migrations=schema(each, *tables),
            database=schema(each, *tables),
        )
        for each in ("sqlite", "postgresql", "mysql")
    ]

    assert len(report(described=said).to_html()) < 3_000_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_told_apart(theme: str) -> None:
    style = resources.files("bilayer.drift.report.html").joinpath("page.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", light if theme == "light" else dark))

    pairs = [(front, back) for front in ("text", "soft", "link") for back in ("page", "sunk")]
    pairs += [(name, "page") for name in ("error", "warning", "info", "good")]
    pairs += [(name, f"{name}-bg") for name in ("error", "warning", "info")]
    pairs += [("text", "mark"), ("error", "sunk"), ("warning", "sunk"), ("info", "sunk")]
    pairs += [("text", f"{name}-bg") for name in ("error", "warning", "info")]
    too_close = {
        (front, back): ratio
        for front, back in pairs
        if (ratio := _contrast(colors[front], colors[back])) < 4.5
    }
    assert too_close == {}


def _contrast(one: str, other: str) -> float:
    """Give the contrast of WCAG 2."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
