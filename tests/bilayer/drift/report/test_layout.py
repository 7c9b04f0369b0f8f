"""Where the boxes of the picture stand."""

from __future__ import annotations

import itertools
import random

import pytest

from bilayer.drift.report.html.layout import GAP, lay_out


def _random_links(tables: int, seed: int) -> list[tuple[str, str]]:
    chance = random.Random(seed)
    return [
        (f"t{source}", f"t{chance.randrange(tables)}")
        for source in range(tables)
        for _ in range(chance.choice([0, 1, 1, 3]))
    ]


@pytest.mark.parametrize("tables", [1, 5, 40, 300])
def test_boxes_stand_apart_and_every_link_has_a_way(tables: int) -> None:
    heights = {f"t{number}": 26.0 + number % 7 * 17 for number in range(tables)}
    links = _random_links(tables, tables)

    layout = lay_out(heights, links)

    for layer in layout.layers:
        for above, below in itertools.pairwise(layer):
            assert below.y >= above.y + above.height + GAP - 1e-6
    nodes = [node for layer in layout.layers for node in layer]
    assert {node.name for node in nodes if not node.target} == set(heights)
    for source, target in links:
        if layout.boxes[source].layer > layout.boxes[target].layer:
            way = layout.route(source, target)
            assert [node.layer for node in way] == list(
                range(layout.boxes[source].layer - 1, layout.boxes[target].layer, -1)
            )


def test_what_is_pointed_to_stands_left() -> None:
    links = [("lines", "orders"), ("orders", "users"), ("lines", "items"), ("notes", "users")]

    boxes = lay_out(
        dict.fromkeys(["lines", "orders", "items", "users", "notes"], 40.0), links
    ).boxes

    assert all(boxes[target].layer < boxes[source].layer for source, target in links)


def test_table_everything_points_to_makes_no_endless_column() -> None:
    heights = dict.fromkeys(["users", *(f"t{number}" for number in range(100))], 60.0)
    links = [(name, "users") for name in heights if name != "users"]

    layout = lay_out(heights, links)

    assert max(len(layer) for layer in layout.layers) < 25
    # What leads to one table shares a lane.
    assert all(sum(bool(node.target) for node in layer) <= 1 for layer in layout.layers)


@pytest.mark.parametrize(
    "links",
    [
        [],
        [("t0", "t0")],
        [("t0", "t1"), ("t1", "t0")],
        [("t0", "unknown")],
        [(f"t{number}", f"t{number + 1}") for number in range(1999)] + [("t1999", "t0")],
    ],
    ids=["none", "itself", "each other", "unknown", "long circle"],
)
def test_odd_links_are_laid_out(links: list[tuple[str, str]]) -> None:
    heights = {f"t{number}": 26.0 for number in range(2000 if len(links) > 9 else 2)}

    assert set(lay_out(heights, links).boxes) == set(heights)


def test_nothing_is_laid_out_as_nothing() -> None:
    assert lay_out({}, []).height == 0
