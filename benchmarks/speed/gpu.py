"""Run the same imputation on CPU and GPU: whole processes, their doses, and what the network takes of it.

python -m benchmarks.speed.gpu --data DIR --out OUT [--sets cohort1000] [--models spin-small spin-base]

DIR holds sets as simulate_sets.py writes them. Processes of both devices alternate. Then each device's run is
repeated in this process with the network watched: its share of the time that windows take, the seconds that
the GPU computes, and what is carried there and back, beside the floors that this machine's arithmetic and
memory set. OUT gets gpu.json and gpu.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import cyvcf2
import numpy as np
import torch

from benchmarks.accuracy.tools import Cost, Output, Problem, Setting, run_spinimpute
from benchmarks.speed.measurements import median_cost
from benchmarks.speed.run import EXAMPLES, describe_machine, read_problem
from benchmarks.speed.watched import Ceilings, Profile, ceilings, profile
from spinimpute.config import ImputeConfig

DEVICES = ("cpu", "cuda")
COMPARED = 10_000  # records, the first


@dataclass(frozen=True)
class Difference:
    """Doses of the GPU's output beside the CPU's: absolute differences, and their squared correlation."""

    largest: float
    mean: float
    r2: float


@dataclass(frozen=True)
class Result:
    """One set by one model."""

    problem: str
    model: str
    costs: dict[str, Cost]  # medians, by device
    profiles: dict[str, Profile]
    difference: Difference


def impute(device: str, model: str, problem: Problem, out: Path, threads: int) -> Output:
    """Impute in a process of its own."""
    work = out / device
    work.mkdir(parents=True, exist_ok=True)
    return run_spinimpute(model, problem, Setting(work, threads), "--device", device)


def compare(ours: Path, other: Path) -> Difference:
    """Doses of two files with the same records, at the first of them."""
    records = zip(cyvcf2.VCF(str(ours)), cyvcf2.VCF(str(other)), strict=True)
    doses = np.array([[record.format("DS").ravel() for record in pair] for pair in islice(records, COMPARED)])
    difference = np.abs(doses[:, 0] - doses[:, 1])
    r = np.corrcoef(doses[:, 0].ravel(), doses[:, 1].ravel())[0, 1]
    return Difference(float(difference.max()), float(difference.mean()), float(r**2))


def measure(problem: Problem, model: str, out: Path, threads: int, repeats: int) -> Result:
    """Everything about one set and model."""
    costs: dict[str, list[Cost]] = {device: [] for device in DEVICES}
    imputed: dict[str, Path] = {}
    for _ in range(repeats):
        for device in DEVICES:
            output = impute(device, model, problem, out, threads)
            costs[device].append(output.cost)
            imputed[device] = output.imputed
    profiles = {}
    for device in DEVICES:
        config = ImputeConfig(
            ref=problem.panel, gt=problem.target, map=problem.map, out=str(out / "watched"), model=model,
            device=device, nthreads=threads,
        )  # fmt: skip
        profiles[device] = profile(config)
    difference = compare(*(imputed[device] for device in DEVICES))
    return Result(problem.name, model, {d: median_cost(c) for d, c in costs.items()}, profiles, difference)


COLUMNS = (
    "set", "model", "device", "seconds", "CPU seconds", "MB", "GPU MB", "windows / s", "network's share",
    "GPU computes", "arithmetic", "memory", "carried, MB", "carrying",
)  # fmt: skip


def table(results: list[Result], limits: Ceilings) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for result in results:
        for device, watched in result.profiles.items():
            cells = [result.problem, result.model, device, *_cells(result.costs[device], watched)]
            if device != "cpu":
                cells += [f"{watched.compute_seconds:.2f}", *(f"{s:.3f}" for s in limits.computing(watched))]
                cells += [f"{watched.carried / 1e6:.0f}", f"{limits.carrying(watched):.2f}"]
            lines.append("| " + " | ".join([*cells, *[""] * (len(COLUMNS) - len(cells))]) + " |")
    for result in results:
        d = result.difference
        lines.append(
            f"\n{result.problem}, {result.model}: doses differ by {d.largest:.4f} at most, {d.mean:.1e} on"
            f" average; r2 between them {d.r2:.7f}."
        )
    return "\n".join([*lines, f"\n{limits}"]) + "\n"


def _cells(cost: Cost, watched: Profile) -> list[str]:
    return [
        f"{cost.seconds:.1f}",
        f"{cost.cpu_seconds:.1f}",
        f"{cost.megabytes:.0f}",
        f"{watched.gpu_megabytes:.0f}",
        f"{watched.windows / watched.window_seconds:.2f}",
        f"{watched.network_share:.2f}",
    ]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["cohort1000"])
    parser.add_argument("--models", nargs="+", default=["spin-small", "spin-base"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Measure every set with every model; results are written after each."""
    given = arguments()
    limits = ceilings()
    machine = {**describe_machine(given.threads), "gpu": torch.cuda.get_device_name()}
    results: list[Result] = []
    for name in given.sets:
        problem = read_problem(given.data / name)
        for model in given.models:
            work = given.out / name / model
            work.mkdir(parents=True, exist_ok=True)
            for device in DEVICES:  # compiles, unmeasured
                impute(device, model, read_problem(EXAMPLES), work, given.threads)
            results.append(measure(problem, model, work, given.threads, given.repeats))
            written = {"machine": machine, "limits": asdict(limits), "results": [asdict(r) for r in results]}
            (given.out / "gpu.json").write_text(json.dumps(written, indent=1, default=str))
            (given.out / "gpu.md").write_text(table(results, limits))
    print(table(results, limits))


if __name__ == "__main__":
    main()
