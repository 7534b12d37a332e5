"""Compare what --dry-run predicts with what was measured.

python -m benchmarks.speed.dry_run --data DIR --out RESULTS

RESULTS is where run.py wrote results.json. Ratios are predicted / measured.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.speed.measurements import OURS, Measurement, Results
from benchmarks.speed.run import MODEL, read_problem
from spinimpute.config import ImputeConfig
from spinimpute.estimate import Estimate, estimate


def configuration(folder: Path, out: Path, threads: int) -> ImputeConfig:
    """A set imputed as run.py does."""
    problem = read_problem(folder)
    return ImputeConfig(
        ref=problem.panel,
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
    """Print a line for each set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    results = Results.read(given.out / "results.json")
    print("| set | seconds | memory, MB | output, MB | seconds to predict |\n|---|---|---|---|---|")
    for measured in results.measurements:
        if measured.tool != OURS:
            continue
        began = time.perf_counter()
        config = configuration(given.data / measured.problem, given.out, int(results.machine["threads"]))
        predicted = estimate(config)
        took = time.perf_counter() - began
        print(f"{row(measured.problem, predicted, measured)} {took:.1f} |", flush=True)


if __name__ == "__main__":
    main()
