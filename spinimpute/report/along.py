"""Measures along one chromosome, or several in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.report.canvas import BLUE, ORANGE, Drawing, canvas

_MOST_WINDOWS = 240
_LETTER = 0.007  # of the width of the plot


@dataclass(frozen=True)
class Windows:
    """Windows of width bp: those of each chromosome begin at starts (U,) and have sums (U, C)."""

    width: int
    starts: Mapping[str, NDArray[np.int64]]
    sums: Mapping[str, NDArray[np.float64]]

    @staticmethod
    def join(sums: Mapping[str, NDArray[np.float64]], step: int) -> Windows:
        """Join sums (W, C) by step bp into windows few enough to be drawn, without empty ends."""
        spans = {chrom: np.flatnonzero(held.any(axis=1)) for chrom, held in sums.items() if held.any()}
        total = sum(int(filled[-1] - filled[0]) + 1 for filled in spans.values())
        factors = [unit * 10**power for power in range(9) for unit in (1, 2, 5)]
        factor = next(each for each in factors if total <= each * _MOST_WINDOWS)
        first = {
            chrom: np.arange(filled[0] // factor, filled[-1] // factor + 1) * factor
            for chrom, filled in spans.items()
        }
        joined = {chrom: np.add.reduceat(sums[chrom], rows, axis=0) for chrom, rows in first.items()}
        return Windows(factor * step, {chrom: rows * step for chrom, rows in first.items()}, joined)


@dataclass(frozen=True)
class Strip:
    """What is drawn of one chromosome's windows (U,): a line, nan for a gap, and bars."""

    line: NDArray[np.float64]
    bars: NDArray[np.float64]


def along(
    caption: str,
    windows: Windows,
    strips: Mapping[str, Strip],
    labels: tuple[str, str],
    limits: tuple[float, float],
) -> Drawing:
    """A line within limits, and bars beneath it, with a label for each."""
    title, width = "Along the genome", windows.width
    with canvas(12, 3.6, (3, 1)) as drawn:
        upper, lower = drawn.axes
        end, places = 0, {}
        for number, (chrom, strip) in enumerate(strips.items()):
            starts = windows.starts[chrom]
            shift = 0 if len(strips) == 1 else end - starts[0]
            middle = starts + shift + width / 2
            colour = (BLUE, ORANGE)[number % 2]
            upper.plot(middle, strip.line, color=colour, marker="o", markersize=2.5, linewidth=1.2)
            lower.bar(middle, strip.bars, width=0.8 * width, color=colour, linewidth=0)
            places[chrom.removeprefix("chr")] = float(middle.mean()), len(starts) * width
            end += (len(starts) + 1) * width  # with a gap of one window
        upper.margins(x=0.01)
        upper.set(ylabel=labels[0], ylim=limits)
        lower.set(ylabel=labels[1])
        lower.yaxis.get_major_locator().set_params(nbins=3)
        if len(strips) == 1:
            lower.set_xlabel(f"position on {next(iter(strips))}, Mb")
            lower.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g}")
        else:
            # Names that their chromosome has no room for are left out.
            shown = {name: at for name, (at, span) in places.items() if span > _LETTER * len(name) * end}
            lower.set_xticks(list(shown.values()), list(shown))
            for axes in drawn.axes:
                axes.grid(axis="x", visible=False)
            lower.set_xlabel("chromosome")
        return Drawing(title, caption, drawn.svg(title), wide=True)
