"""A picture of a bench's figures: what each contestant did in a second, and how far it varied.

Runs with the packages of ``.venv/bench``; arguments: the file of figures, the file to draw.
"""

from __future__ import annotations

import json
import sys
from itertools import zip_longest
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

_COLORS = ("#1f6feb", "#9aa4b2", "#f0883e", "#3fb950", "#d2a8ff")
_TEXT_COLORS = ("white", "black", "black", "black", "black")
_WIDTH, _HEIGHT, _ROW_HEIGHT = 4.2, 4.2, 0.22
_MOST_BESIDE = 5
_FEW = 3


def draw(document: dict[str, Any], path: Path) -> None:
    """Draw a panel for each comparison, and one an engine for classes, and for operations."""
    results = [result for bench in document["benches"] for result in bench["results"]]
    results += _by_engine(results)
    drawers = {
        "contestants": _draw_panel,
        "classes": _draw_classes,
        "operations": _draw_operations,
        "curves": _draw_curves,
    }
    drawn = [
        (drawers[kind], result)
        for result in results
        for kind in drawers
        if kind in result["figures"]
    ]
    if not drawn:
        return
    rows = max(map(_count_rows, (result["figures"] for _, result in drawn)))
    beside = min(len(drawn), _MOST_BESIDE)
    lines = ceil(len(drawn) / beside)
    size = (_WIDTH * beside, max(_HEIGHT, _ROW_HEIGHT * rows) * lines)
    figure, panels = plt.subplots(lines, beside, figsize=size, squeeze=False)
    for panel, what in zip_longest(panels.flat, drawn):
        if what is None:
            panel.set_visible(False)
        else:
            drawer, result = what
            drawer(panel, result)
    machine = document["machine"]
    figure.suptitle(
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load']};"
        f" {document['at'][:10]}",
        fontsize=8,
    )
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def _count_rows(figures: dict[str, Any]) -> int:
    operations = figures.get("operations", ())
    return len(figures.get("classes", ())) or sum(len(each["ways"]) for each in operations)


def _by_engine(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the operations of each engine together, in the form of a result."""
    found: dict[str, list[dict[str, Any]]] = {}
    for figures in (result["figures"] for result in results):
        if "ways" in figures:
            found.setdefault(figures["engine"], []).append(figures)
    return [{"name": name, "figures": {"operations": each}} for name, each in found.items()]


def _draw_panel(panel: Any, result: dict[str, Any]) -> None:
    figures = result["figures"]
    size, unit = (8, " ms CPU") if len(figures["contestants"]) <= _FEW else (6, " ms")
    for place, entry in enumerate(figures["contestants"].values()):
        rate = entry["rate"]
        error = [[rate["median"] - rate["least"]], [rate["most"] - rate["median"]]]
        panel.bar(place, rate["median"], yerr=error, capsize=6, color=_COLORS[place], width=0.6)
        label = f"{rate['median']:,.0f}/s\n{entry['cpu_ms']['median']:.3g}{unit}"
        color = _TEXT_COLORS[place]
        panel.text(place, 0, f"{label}\n", ha="center", va="bottom", fontsize=size, color=color)
    names = [name.replace("-", "\n") for name in figures["contestants"]]
    panel.set_xticks(range(len(names)), names, fontsize=size + 1)
    verdicts = [verdict["sentence"] for verdict in figures.get("verdicts", ())]
    lines = [result["name"], *verdicts]
    panel.set_title("\n".join(lines), fontsize=9 if len(lines) <= _FEW else 6)
    panel.set_ylabel("in a second; ms of a processor each")
    panel.spines[["top", "right"]].set_visible(False)


def _draw_curves(panel: Any, result: dict[str, Any]) -> None:
    """Draw a line for each thing that changes, over what it changes with."""
    curves = result["figures"]["curves"]
    for (name, points), color in zip(curves["lines"].items(), _COLORS, strict=False):
        panel.plot(*zip(*points, strict=True), marker=".", color=color, label=name)
    panel.set_ylim(bottom=0)
    panel.set_xlabel(curves["x"])
    panel.set_ylabel(curves["y"])
    panel.set_title(result["name"], fontsize=9)
    panel.legend(fontsize=7, loc="lower right")
    panel.spines[["top", "right"]].set_visible(False)


def _draw_classes(panel: Any, result: dict[str, Any]) -> None:
    """Draw recall and precision of each class beside each other."""
    classes = result["figures"]["classes"]
    for place, each in enumerate(classes.values()):
        for shift, (name, color) in enumerate(zip(("recall", "precision"), _COLORS, strict=True)):
            label = name if place == 0 else None
            panel.barh(place + 0.4 * shift, each[name], height=0.4, color=color, label=label)
    names = [f"{name} ({each['cases']})" for name, each in classes.items()]
    panel.set_yticks([place + 0.2 for place in range(len(names))], names, fontsize=7)
    panel.invert_yaxis()
    panel.set_xlim(0, 100)
    panel.set_xlabel("per cent")
    figures = result["figures"]
    title = f"{result['name']}\nrecall {figures['recall']} %, precision {figures['precision']} %"
    panel.set_title(title, fontsize=9)
    panel.legend(fontsize=7, loc="lower left")
    panel.spines[["top", "right"]].set_visible(False)


def _draw_operations(panel: Any, result: dict[str, Any]) -> None:
    """Draw how many times as long as the reference each way took, on a scale of ratios."""
    operations = result["figures"]["operations"]
    reference = operations[0]["reference"]
    names = [name for name in operations[0]["ways"] if name != reference]
    height = 0.8 / len(names)
    for place, operation in enumerate(operations):
        for row, name in enumerate(names):
            times = operation["ways"][name]["times"]
            error = [[times["median"] - times["least"]], [times["most"] - times["median"]]]
            label = name if place == 0 else None
            at = place + row * height
            panel.barh(at, times["median"], height, xerr=error, color=_COLORS[row], label=label)
            bound = operation["goal"]["bound"] if operation["goal"] and row == 0 else 0
            if bound:
                ends = (at - height / 2, at + height / 2)
                panel.plot([bound, bound], ends, color="red", linewidth=2)
            text = f"  {times['median']:.2f}"
            panel.text(max(times["most"], bound), at, text, ha="left", va="center", fontsize=6)
    panel.set_xscale("log")
    panel.set_xlim(0.5, 16)
    ticks = (0.5, 1, 2, 4, 8, 16)
    panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.minorticks_off()
    panel.axvline(1, color="black", linewidth=0.8)
    labels = [each["operation"].replace(", ", ",\n") for each in operations]
    panel.set_yticks([place + 0.4 - height / 2 for place in range(len(labels))], labels, fontsize=7)
    panel.invert_yaxis()
    panel.set_xlabel(f"times as long as {reference}; red: what is promised", fontsize=8)
    panel.set_title(result["name"], fontsize=9)
    panel.legend(fontsize=7, loc="lower right")
    panel.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
