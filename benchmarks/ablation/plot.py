"""Draw gains.png from gains.csv: python benchmarks/ablation/plot.py

gains.csv has a row for each network or setting that was measured on the validation sets: what it is, whether
it was kept, fewer errors than Beagle (%) with dense and with sparse arrays.
"""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent


def main() -> None:
    """Draw a bar for each array and row, in the file's order from the top."""
    with (HERE / "gains.csv").open() as file:
        rows = list(csv.DictReader(file))
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(rows) + 1.2), layout="constrained")
    places = range(len(rows))
    for offset, array, colour in ((-0.2, "dense", "tab:blue"), (0.2, "sparse", "tab:orange")):
        values = [float(row[array]) for row in rows]
        bars = axes.barh([p + offset for p in places], values, height=0.38, color=colour, label=array)
        axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=7)
    labels = [f"{row['what']} ({row['fate']})" for row in rows]
    axes.set_yticks(list(places), labels, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.01)
    axes.set_xlabel("fewer errors than Beagle 5.4 (%), five validation regions", loc="right")
    figure.legend(loc="outside upper right", ncols=2)
    figure.savefig(HERE / "gains.png", dpi=120)


if __name__ == "__main__":
    main()
