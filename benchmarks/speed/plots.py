"""Plot a results.json: python -m benchmarks.speed.plots RESULTS.json OUT

OUT gets panel.png and targets.png: time, memory and output size against panel haplotypes and against targets.
Sets differ in length, so time and output are per Mb; whoever prepares the panel has done so before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

from benchmarks.speed.measurements import Measurement, Results, Size

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

MARKERS = {"spinimpute": "o", "spinimpute-prepared": "D", "beagle": "s", "minimac4": "^"}
PANELS: tuple[tuple[str, Callable[[Measurement], float]], ...] = (
    ("seconds per Mb", lambda m: m.cost.seconds / m.size.megabases),
    ("peak memory, MB", lambda m: m.cost.megabytes),
    ("output, MB per Mb", lambda m: m.output_megabytes / m.size.megabases),
)


def comparable(results: Results, held: Callable[[Size], int]) -> list[Measurement]:
    """The measurements of the sets that share the commonest value of the quantity to be held."""
    values = [held(m.size) for m in results.measurements]
    commonest = max(values, key=values.count)
    return [m for m in results.measurements if held(m.size) == commonest]


def draw(
    measurements: list[Measurement], x: Callable[[Size], int], label: str, title: str, out: Path
) -> None:
    """Three plots side by side, a line for each tool, sets named along the first."""
    sets = {m.problem: x(m.size) for m in measurements}
    figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 4.2), layout="constrained")
    for axis, (name, value) in zip(axes, PANELS, strict=True):
        for tool, marker in MARKERS.items():
            own = sorted((x(m.size), value(m)) for m in measurements if m.tool == tool)
            if own:
                axis.plot(*zip(*own, strict=True), marker=marker, markersize=6, label=tool)
        axis.set(xscale="log", yscale="log", xlabel=label, ylabel=name)
        axis.set_xticks(sorted(set(sets.values())))
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        for side in (axis.xaxis, axis.yaxis):
            side.set_minor_locator(NullLocator())
            side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.grid(alpha=0.3)
    for problem, at in sets.items():
        axes[0].annotate(
            problem, (at, 1), xycoords=("data", "axes fraction"), rotation=20, fontsize=8, va="bottom"
        )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(MARKERS))
    figure.suptitle(title)
    figure.savefig(out, dpi=150)
    plt.close(figure)


def main() -> None:
    """Draw both figures."""
    source, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    results = Results.read(source)
    by_panel = comparable(results, lambda size: size.targets)
    by_targets = comparable(results, lambda size: size.panel_haplotypes)
    draw(
        by_panel, lambda size: size.panel_haplotypes, "panel haplotypes",
        f"{by_panel[0].size.targets} targets", out / "panel.png",
    )  # fmt: skip
    draw(
        by_targets, lambda size: size.targets, "target people",
        f"{by_targets[0].size.panel_haplotypes:,} panel haplotypes", out / "targets.png",
    )  # fmt: skip


if __name__ == "__main__":
    main()
