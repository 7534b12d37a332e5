"""Fit the coefficients of spinimpute/estimate.py to measured runs.

python -m benchmarks.speed.fit_estimate --data DIR RESULTS [RESULTS ...]

RESULTS are results.json files of run.py on sets of DIR, with the prepared panels where run.py left them.
Prints the coefficients, to be put in their place, and the ratios of predicted to measured that they give.
Least squares of log ratios; what the runs do not determine stays near its present value.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.dry_run import ratios, repeatable, row
from benchmarks.speed.measurements import Measurement, Results
from spinimpute.config import ImputeConfig
from spinimpute.estimate import COEFFICIENTS, Coefficients, predict
from spinimpute.workload import Workload, survey

STEPS = 100
DAMPING = 0.03  # weight of a coefficient's log change beside a run's log ratio, squared
DIFFERENCE = 1e-4


@dataclass(frozen=True)
class Run:
    """A measured run with its counts."""

    name: str
    work: Workload
    config: ImputeConfig
    measured: Measurement


def read_runs(data: Path, sources: list[Path]) -> list[Run]:
    """All runs of spinimpute, from VCF and from prepared panels."""
    return [
        Run(run.name, survey(run.config), run.config, run.measured)
        for source in sources
        for run in repeatable(Results.read(source), data, source.parent)
    ]


def fit(runs: list[Run], start: Coefficients = COEFFICIENTS) -> Coefficients:
    """Coefficients whose predictions are nearest to what was measured."""
    names = list(asdict(start))
    begun = np.log(list(asdict(start).values()))

    def coefficients(logs: NDArray[np.float64]) -> Coefficients:
        return Coefficients(**dict(zip(names, np.exp(logs).tolist(), strict=True)))

    def misfit(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        cost = coefficients(logs)
        off = [np.log(ratios(predict(run.work, run.config, cost), run.measured)) for run in runs]
        return np.concatenate([*off, np.sqrt(DAMPING) * (logs - begun)])

    logs = begun.copy()
    for _ in range(STEPS):
        off = misfit(logs)
        slopes = [(misfit(logs + DIFFERENCE * unit) - off) / DIFFERENCE for unit in np.eye(len(logs))]
        step = np.linalg.lstsq(np.stack(slopes, axis=1), -off, rcond=None)[0]
        # Whole steps overshoot where another stage becomes the slowest.
        logs += np.clip(0.5 * step, -0.5, 0.5)
    return coefficients(logs)


def main() -> None:
    """Print fitted coefficients and how they predict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("results", type=Path, nargs="+")
    given = parser.parse_args()
    runs = read_runs(given.data, given.results)
    fitted = fit(runs)
    for name, value in asdict(fitted).items():
        print(f"    {name}: float = {value:.2g}")
    print("\n| set | seconds | memory, MB | output, MB |\n|---|---|---|---|")
    for run in runs:
        print(row(run.name, predict(run.work, run.config, fitted), run.measured))


if __name__ == "__main__":
    main()
