"""Draw method.svg, the method on one page: python docs/images/method.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

INK, MUTED, PALE, LINE = "#222222", "#6b7280", "#f3f4f6", "#c9ced6"
BLUE, ORANGE, GREEN = "#2563a8", "#c2570c", "#2e7d4f"
TYPED = (0, 3, 6, 8, 11, 14)
ANCHOR = 7  # the untyped site that is asked lies here, between two typed ones
CONTEXT = (1, 4, 6)  # rows of the panel that retrieval chooses
TARGET = {0: 1, 3: 0, 6: 1, 8: 1, 11: 0, 14: 1}


def panel_alleles() -> np.ndarray:
    """(8, 16) alleles, in which the context's rows agree with the target around the anchor."""
    alleles = np.random.default_rng(4).integers(0, 2, (8, 16))
    for row, sites in zip(CONTEXT, ((3, 6, 8, 11, 14), (0, 3, 6, 8), (6, 8, 11)), strict=True):
        for site in TYPED:
            alleles[row, site] = TARGET[site] if site in sites else 1 - TARGET[site]
    for row in set(range(8)) - set(CONTEXT):
        alleles[row, [6, 8]] = (0, row % 2)
    alleles[:, ANCHOR] = (0, 1, 0, 0, 1, 0, 0, 1)
    return alleles


def cell(axes: Axes, x: float, y: float, text: str, face: str = "white", colour: str = INK) -> None:
    axes.add_patch(Rectangle((x, y), 0.92, 0.92, facecolor=face, edgecolor=LINE, linewidth=0.6))
    axes.text(x + 0.46, y + 0.44, text, ha="center", va="center", fontsize=7.5, color=colour)


def box(
    axes: Axes, x: float, y: float, width: float, height: float, title: str, text: str, colour: str
) -> None:
    shape = FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.15", facecolor=PALE, edgecolor=colour)
    axes.add_patch(shape)
    axes.text(
        x + 0.1, y + height - 0.1, title, ha="left", va="top", fontsize=9.5, weight="bold", color=colour
    )
    axes.text(x + 0.1, y + height - 1.05, text, ha="left", va="top", fontsize=8, color=INK, linespacing=1.35)


def arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
    style = f"arc3,rad={bend}"
    axes.add_patch(
        FancyArrowPatch(begin, end, arrowstyle="-|>", mutation_scale=11, color=MUTED, connectionstyle=style)
    )


def draw_panel(axes: Axes) -> None:
    """Panel and target, with what retrieval chooses."""
    alleles = panel_alleles()
    for row in range(8):
        chosen = row in CONTEXT
        for site in range(16):
            known = site in TYPED
            agrees = chosen and known and alleles[row, site] == TARGET[site]
            face = "#cfe3f5" if agrees else "#fbdcc4" if chosen and known else "white"
            cell(axes, site, 14 - row, str(alleles[row, site]), face, INK if chosen else MUTED)
        if chosen:
            axes.add_patch(
                Rectangle((-0.1, 13.93 - row), 16.1, 1.05, fill=False, edgecolor=BLUE, linewidth=1.6)
            )
    for site in range(16):
        known = site in TYPED
        cell(axes, site, 5.2, str(TARGET[site]) if known else "?", "#e5e7eb" if known else "white",
             INK if known else ORANGE)  # fmt: skip
    axes.text(0, 15.35, "Reference panel, N haplotypes (D_train)", fontsize=9.5, weight="bold", color=INK)
    axes.text(0, 6.35, "Target haplotype", fontsize=9.5, weight="bold", color=INK)
    axes.add_patch(Rectangle((ANCHOR - 0.04, 5.14), 1.0, 9.9, fill=False, edgecolor=ORANGE, linewidth=1.2))
    axes.plot([ANCHOR + 0.46], [4.75], marker="^", color=ORANGE, markersize=8)
    axes.text(ANCHOR + 0.46, 4.05, "anchor, and the site asked", ha="center", fontsize=8, color=ORANGE)
    axes.text(
        0, 3.3,
        "1  Retrieval (PBWT, not learned): the K haplotypes that match\nlongest around the anchor, here 3, "
        "are the context. Blue agrees\nwith the target at its typed sites (grey), orange does not.",
        fontsize=8, va="top", linespacing=1.35, color=INK,
    )  # fmt: skip


def draw_network(axes: Axes) -> None:
    """The blocks of the network, and what they hand on."""
    xaba = (
        "each context haplotype: matches and\nmismatches at 32 typed sites, run lengths\n"
        "in cM, Li-Stephens posterior\n-> F latent attributes H_A (K x F)"
    )
    xabd = (
        "I inducing points H_D attend to the K\nhaplotypes and are broadcast back:\n"
        "each is judged beside the others;\ncost linear in K"
    )
    abla = (
        "messages to the same haplotype at the\nanchors on either side, then a residual\n"
        "block on each haplotype's latents"
    )
    predictor = (
        "copying heads: a softmax over the K\nhaplotypes, blended between the two\nanchors around the site"
    )
    box(axes, 18.6, 11.6, 8.6, 3.6, "2  XABA, between attributes", xaba, BLUE)
    box(axes, 28.9, 11.6, 8.6, 3.6, "3  XABD, between datapoints", xabd, GREEN)
    box(axes, 28.9, 6.6, 8.6, 3.2, "4  Anchor chain, ABLA", abla, GREEN)
    box(axes, 18.6, 6.6, 8.6, 3.2, "5  Predictor", predictor, ORANGE)
    arrow(axes, (16.4, 13.4), (18.3, 13.4))
    arrow(axes, (27.5, 13.4), (28.6, 13.4))
    arrow(axes, (33.2, 11.3), (33.2, 10.1))
    arrow(axes, (28.6, 8.2), (27.5, 8.2))
    arrow(axes, (37.8, 8.4), (37.8, 13.2), bend=0.45)
    axes.text(38.75, 10.7, "layers", fontsize=8, color=MUTED, rotation=90, ha="center", va="center")
    arrow(axes, (20.9, 6.3), (20.9, 5.4))


def draw_copying(axes: Axes) -> None:
    """Weights of the context times its alleles at the site that is asked."""
    weights, alleles = (0.55, 0.35, 0.10), (1, 1, 0)
    for row, (weight, allele) in enumerate(zip(weights, alleles, strict=True)):
        y = 3.8 - 1.15 * row
        axes.add_patch(Rectangle((18.6, y), 5 * weight, 0.75, facecolor=BLUE, alpha=0.75))
        axes.text(18.75 + 5 * weight, y + 0.36, f"w = {weight:.2f}", va="center", fontsize=8, color=INK)
        cell(axes, 23.3, y - 0.08, str(allele))
    axes.text(18.6, 4.75, "weights", fontsize=8, color=MUTED, va="bottom")
    axes.text(23.3, 4.75, "alleles at the site asked", fontsize=8, color=ORANGE, va="bottom", ha="left")
    axes.text(24.9, 3.0, "p = sum of w x allele = 0.90", fontsize=9, color=INK, va="center")
    axes.text(
        24.9, 1.75,
        "a small calibrated head corrects p with panel frequency,\nspread of the heads and the "
        "Li-Stephens doses;\ntwo haplotypes give the dosage DS",
        fontsize=8, va="center", color=INK, linespacing=1.35,
    )  # fmt: skip


def main() -> None:
    """Write method.svg beside this file."""
    rcParams["svg.hashsalt"] = "spinimpute"  # equal drawings, equal bytes
    figure = Figure(figsize=(13, 5.5), facecolor="white")
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set(xlim=(-0.5, 39.5), ylim=(0.9, 16.2))
    axes.axis("off")
    draw_panel(axes)
    draw_network(axes)
    draw_copying(axes)
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
