"""Phase and impute unphased targets with spinimpute and Beagle: switch error, dosage r2 and time of each.

python -m benchmarks.phasing.run --data DIR --out RESULTS [--sets ...] [--arrays ...] [--threads N]

DIR is laid out as for benchmarks.accuracy.run. The targets' phase is removed first. Each tool runs twice: for
phase alone, and for phase and dosages. RESULTS gets table.md, results.json, and each tool's output and log.
Needs bcftools, tabix and beagle. --score-only measures what an earlier run left.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.accuracy.run import problems
from benchmarks.accuracy.scores import read_imputed, squared_correlation
from benchmarks.accuracy.tools import Command, Cost, Problem, run
from benchmarks.phasing.switches import Switches, count_switches


@dataclass(frozen=True)
class Result:
    """One tool on one problem: cost of phasing alone and with imputation, switches, r2 at untyped sites."""

    problem: str
    array: str
    tool: str
    switches: Switches
    r2: float
    phasing: Cost
    both: Cost


def unphased(problem: Problem, work: Path) -> Problem:
    """The problem with the target's genotypes unphased, alleles in ascending order."""
    target = work / "unphased.vcf.gz"
    command: Command = ["bcftools", "+setGT", problem.target, "-Oz", "-o", target]
    with (work / "setgt.log.txt").open("wb") as log:
        subprocess.run([*command, "--", "-t", "a", "-n", "u"], check=True, stderr=log)
    return replace(problem, target=target)


def commands(tool: str, problem: Problem, prefix: Path, impute: bool, threads: int) -> Command:
    """How a tool is run; both take Beagle's parameters."""
    program: Command = ["beagle"] if tool == "beagle" else [sys.executable, "-m", "spinimpute", "impute"]
    parameters = {"ref": problem.panel, "gt": problem.target, "out": prefix, "nthreads": threads}
    parameters |= {"map": problem.map} if problem.map else {}
    return [*program, *(f"{key}={value}" for key, value in parameters.items()), f"impute={impute}".lower()]


def compare(problem: Problem, work: Path, threads: int, score_only: bool) -> list[Result]:
    """Run and score both tools on one problem."""
    given = unphased(problem, work)
    results = []
    for tool in ("spinimpute", "beagle"):
        costs = []
        for job in ("phased", "imputed"):
            prefix = work / f"{tool}.{job}"
            log = Path(f"{prefix}.output.txt")
            if not score_only:
                run(commands(tool, given, prefix, job == "imputed", threads), log)
            costs.append(Cost(**json.loads(Path(f"{log}.cost.json").read_text())))
        switches = count_switches(problem.target, work / f"{tool}.phased.vcf.gz")
        imputed = read_imputed(problem.truth, work / f"{tool}.imputed.vcf.gz")
        r2 = squared_correlation(imputed.dosages, problem.truth.counts)
        results.append(Result(problem.name, problem.array, tool, switches, r2, *costs))
    return results


def table(results: Sequence[Result]) -> str:
    """Both tools side by side as a markdown table."""
    heads = ["set / array", "switch error, %", "Beagle", "dosage r2", "Beagle"]
    heads += ["CPU s, phasing", "Beagle", "CPU s, with imputation", "Beagle"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for ours, beagle in zip(results[0::2], results[1::2], strict=True):
        pairs = [(f"{100 * r.switches.rate:.2f}", f"{r.r2:.4f}", *_cpu(r)) for r in (ours, beagle)]
        cells = [cell for pair in zip(*pairs, strict=True) for cell in pair]
        lines.append(f"| {ours.problem} / {ours.array} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cpu(result: Result) -> tuple[str, str]:
    return f"{result.phasing.cpu_seconds:.1f}", f"{result.both.cpu_seconds:.1f}"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", help="default: every folder of DATA with a panel.bcf")
    parser.add_argument("--arrays", nargs="+", help="default: every array of a set")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--score-only", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Run both tools on every problem, one at a time."""
    given = arguments()
    sets = given.sets or sorted(path.parent.name for path in given.data.glob("*/panel.bcf"))
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as scratch:
        for problem in problems(given.data, sets, given.arrays, Path(scratch)):
            work = given.out / f"{problem.name}.{problem.array}"
            work.mkdir(parents=True, exist_ok=True)
            results += compare(problem, work, given.threads, given.score_only)
            print(table(results[-2:]).splitlines()[2], flush=True)
            (given.out / "table.md").write_text(table(results))
            (given.out / "results.json").write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
