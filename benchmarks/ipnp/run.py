"""Neural processes of the paper: accuracy, calibration, time and memory against the size of the context.

python -m benchmarks.ipnp.run --out RESULTS [--setting quick|full] [--device cpu|cuda] [--report-only]

RESULTS gets table.md, results.json and figures; and, in cells/ and scores/, what is finished: a run that was
cut off goes on from there. --report-only reports that much. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.ipnp.cost import METHODS, Cost
from benchmarks.ipnp.evaluation import EXACT_SCORERS, evaluate, network_scorer, write_measured
from benchmarks.ipnp.report import write_report
from benchmarks.ipnp.settings import SETTINGS, Setting
from benchmarks.ipnp.training import train_cell
from spinimpute.spin.device import choose_device

LONGEST = 4.0  # seconds of a training step, after which larger contexts are not tried


def fill_scores(out: Path, setting: Setting, device: torch.device) -> None:
    """Train and evaluate every network; the exact answers to the same questions."""
    for experiment in setting.experiments:
        for name, scorer in EXACT_SCORERS.items():
            path = out / "scores" / f"{experiment.name}@{name}@0.json"
            if experiment.data == "curves" and not path.exists():
                write_measured(path, evaluate(experiment, setting, device, scorer))
    for cell in setting.cells():
        path = out / "scores" / f"{cell.key}.json"
        if not path.exists():
            trained = train_cell(cell, out / "cells", device)
            scorer = network_scorer(trained.process, setting.samples)
            write_measured(path, evaluate(cell.experiment, setting, device, scorer))


def fill_costs(path: Path, setting: Setting, device: torch.device) -> None:
    """Measure every method at growing contexts until it is out of memory or takes too long."""
    costs = [Cost(**cost) for cost in json.loads(path.read_text())] if path.exists() else []
    for method in METHODS:
        for size in setting.cost_sizes:
            done = next((c for c in costs if (c.method, c.context) == (method, size)), None)
            if done is None:
                done = _measure(method, size, setting, device)
                costs.append(done)
                path.write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n")
            if done.train_seconds is None or done.train_seconds > LONGEST:
                break


def _measure(method: str, size: int, setting: Setting, device: torch.device) -> Cost:
    """One point in its own process."""
    sizes = [str(size), str(setting.cost_batch), str(setting.cost_width)]
    command = [sys.executable, "-m", "benchmarks.ipnp.cost", method, *sizes, device.type]
    ended = subprocess.run(
        [*command, str(setting.memory_limit)], check=True, stdout=subprocess.PIPE, text=True
    )
    print(ended.stdout.strip(), flush=True)
    return Cost(**json.loads(ended.stdout))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--setting", choices=SETTINGS, default="quick")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report-only", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Train, evaluate, measure, report."""
    given = arguments()
    torch.set_num_threads(given.threads)
    setting, out, device = SETTINGS[given.setting], given.out, torch.device(choose_device(given.device))
    for folder in ("cells", "scores"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    if not given.report_only:
        fill_costs(out / "costs.json", setting, device)
        fill_scores(out, setting, device)
    write_report(out, setting)


if __name__ == "__main__":
    main()
