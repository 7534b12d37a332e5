"""Compare what --dry-run predicts with what was measured.

python -m benchmarks.speed.dry_run --data DIR --out RESULTS

RESULTS is where run.py wrote results.json and left its prepared panels. Ratios are predicted / measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.measurements import OURS, OURS_PREPARED, Measurement, Results
from benchmarks.speed.run import MODEL, TOOLS, read_problem
from spinimpute.config import ImputeConfig
from spinimpute.estimate import Estimate, estimate


@dataclass(frozen=True)
class Repeatable:
    """A measured run of spinimpute, and how to have it again."""

    measured: Measurement
    config: ImputeConfig

    @property
    def name(self) -> str:
        """The set, and the tool unless it is spinimpute from VCF."""
        tool = self.measured.tool
        return self.measured.problem if tool == OURS else f"{self.measured.problem}, {tool}"


def repeatable(results: Results, data: Path, out: Path) -> Iterator[Repeatable]:
    """Yield the runs of spinimpute; those whose prepared panel is gone from out are named on stderr."""
    threads = int(results.machine["threads"])
    for measured in results.measurements:
        if measured.tool in (OURS, OURS_PREPARED):
            run = Repeatable(measured, configuration(measured, data, out, threads))
            if measured.tool == OURS or run.config.ref.exists():
                yield run
            else:
                print(f"{run.name} left out: no {run.config.ref}", file=sys.stderr)


def configuration(measured: Measurement, data: Path, out: Path, threads: int) -> ImputeConfig:
    """A set imputed as run.py does, with out for its results."""
    problem = read_problem(data / measured.problem)
    prepared = TOOLS[measured.tool].prepared_name
    return ImputeConfig(
        ref=out / measured.problem / prepared if prepared else problem.panel,
        gt=problem.target,
        map=problem.map,
        out=str(out / "estimate"),
        model=MODEL,
        nthreads=threads,
    )


def ratios(predicted: Estimate, measured: Measurement) -> list[float]:
    """Predicted / measured time, memory and output size."""
    cost = measured.cost
    return [
        predicted.seconds / cost.seconds,
        predicted.memory_megabytes / cost.megabytes,
        predicted.output_megabytes / measured.output_megabytes,
    ]


def row(name: str, predicted: Estimate, measured: Measurement) -> str:
    """A line of a markdown table."""
    cost = measured.cost
    pairs = [
        (predicted.seconds, cost.seconds),
        (predicted.memory_megabytes, cost.megabytes),
        (predicted.output_megabytes, measured.output_megabytes),
    ]
    cells = [f"{p:.1f} / {m:.1f} = {p / m:.2f}" for p, m in pairs]
    return f"| {' | '.join([name, *cells])} |"


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    results = Results.read(given.out / "results.json")
    print("| set | seconds | memory, MB | output, MB | seconds to predict |\n|---|---|---|---|---|")
    for run in repeatable(results, given.data, given.out):
        began = time.perf_counter()
        predicted = estimate(run.config)
        took = time.perf_counter() - began
        print(f"{row(run.name, predicted, run.measured)} {took:.1f} |", flush=True)


if __name__ == "__main__":
    main()
