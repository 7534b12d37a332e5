"""Tables of what is finished."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ipnp.cost import METHODS, Cost
from benchmarks.ipnp.evaluation import EXACT_SCORERS, Measured, read_measured
from benchmarks.ipnp.figures import draw_costs, draw_curves_figure, draw_pictures_figure, draw_scores
from benchmarks.ipnp.settings import Experiment, Setting

# What the claim compares: the inducing point process and the attentive one.
PAIRS = (("CIPNP", "CANP"), ("IPNP", "ANP"))
RESAMPLES = 2000
FITTED = 3  # the largest contexts, where fixed costs matter least


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % bootstrap interval over functions."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f}, {self.high:.3f})"


@dataclass(frozen=True)
class Row:
    """A network on one kind of functions: log likelihood (nats per target), calibration error."""

    experiment: str
    condition: str
    network: str
    log_likelihood: Interval
    calibration: float


@dataclass(frozen=True)
class Difference:
    """Log likelihood of the first network minus that of the second, on the same functions."""

    experiment: str
    condition: str
    first: str
    second: str
    gain: Interval


def read_scores(folder: Path, experiment: Experiment, setting: Setting) -> dict[str, dict[str, Measured]]:
    """What is finished of an experiment, by network and condition; seeds are averaged for each function."""
    found = {}
    for network in (*EXACT_SCORERS, *experiment.networks):
        paths = [folder / f"{experiment.name}@{network}@{seed}.json" for seed in (0, *setting.seeds)]
        seeds = [read_measured(path) for path in paths if path.exists()]
        if seeds:
            found[network] = {name: _average([seed[name] for seed in seeds]) for name in seeds[0]}
    return found


def _average(seeds: Sequence[Measured]) -> Measured:
    return Measured(
        np.mean([m.log_density for m in seeds], 0),
        np.mean([m.coverage for m in seeds], 0),
        float(np.mean([m.calibration for m in seeds])),
    )


def bootstrap(values: NDArray[np.float64]) -> Interval:
    """Of the mean of values (functions)."""
    picks = np.random.default_rng(1).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[picks].mean(1), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def rows(experiment: Experiment, scores: dict[str, dict[str, Measured]]) -> list[Row]:
    """Every network on every condition."""
    return [
        Row(experiment.name, condition, network, bootstrap(m.log_density), m.calibration)
        for network, measured in scores.items()
        for condition, m in measured.items()
    ]


def differences(experiment: Experiment, scores: dict[str, dict[str, Measured]]) -> list[Difference]:
    """Inducing point processes against attentive ones; variants of the former too."""
    found = []
    for network in scores:
        for first, second in PAIRS:
            if network.split("-")[0] == first and second in scores:
                for condition, mine in scores[network].items():
                    gain = bootstrap(mine.log_density - scores[second][condition].log_density)
                    found.append(Difference(experiment.name, condition, network, second, gain))
    return found


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Exponent of growth over the largest sizes; nan for fewer than two."""
    if len(sizes) < 2:
        return math.nan
    return float(np.polyfit(np.log(sizes[-FITTED:]), np.log(values[-FITTED:]), 1)[0])


def score_table(found: Sequence[Row], experiment: Experiment) -> str:
    """Log likelihoods and calibration errors of one experiment as Markdown, without the sizes one by one."""
    mine = [row for row in found if row.experiment == experiment.name and not row.condition[-1].isdigit()]
    kinds = list(dict.fromkeys(row.condition for row in mine))
    low, high = experiment.context
    lines = [f"\n### {experiment.name}: contexts of {low} to {high}\n\n"]
    lines.append("| network |" + "".join(f" {kind} | calibration error |" for kind in kinds) + "\n")
    lines.append("|---" * (1 + 2 * len(kinds)) + "|\n")
    for network in dict.fromkeys(row.network for row in mine):
        by_kind = {row.condition: row for row in mine if row.network == network}
        values = [f" {by_kind[kind].log_likelihood} | {by_kind[kind].calibration:.4f} |" for kind in kinds]
        lines.append(f"| {network} |" + "".join(values) + "\n")
    return "".join(lines)


def difference_table(found: Sequence[Difference]) -> str:
    """The claim's comparisons as Markdown."""
    lines = ["\n### Inducing points against attention\n\n", "| trained on | asked for | networks | gain |\n"]
    lines.append("|---" * 4 + "|\n")
    for d in found:
        lines.append(f"| {d.experiment} | {d.condition} | {d.first} - {d.second} | {d.gain} |\n")
    return "".join(lines)


def cost_table(costs: Sequence[Cost]) -> str:
    """Costs at the largest contexts and how they grow, as Markdown."""
    lines = ["\n### Time and memory\n\n", "| process | largest context | training step, s | MB | query, ms |"]
    lines.append(" time ~ | memory ~ | query ~ | next |\n" + "|---" * 9 + "|\n")
    for name, method in METHODS.items():
        mine = [c for c in costs if c.method == name and c.train_seconds is not None]
        if not mine:
            continue
        failed = [c.context for c in costs if c.method == name and c.train_seconds is None]
        sizes = [c.context for c in mine]
        columns = [
            [getattr(c, kind) for c in mine] for kind in ("train_seconds", "megabytes", "query_seconds")
        ]
        seconds, megabytes, query = (column[-1] for column in columns)
        powers = " | ".join(f"{slope(sizes, column):.2f}" for column in columns)
        ends = f"out of memory at {failed[0]}" if failed else ""
        lines.append(
            f"| {method.label} | {sizes[-1]} | {seconds:.3g} | {megabytes:.0f} | {1e3 * query:.2f} |"
        )
        lines.append(f" {powers} | {ends} |\n")
    return "".join(lines)


def write_report(out: Path, setting: Setting) -> None:
    """table.md, results.json and the figures of all that is finished."""
    scores = {e.name: read_scores(out / "scores", e, setting) for e in setting.experiments}
    found = [row for e in setting.experiments for row in rows(e, scores[e.name])]
    against = [d for e in setting.experiments for d in differences(e, scores[e.name])]
    kept = out / "costs.json"
    costs = [Cost(**cost) for cost in json.loads(kept.read_text())] if kept.exists() else []
    trained = [e for e in setting.experiments if scores[e.name].keys() - EXACT_SCORERS.keys()]
    tables = [score_table(found, e) for e in trained]
    text = "".join([*tables, difference_table(against), cost_table(costs)])
    (out / "table.md").write_text(text.lstrip())
    results = {
        "setting": setting.name,
        "scores": [asdict(row) for row in found],
        "differences": [asdict(difference) for difference in against],
        "costs": [asdict(cost) for cost in costs],
    }
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    first = setting.experiments[0]
    draw_scores(out / "scores.png", first, scores[first.name])
    draw_costs(out / "costs.png", costs)
    draw_curves_figure(out, setting)
    draw_pictures_figure(out, setting)
