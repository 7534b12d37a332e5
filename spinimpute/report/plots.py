"""The kinds of plot that the pages have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spinimpute.report.canvas import BLUE, GREEN, INK, MUTED, ORANGE, Drawing, canvas

_COLOURS = (BLUE, ORANGE, GREEN)
_MARKS = ("o", "s", "^")
_MOST_POINTS = 600


def by_bin(
    title: str, caption: str, labels: Sequence[str], lines: Mapping[str, Sequence[float]], axis: str
) -> Drawing:
    """Lines over named bins, on a scale that ends at 1."""
    with canvas() as drawn:
        axes = drawn.axes[0]
        for (name, values), colour, mark in zip(lines.items(), _COLOURS, _MARKS, strict=False):
            axes.plot(range(len(labels)), values, color=colour, marker=mark, label=name)
        axes.set_xticks(range(len(labels)), labels)
        lowest = np.nanmin(list(lines.values())) if np.isfinite(list(lines.values())).any() else 0.0
        bottom = max(0.0, np.floor(5 * (lowest - 0.05)) / 5)
        axes.set(ylim=(bottom, 1 + 0.03 * (1 - bottom)), xlim=(-0.4, len(labels) - 0.6), xlabel=axis)
        axes.grid(axis="x", visible=False)
        axes.legend(loc="best")
        return Drawing(title, caption, drawn.svg(title))


def calibration(
    title: str, caption: str, count: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> Drawing:
    """Mean true against mean predicted dose, points by the number of genotypes, and the diagonal."""
    with canvas() as drawn:
        axes = drawn.axes[0]
        axes.plot([0, 2], [0, 2], color=MUTED, linewidth=1, linestyle="--")
        size = 12 + 90 * np.log1p(count) / max(1.0, float(np.log1p(count.max(initial=0))))
        axes.scatter(x, y, s=size, color=BLUE, alpha=0.85, linewidths=0)
        axes.set(xlim=(-0.06, 2.06), ylim=(-0.06, 2.06))
        axes.set(xlabel="mean predicted dose", ylabel="mean true dose")
        return Drawing(title, caption, drawn.svg(title))


def density(
    title: str,
    caption: str,
    cells: NDArray[np.int64],
    axes_labels: tuple[str, str],
    line: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> Drawing:
    """Square cells (X, Y) of the unit square, darker where there are more, with a diagonal and a line."""
    with canvas() as drawn:
        axes = drawn.axes[0]
        x, y = np.nonzero(cells)
        shade = 0.15 + 0.75 * np.log1p(cells[x, y]) / max(1.0, float(np.log1p(cells.max(initial=0))))
        step = 1 / len(cells)
        for column, row, opacity in zip(x.tolist(), y.tolist(), shade.round(2).tolist(), strict=True):
            corners = [column * step, (column + 1) * step], row * step, (row + 1) * step
            axes.fill_between(*corners, color=BLUE, alpha=opacity, linewidth=0)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        if line is not None:
            axes.plot(*line, color=ORANGE, marker="o", label="mean")
            axes.legend(loc="upper left")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=axes_labels[0], ylabel=axes_labels[1])
        return Drawing(title, caption, drawn.svg(title))


def ranked(title: str, caption: str, names: Sequence[str], values: NDArray[np.float64], axis: str) -> Drawing:
    """Values in ascending order, the lowest one named; nan are left out."""
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    with canvas() as drawn:
        axes = drawn.axes[0]
        shown = values[order]
        # Of very many, evenly spaced ones tell the same.
        ranks = np.unique(np.linspace(0, len(order) - 1, min(len(order), _MOST_POINTS)).round().astype(int))
        axes.plot(ranks + 1, shown[ranks], color=BLUE, marker="o", linestyle="")
        for sample in order[:1].tolist():
            axes.annotate(names[sample], (1, shown[0]), (8, -3), textcoords="offset points", color=INK)
        axes.set(xlabel="samples, lowest first", ylabel=axis)
        axes.margins(y=0.12)
        return Drawing(title, caption, drawn.svg(title))


def scattered(
    title: str,
    caption: str,
    names: Sequence[str],
    values: tuple[NDArray[np.float64], NDArray[np.float64]],
    axes_labels: tuple[str, str],
) -> Drawing:
    """A point for each name, those of lowest x and y named; of very many, the lowest and some others."""
    x, y = values
    if len(x) > _MOST_POINTS:
        quarter = _MOST_POINTS // 4
        some = np.linspace(0, len(x) - 1, 2 * quarter).round().astype(int)
        rows = np.unique(np.concatenate([np.argsort(x)[:quarter], np.argsort(y)[:quarter], some]))
        caption += f" {len(rows):,} of {len(x):,} are drawn, the lowest of either kind among them."
        x, y, names = x[rows], y[rows], [names[row] for row in rows.tolist()]
    with canvas() as drawn:
        axes = drawn.axes[0]
        axes.scatter(x, y, s=24, color=BLUE, alpha=0.75, linewidths=0)
        for i in {int(np.nanargmin(x)), int(np.nanargmin(y))}:
            axes.annotate(names[i], (x[i], y[i]), (8, -3), textcoords="offset points", color=INK)
        axes.set(xlabel=axes_labels[0], ylabel=axes_labels[1])
        axes.margins(x=0.1, y=0.12)
        return Drawing(title, caption, drawn.svg(title))


def bars(title: str, caption: str, counts: Mapping[str, int]) -> Drawing:
    """Named counts as bars on their side, each with its number."""
    with canvas() as drawn:
        axes = drawn.axes[0]
        names, values = list(counts)[::-1], list(counts.values())[::-1]
        rows = axes.barh(names, values, color=BLUE, height=0.6, linewidth=0)
        axes.bar_label(rows, [f"{value:,}" for value in values], padding=4, color=INK)
        axes.margins(x=0.18)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("target variants")
        return Drawing(title, caption, drawn.svg(title))
