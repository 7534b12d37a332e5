"""Tables and figures of what is finished."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from benchmarks.accuracy.measures import Interval
from benchmarks.table3.cells import Store
from benchmarks.table3.scores import Score, finished_seeds, score
from benchmarks.table3.settings import ABLATIONS, Setting
from benchmarks.table3.windows import Window
from spinimpute.config import MAF_EDGES

BASELINE = "universal"
ROWS = ("gbt", "mlp", "knn", "beagle", "npt", "set_tf", "spin", BASELINE)
ABLATED = ("spin", "spin_untouched", *ABLATIONS)
LABELS = {
    "gbt": "GBT",
    "mlp": "MLP",
    "knn": "KNN",
    "beagle": "Beagle, full context",
    "npt": "NPT",
    "set_tf": "Set-TF",
    "spin": "SPIN as published",
    BASELINE: "universal SPIN, no training",
    "spin_untouched": "panel not encoded at test time (released code)",
    "spin_without_xabd": "without XABD",
    "spin_without_xaba": "without XABA",
    "spin_random_masks": "random masks instead of chunks",
    "spin_h1": "1 inducing point",
    "spin_h40": "40 inducing points",
}
PAPER = {
    "gbt": "87.63",
    "mlp": "95.31",
    "knn": "89.70",
    "beagle": "95.64",
    "npt": "95.84",
    "set_tf": "95.97",
    "spin": "95.92",
}


def write_report(out: Path, store: Store, setting: Setting, windows: list[Window]) -> None:
    """table.md, ablation.md, results.json and the figures, of the methods that finished every window."""
    rows = _scores(ROWS, BASELINE, store, windows)
    ablated = _scores(ABLATED, "spin", store, windows[: setting.ablation_windows], setting.ablation_seeds)
    (out / "table.md").write_text(table(rows, windows))
    (out / "ablation.md").write_text(ablation_table(ablated))
    results = {"table": [asdict(s) for s in rows], "ablation": [asdict(s) for s in ablated]}
    facts = {method: _facts(method, store, windows) for method in (*ROWS, *ABLATIONS)}
    (out / "results.json").write_text(json.dumps(results | {"facts": facts}, indent=1) + "\n")
    plot(rows, out / "r2.png")


def _scores(
    methods: Sequence[str],
    baseline: str,
    store: Store,
    windows: list[Window],
    seeds: Collection[int] | None = None,
) -> list[Score]:
    there = [m for m in (baseline, *methods) if finished_seeds(m, store, windows, seeds)]
    return [score(m, baseline, store, windows, seeds) for m in methods if {m, baseline} <= set(there)]


def _facts(method: str, store: Store, windows: list[Window]) -> dict[str, object]:
    return {
        f"{window.name}.{seed}": store.get(method, window.name, seed).facts
        for window in windows
        for seed in store.seeds(method, window.name)
    }


def table(rows: Sequence[Score], windows: Sequence[Window]) -> str:
    """The paper's table, and the same rows by MAF and window, as Markdown."""
    overall = [["row", "paper", "R2 x100", "seeds", "sd of seeds", "universal minus it"]]
    detail = [["row", *(f"<={edge:.1%}" for edge in MAF_EDGES[1:]), *(window.name for window in windows)]]
    for row in rows:
        label = LABELS[row.method]
        less = "" if row.method == BASELINE else interval(row.less)
        spread = percent(row.spread)
        overall.append([label, PAPER.get(row.method, ""), interval(row.r2), str(row.seeds), spread, less])
        detail.append([label, *(percent(value) for value in (*row.by_maf, *row.windows))])
    return f"{_markdown(overall)}\n{_markdown(detail)}"


def ablation_table(rows: Sequence[Score]) -> str:
    """What each part of SPIN is worth, as Markdown."""
    lines = [["SPIN", "R2 x100", "seeds", "whole SPIN minus it"]]
    for row in rows:
        less = "" if row.method == "spin" else interval(row.less)
        label = "whole" if row.method == "spin" else LABELS[row.method]
        lines.append([label, interval(row.r2), str(row.seeds), less])
    return _markdown(lines)


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *body = lines
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ["---"] * len(head), *body])


def percent(value: float) -> str:
    """A share times 100; nothing for nan."""
    return "" if value != value else f"{100 * value:.2f}"


def interval(value: Interval) -> str:
    """An estimate and its interval, times 100."""
    return f"{percent(value.estimate)} ({percent(value.low)} to {percent(value.high)})"


def plot(rows: Sequence[Score], path: Path) -> None:
    """R2 with its intervals, and r2 by MAF."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for i, row in enumerate(rows):
        low, high = row.r2.estimate - row.r2.low, row.r2.high - row.r2.estimate
        left.errorbar(100 * row.r2.estimate, i, xerr=[[100 * low], [100 * high]], fmt="o", capsize=3)
        right.plot(
            range(len(row.by_maf)), [100 * value for value in row.by_maf], "o-", label=LABELS[row.method]
        )
    left.set_yticks(range(len(rows)), [LABELS[row.method] for row in rows])
    left.set_xlabel("R2 x100, mean of windows; 95 % over people")
    right.set_xticks(range(len(MAF_EDGES) - 1), [f"<={edge:.1%}" for edge in MAF_EDGES[1:]])
    right.set_xlabel("panel MAF")
    right.set_ylabel("r2 x100, haplotypes pooled")
    right.legend(fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)
