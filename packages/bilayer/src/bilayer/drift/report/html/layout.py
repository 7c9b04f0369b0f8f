"""Places the boxes of a picture in columns: what is pointed to stands left of what points to it.

A small layered layout. No column is much longer than the others, links that pass a column share a
lane with all that have the same target, and boxes move towards what they are linked with. Nothing
is drawn here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Final

GAP: Final = 18.0
"""Room between the boxes of a column."""
_SWEEPS: Final = 6
_LANE: Final = 6.0
_LOWEST: Final = 640.0
"""Room of a column at least: a screen."""
_WIDE: Final = 120.0
"""About half the width of a column, so that the whole is wider than high."""


@dataclasses.dataclass(slots=True)
class Node:
    """A box, or a place where a lane passes a column.

    Attributes:
        target: What the lane leads to; empty for a box.
    """

    name: str
    height: float
    target: str = ""
    layer: int = 0
    y: float = 0.0
    linked: list[Node] = dataclasses.field(default_factory=list)

    @property
    def middle(self) -> float:
        """Where links meet it."""
        return self.y + self.height / 2


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands.

    Attributes:
        layers: The nodes of each column from above, the column on the left first.
        lanes: The lane of a target in a column.
        height: The height of the whole.
    """

    layers: list[list[Node]]
    boxes: dict[str, Node]
    lanes: dict[tuple[str, int], Node]
    height: float

    def route(self, source: str, target: str) -> list[Node]:
        """List what a link passes from its source to its target, without the ends."""
        first, last = self.boxes[source].layer - 1, self.boxes[target].layer
        return [self.lanes[target, layer] for layer in range(first, last, -1)]


def lay_out(heights: Mapping[str, float], links: Sequence[tuple[str, str]]) -> Layout:
    """Place boxes of the given heights; links run from what points to what is pointed to."""
    pointing: dict[str, list[str]] = {name: [] for name in heights}
    for source, target in links:
        if source != target and target in heights and target not in pointing[source]:
            pointing[source].append(target)
    layer_of = _assign_layers(_without_circles(pointing), heights)
    boxes = {name: Node(name, height, layer=layer_of[name]) for name, height in heights.items()}
    layers: list[list[Node]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for node in boxes.values():
        layers[node.layer].append(node)
    lanes: dict[tuple[str, int], Node] = {}
    for source, targets in pointing.items():
        for target in targets:
            _link(boxes[source], boxes[target], layers, lanes)
    _sort_layers(layers)
    _move_together(layers)
    top = min((node.y for layer in layers for node in layer), default=0.0)
    for layer in layers:
        for node in layer:
            node.y -= top
    height = max((node.y + node.height for layer in layers for node in layer), default=0.0)
    return Layout(layers, boxes, lanes, height)


def _without_circles(pointing: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Leave out the links that close a circle; without recursion, for chains of any length."""
    kept: dict[str, list[str]] = {name: [] for name in pointing}
    done: set[str] = set()
    for start in pointing:
        path = {start: iter(pointing[start])} if start not in done else {}
        while path:
            name = next(reversed(path))
            for target in path[name]:
                if target in path:
                    continue
                kept[name].append(target)
                if target not in done:
                    path[target] = iter(pointing[target])
                    break
            else:
                done.add(name)
                del path[name]
    return kept


def _assign_layers(
    pointing: Mapping[str, Sequence[str]], heights: Mapping[str, float]
) -> dict[str, int]:
    """Put each box right of all it points to, and into no column that is full."""
    linked = {name for name in pointing if pointing[name]}
    linked |= {target for targets in pointing.values() for target in targets}
    room = max(_LOWEST, math.sqrt(sum(height + GAP for height in heights.values()) * _WIDE))
    full: dict[int, float] = {}
    layer_of: dict[str, int] = {}
    waiting = {name: len(targets) for name, targets in pointing.items()}
    by_target: dict[str, list[str]] = {name: [] for name in pointing}
    for source, targets in pointing.items():
        for target in targets:
            by_target[target].append(source)
    # What much points to comes first; what stands alone fills the columns up.
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        ready.sort(key=lambda name: (name not in linked, -len(by_target[name]), name))
        name = ready.pop(0)
        layer = max((layer_of[target] + 1 for target in pointing[name]), default=0)
        while full.get(layer, 0.0) and full[layer] + heights[name] + GAP > room:
            layer += 1
        full[layer] = full.get(layer, 0.0) + heights[name] + GAP
        layer_of[name] = layer
        for source in by_target[name]:
            waiting[source] -= 1
            if not waiting[source]:
                ready.append(source)
    return layer_of


def _link(
    source: Node, target: Node, layers: list[list[Node]], lanes: dict[tuple[str, int], Node]
) -> None:
    """Link two boxes through the lanes between them, which are made where there are none."""
    before = target
    for layer in range(target.layer + 1, source.layer):
        key = (target.name, layer)
        if key not in lanes:
            lanes[key] = Node(f"{target.name}|{layer}", _LANE, target.name, layer)
            layers[layer].append(lanes[key])
            _join(before, lanes[key])
        before = lanes[key]
    _join(before, source)


def _join(one: Node, other: Node) -> None:
    one.linked.append(other)
    other.linked.append(one)


def _sort_layers(layers: Sequence[list[Node]]) -> None:
    """Bring next to each other what is linked, so that few links cross."""
    for sweep in range(_SWEEPS):
        order = range(len(layers)) if sweep % 2 == 0 else range(len(layers) - 1, -1, -1)
        place = {
            id(node): position / max(len(layer) - 1, 1)
            for layer in layers
            for position, node in enumerate(layer)
        }
        for index in order:
            layer = layers[index]
            keys = {}
            for node in layer:
                beside = [place[id(each)] for each in node.linked if each.layer != index]
                keys[id(node)] = sum(beside) / len(beside) if beside else place[id(node)]
            layer.sort(key=lambda node: (keys[id(node)], node.name))
            for position, node in enumerate(layer):
                place[id(node)] = position / max(len(layer) - 1, 1)


def _move_together(layers: Sequence[list[Node]]) -> None:
    """Move boxes to the height of what they are linked with, in their order and apart."""
    for layer in layers:
        _spread(layer, [0.0] * len(layer))
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            wanted = []
            for node in layer:
                beside = [each.middle for each in node.linked]
                middle = sum(beside) / len(beside) if beside else node.middle
                wanted.append(middle - node.height / 2)
            _spread(layer, wanted)


def _spread(layer: Sequence[Node], wanted: Sequence[float]) -> None:
    """Place boxes as near to where they are wanted as their order and size allow.

    The sum of the squares of what they are moved is least (pool adjacent violators).
    """
    offsets = [0.0]
    for node in layer:
        offsets.append(offsets[-1] + node.height + GAP)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=False):
        total, size = want - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / size:
            before, many = pools.pop()
            total, size = total + before, size + many
        pools.append((total, size))
    places = [total / size for total, size in pools for _ in range(size)]
    for node, place, offset in zip(layer, places, offsets, strict=False):
        node.y = place + offset
