"""The results of a benchmark: every measure of every tool on every problem, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.measures import (
    Calibration,
    Dr2,
    FewerErrors,
    PersonR2,
    calibration,
    dr2,
    fewer_errors,
    person_r2,
    person_sums,
    site_r2,
    usable_sites,
)
from benchmarks.accuracy.scores import Accuracy, Truth, accuracy, read_imputed
from benchmarks.accuracy.tools import Cost, Output
from spinimpute.config import MAF_EDGES

BASELINE = "beagle"


@dataclass(frozen=True)
class Quality:
    """What is measured next to accuracy; `fewer_errors` is none where the baseline did not run."""

    calibration: Calibration
    dr2: Dr2
    person_r2: PersonR2
    fewer_errors: FewerErrors | None = None


@dataclass(frozen=True)
class Result:
    """One tool on one problem; `prepare` is what preparing the panel cost, for tools that need it."""

    problem: str
    array: str
    tool: str
    accuracy: Accuracy
    cost: Cost
    prepare: Cost | None = None
    quality: Quality | None = None


def compare(name: str, array: str, truth: Truth, outputs: Sequence[Output]) -> list[Result]:
    """Score the tools' outputs on one problem, with each other: on the same people and the same sites."""
    imputed = [read_imputed(truth, output.imputed) for output in outputs]
    sums = [person_sums(truth, one.dosages) for one in imputed]
    true_r2 = [site_r2(truth, one.dosages) for one in imputed]
    usable = usable_sites(truth, imputed, true_r2)
    baseline = next((s for o, s in zip(outputs, sums, strict=True) if o.tool == BASELINE), None)
    results = []
    for i, output in enumerate(outputs):
        compared = baseline is not None and output.tool != BASELINE
        quality = Quality(
            calibration=calibration(truth, imputed[i].dosages),
            dr2=dr2(imputed[i].estimated_r2, true_r2[i], usable),
            person_r2=person_r2(sums[i]),
            fewer_errors=fewer_errors(sums[i], baseline) if compared and baseline is not None else None,
        )
        score = accuracy(truth, imputed[i])
        results.append(Result(name, array, output.tool, score, output.cost, output.prepare, quality))
    return results


def table(results: Sequence[Result]) -> str:
    """Accuracy and cost as a markdown table."""
    bins = [f"<= {high:.1%}" for high in MAF_EDGES[1:]]
    heads = ["set / array", "tool", *bins, "all", "fewer errors", "seconds", "MB"]
    lines = _head(heads)
    for result in results:
        cells = [_number(value) for value in (*result.accuracy.by_maf, result.accuracy.overall)]
        cells += [_saved(result), _seconds(result), f"{result.cost.megabytes:.0f}"]
        lines.append(_line(result, cells))
    return "\n".join(lines) + "\n"


def quality_table(results: Sequence[Result]) -> str:
    """Calibration, DR2 and the r2 of single people as a markdown table."""
    people = [f"{which} person r2" for which in ("lowest", "median", "highest")]
    lines = _head(["set / array", "tool", "calibration", "DR2 correlation", "DR2 sites", *people])
    for result in results:
        if result.quality is not None:
            quality, person = result.quality, result.quality.person_r2
            cells = [
                f"{quality.calibration.largest_weighted_deviation:.5f}",
                _number(quality.dr2.correlation),
            ]
            cells += [str(quality.dr2.sites), *map(_number, (person.min, person.median, person.max))]
            lines.append(_line(result, cells))
    return "\n".join(lines) + "\n"


def _head(heads: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]


def _line(result: Result, cells: Sequence[str]) -> str:
    return f"| {' | '.join([f'{result.problem} / {result.array}', result.tool, *cells])} |"


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"


def _saved(result: Result) -> str:
    if result.quality is None or result.quality.fewer_errors is None:
        return ""
    overall = result.quality.fewer_errors.overall
    return f"{overall.estimate:.0%} ({overall.low:.0%} to {overall.high:.0%})"


def _seconds(result: Result) -> str:
    prepare = f" (+ {result.prepare.seconds:.1f} to prepare)" if result.prepare else ""
    return f"{result.cost.seconds:.1f}{prepare}"
