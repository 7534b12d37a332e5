"""Plot a results.json: python -m benchmarks.accuracy.plots RESULTS.json OUT

OUT gets calibration.png, dr2.png and r2_by_maf.png, all tools in each, all problems together.
"""

from __future__ import annotations

import json
import sys
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from spinimpute.config import MAF_EDGES

matplotlib.use("Agg")
import matplotlib.pyplot as plt

Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def calibration(results: list[dict[str, Any]]) -> Points:
    """Mean predicted and mean true dosage by bin, problems weighted alike."""
    measured = [result["quality"]["calibration"] for result in results]
    weights = np.array([one["share"] for one in measured])
    return _mean([one["predicted"] for one in measured], weights), _mean(
        [one["true"] for one in measured], weights
    )


def dr2(results: list[dict[str, Any]]) -> Points:
    """Mean estimated and mean true r2 by bin, over all sites."""
    measured = [result["quality"]["dr2"] for result in results]
    weights = np.array([one["in_bin"] for one in measured], float)
    return _mean([one["estimated"] for one in measured], weights), _mean(
        [one["true"] for one in measured], weights
    )


def r2_by_maf(results: list[dict[str, Any]]) -> Points:
    """Mean r2 over the problems that have sites in a MAF bin; x is the bin's number."""
    values = np.array([result["accuracy"]["by_maf"] for result in results], float)
    return np.arange(values.shape[1], dtype=float), _mean(values, np.ones_like(values))


def _mean(values: Any, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means of columns, ignoring nan; nan for a column without weight."""
    values = np.array(values, float)
    weights = np.where(np.isfinite(values), weights, 0)
    total = weights.sum(axis=0)
    return np.asarray((np.nan_to_num(values) * weights).sum(axis=0) / np.where(total > 0, total, np.nan))


def draw(points: dict[str, Points], labels: tuple[str, str], out: Path, diagonal: float | None) -> None:
    """One figure, a line for each tool; the diagonal up to a value, or an axis of MAF bins for None."""
    figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
    if diagonal is None:
        ticks = [f"≤ {high:.1%}" for high in MAF_EDGES[1:]]
        axes.set_xticks(range(len(ticks)), ticks)
    else:
        axes.plot([0, diagonal], [0, diagonal], color="grey", linewidth=1, linestyle="--")
    for (tool, (x, y)), marker in zip(points.items(), cycle("os^vDPX")):
        axes.plot(x, y, marker=marker, markersize=5, label=tool)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=150)
    plt.close(figure)


def main() -> None:
    """Draw the three figures."""
    source, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    by_tool: dict[str, list[dict[str, Any]]] = {}
    for result in json.loads(source.read_text()):
        by_tool.setdefault(result["tool"], []).append(result)
    for measure, labels, diagonal in (
        (calibration, ("mean predicted dosage", "mean true dosage"), 2.0),
        (dr2, ("mean estimated r2 (DR2)", "mean true r2"), 1.0),
        (r2_by_maf, ("panel minor allele frequency", "aggregated dosage r2"), None),
    ):
        points = {tool: measure(results) for tool, results in by_tool.items()}
        draw(points, labels, out / f"{measure.__name__}.png", diagonal)


if __name__ == "__main__":
    main()
