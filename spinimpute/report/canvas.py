"""Figures as SVG that takes its colours from the page, so that they suit light and dark mode alike.

matplotlib draws with stand-in colours, which become CSS variables in the text of the SVG.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, LINE, BLUE, ORANGE, GREEN = (f"#00010{i}" for i in range(1, 7))
_VARIABLES = {
    INK: "--ink", MUTED: "--muted", LINE: "--line", BLUE: "--blue", ORANGE: "--orange", GREEN: "--green",
}  # fmt: skip
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": ["DejaVu Sans"],  # measured with it, shown in the page's font, which is no wider
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "svg.hashsalt": "spinimpute",  # equal figures, equal bytes
    "text.color": INK,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
}


@dataclass(frozen=True)
class Drawing:
    """A figure for the page: its caption says what is to be seen; wide ones fill a row."""

    title: str
    caption: str
    svg: str
    wide: bool = False


class Canvas:
    """An empty figure of some rows, to be drawn on and then taken as SVG."""

    def __init__(self, width: float, height: float, rows: tuple[int, ...]) -> None:
        self._figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(self._figure)
        ratios = {"height_ratios": rows}
        axes = self._figure.subplots(len(rows), 1, sharex=True, squeeze=False, gridspec_kw=ratios)
        self.axes: list[Any] = list(axes[:, 0])

    def svg(self, title: str) -> str:
        """The figure as an SVG element with the title as its name."""
        text = io.StringIO()
        self._figure.savefig(
            text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None}
        )
        return _inline(text.getvalue(), title)


@contextmanager
def canvas(width: float = 6.0, height: float = 3.9, rows: tuple[int, ...] = (1,)) -> Iterator[Canvas]:
    """Yield a canvas in the page's style; width and height are in inches, of which a page shows about 6."""
    with matplotlib.rc_context(_STYLE):
        yield Canvas(width, height, rows)


def _inline(svg: str, title: str) -> str:
    """Make an SVG document part of a page: sized by it, coloured by it, with identifiers of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    prefix = re.sub(r"\W+", "-", title.lower()).strip("-")
    svg = re.sub(r'((?: id="|url\(#|href="#))', rf"\g<1>{prefix}-", svg)
    box = re.search(r'viewBox="[^"]*"', svg)
    name = escape(title, quote=True)
    opening = f'<svg {box[0] if box else ""} role="img" aria-label="{name}" class="figure">'
    svg = re.sub(r"<svg[^>]*>", opening, svg, count=1)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.strip()
