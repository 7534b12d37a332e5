"""Run spinimpute, Beagle and Minimac4 on the same inputs and report accuracy, time and memory of each.

python -m benchmarks.accuracy.run --data DIR --out RESULTS [--sets ...] [--arrays ...]
    [--models ...] [--calibrate ...] [--peers ...]

DIR holds a folder for each set: panel.bcf, truth.bcf, target.ARRAY.vcf.gz for each array, and plink.map;
without one the tools run without a map. Needs bcftools and tabix; peers that are not installed and tools
that fail are left out.
RESULTS gets table.md, quality.md, results.json, and each tool's output and log. --score-only measures outputs
that are there already, and takes over their costs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.accuracy.report import Result, compare, quality_table, table
from benchmarks.accuracy.tools import (
    CALIBRATED,
    PEERS,
    Cost,
    Output,
    Problem,
    Setting,
    run_calibrated,
    run_spinimpute,
)
from spinimpute.model_store import shipped_models

Tool = Callable[[Problem, Setting], Output]


def problems(data: Path, sets: Iterable[str], arrays: Iterable[str] | None, work: Path) -> Iterable[Problem]:
    """The comparisons for which there is a target; writes each set's panel as indexed VCF.gz."""
    for name in sets:
        folder = data / name
        panel = work / f"{name}.panel.vcf.gz"
        subprocess.run(["bcftools", "view", "-Oz", "-o", panel, folder / "panel.bcf"], check=True)
        subprocess.run(["tabix", "-p", "vcf", panel], check=True)
        genetic_map = folder / "plink.map"
        there = sorted(path.name.split(".", 1)[1][:-7] for path in folder.glob("target.*.vcf.gz"))
        for array in there if arrays is None else [array for array in arrays if array in there]:
            yield Problem(
                name,
                array,
                panel,
                hidden=folder / "truth.bcf",
                target=folder / f"target.{array}.vcf.gz",
                map=genetic_map if genetic_map.exists() else None,
            )


def write(out: Path, results: list[Result]) -> None:
    """Write everything measured so far."""
    (out / "table.md").write_text(table(results))
    (out / "quality.md").write_text(quality_table(results))
    (out / "results.json").write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", help="default: every folder of DATA with a panel.bcf")
    parser.add_argument("--arrays", nargs="+", help="default: every array of a set")
    parser.add_argument("--models", nargs="*", default=[model.name for model in shipped_models()])
    parser.add_argument(
        "--calibrate", nargs="*", default=[], help="models to calibrate on each panel and array too"
    )
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--score-only", action="store_true")
    return parser.parse_args()


def earlier(work: Path, tools: Iterable[str]) -> list[Output]:
    """What an earlier run of the tools left in a folder."""
    outputs = []
    for tool in tools:
        prepare = work / f"{'' if tool == 'minimac4' else f'{tool}.'}prepare.log.txt.cost.json"
        cost = work / f"{tool}.log.txt.cost.json"
        if not cost.exists():
            continue  # it failed
        outputs.append(
            Output(
                tool,
                work / f"{tool}.vcf.gz",
                Cost(**json.loads(cost.read_text())),
                Cost(**json.loads(prepare.read_text())) if prepare.exists() else None,
            )
        )
    return outputs


def attempt(tools: Mapping[str, Tool], problem: Problem, setting: Setting) -> list[Output]:
    """Run the tools one after another; one that fails is reported and left out."""
    outputs = []
    for tool in tools.values():
        try:
            outputs.append(tool(problem, setting))
        except RuntimeError as error:
            print(f"{problem.name} / {problem.array}: {error}", file=sys.stderr, flush=True)
    return outputs


def main() -> None:
    """Run every tool on every problem, one at a time."""
    given = arguments()
    sets = given.sets or sorted(path.parent.name for path in given.data.glob("*/panel.bcf"))
    tools: dict[str, Tool] = {Path(model).name: partial(run_spinimpute, model) for model in given.models}
    tools |= {f"{Path(m).name}{CALIBRATED}": partial(run_calibrated, m) for m in given.calibrate}
    tools |= {peer: PEERS[peer] for peer in given.peers if shutil.which(peer)}
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as scratch:
        for problem in problems(given.data, sets, given.arrays, Path(scratch)):
            work = given.out / f"{problem.name}.{problem.array}"
            work.mkdir(parents=True, exist_ok=True)
            setting = Setting(work, given.threads)
            outputs = earlier(work, tools) if given.score_only else attempt(tools, problem, setting)
            if not outputs:
                continue
            results += compare(problem.name, problem.array, problem.truth, outputs)
            print(*table(results[-len(outputs) :]).splitlines()[2:], sep="\n", flush=True)
            write(given.out, results)


if __name__ == "__main__":
    main()
