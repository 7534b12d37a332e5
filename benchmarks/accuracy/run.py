"""Run spinimpute, Beagle and Minimac4 on the same inputs and report accuracy, time and memory of each.

python benchmarks/accuracy/run.py --data DIR --out RESULTS [--sets ...] [--arrays ...] [--tools ...]

DIR holds a folder for each set: panel.bcf, truth.bcf, plink.map and target.ARRAY.vcf.gz for each array. Needs
bcftools and tabix; tools that are not installed are left out. RESULTS gets table.md, results.json, and
each tool's output and log.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from spinimpute.evaluate import MAF_EDGES, Accuracy, Truth, read_truth, score

ARRAYS = ("omni2.5", "gsa", "ukb")
BASELINE = "beagle"
MEASURE = Path(__file__).parents[1] / "measure.py"

Command = list[str | Path]


@dataclass(frozen=True)
class Cost:
    """Wall time and peak memory of one whole process."""

    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Problem:
    """The input of one comparison; every tool reads the same panel as VCF.gz."""

    name: str
    array: str
    panel: Path
    hidden: Path
    target: Path
    map: Path

    @cached_property
    def truth(self) -> Truth:
        """The sites to score."""
        return read_truth(self.hidden, self.panel, self.target)


@dataclass(frozen=True)
class Result:
    """One tool on one problem; `prepare` is what preparing the panel cost, for tools that need it."""

    problem: str
    array: str
    tool: str
    accuracy: Accuracy
    cost: Cost
    prepare: Cost | None = None


@dataclass(frozen=True)
class Setting:
    """How the tools are run."""

    work: Path
    threads: int
    model: str | None


def run(command: Sequence[str | Path], log: Path) -> Cost:
    """Run a command to its end, its output in a log; RuntimeError if it fails."""
    report = log.with_name(log.name + ".cost.json")
    launcher = [sys.executable, "-S", str(MEASURE), str(report), *map(str, command)]
    with log.open("wb") as output:
        status = subprocess.call(launcher, stdout=output, stderr=subprocess.STDOUT)
    if status:
        raise RuntimeError(f"{command[0]} failed with status {status}; see {log}")
    return Cost(**json.loads(report.read_text()))


def run_spinimpute(problem: Problem, setting: Setting) -> Result:
    """Impute with this version of spinimpute."""
    imputed = setting.work / "spinimpute.vcf.gz"
    command: Command = [
        sys.executable,
        "-m",
        "spinimpute",
        "impute",
        "--ref",
        problem.panel,
        "--gt",
        problem.target,
    ]
    command += ["--map", problem.map, "--out", imputed, "--nthreads", str(setting.threads)]
    command += ["--model", setting.model] if setting.model else []
    return _result(problem, "spinimpute", imputed, run(command, setting.work / "spinimpute.log.txt"))


def run_beagle(problem: Problem, setting: Setting) -> Result:
    """Impute with Beagle 5."""
    prefix = setting.work / "beagle"
    command: Command = ["beagle", f"ref={problem.panel}", f"gt={problem.target}", f"map={problem.map}"]
    command += [f"out={prefix}", f"nthreads={setting.threads}"]
    return _result(problem, "beagle", Path(f"{prefix}.vcf.gz"), run(command, setting.work / "beagle.log.txt"))


def run_minimac4(problem: Problem, setting: Setting) -> Result:
    """Impute with Minimac4, whose panel is prepared first."""
    prepared, imputed = setting.work / "panel.msav", setting.work / "minimac4.vcf.gz"
    prepare = run(
        ["minimac4", "--compress-reference", problem.panel, "-o", prepared], setting.work / "prepare.log.txt"
    )
    plink = [line.split() for line in problem.map.read_text().splitlines()]
    own_map = setting.work / "minimac4.map"
    own_map.write_text("".join(["#chr\tpos\tcM\n", *(f"{c}\t{pos}\t{cm}\n" for c, _, cm, pos in plink)]))
    command: Command = ["minimac4", prepared, problem.target, "-m", own_map, "-f", "GT,DS", "-O", "vcf.gz"]
    command += ["-o", imputed, "--threads", str(setting.threads)]
    return _result(problem, "minimac4", imputed, run(command, setting.work / "minimac4.log.txt"), prepare)


TOOLS = {"spinimpute": run_spinimpute, "beagle": run_beagle, "minimac4": run_minimac4}


def _result(problem: Problem, tool: str, imputed: Path, cost: Cost, prepare: Cost | None = None) -> Result:
    return Result(problem.name, problem.array, tool, score(problem.truth, imputed), cost, prepare)


def problems(data: Path, sets: Iterable[str], arrays: Iterable[str], work: Path) -> Iterable[Problem]:
    """The comparisons for which there is a target; writes each set's panel as indexed VCF.gz."""
    for name in sets:
        folder = data / name
        panel = work / f"{name}.panel.vcf.gz"
        subprocess.run(["bcftools", "view", "-Oz", "-o", panel, folder / "panel.bcf"], check=True)
        subprocess.run(["tabix", "-p", "vcf", panel], check=True)
        for array in arrays:
            target = folder / f"target.{array}.vcf.gz"
            if target.exists():
                yield Problem(name, array, panel, folder / "truth.bcf", target, folder / "plink.map")


def table(results: Sequence[Result]) -> str:
    """The results as a markdown table; "fewer errors" is how much of the baseline's 1 - r2 a tool saves."""
    bins = [f"<= {high:.1%}" for high in MAF_EDGES[1:]]
    heads = ["set / array", "tool", *bins, "all", "fewer errors", "seconds", "MB"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    baseline = {(r.problem, r.array): r.accuracy.overall for r in results if r.tool == BASELINE}
    for result in results:
        overall = result.accuracy.overall
        against = baseline.get((result.problem, result.array))
        saved = (
            "" if against is None or result.tool == BASELINE else f"{1 - (1 - overall) / (1 - against):.0%}"
        )
        cells = [f"{result.problem} / {result.array}", result.tool]
        cells += ["" if value != value else f"{value:.4f}" for value in (*result.accuracy.by_maf, overall)]
        cells += [saved, _seconds(result), f"{result.cost.megabytes:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _seconds(result: Result) -> str:
    prepare = f" (+ {result.prepare.seconds:.1f} to prepare)" if result.prepare else ""
    return f"{result.cost.seconds:.1f}{prepare}"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", help="default: every folder of DATA with a panel.bcf")
    parser.add_argument("--arrays", nargs="+", default=ARRAYS)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", help="spinimpute's --model")
    return parser.parse_args()


def main() -> None:
    """Run every tool on every problem, one at a time."""
    given = arguments()
    sets = given.sets or sorted(path.parent.name for path in given.data.glob("*/panel.bcf"))
    tools = [tool for tool in given.tools if tool == "spinimpute" or shutil.which(tool)]
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as scratch:
        for problem in problems(given.data, sets, given.arrays, Path(scratch)):
            for tool in tools:
                work = given.out / f"{problem.name}.{problem.array}"
                work.mkdir(parents=True, exist_ok=True)
                results.append(TOOLS[tool](problem, Setting(work, given.threads, given.model)))
                print(table(results[-1:]).splitlines()[-1], flush=True)
                (given.out / "table.md").write_text(table(results))
                (given.out / "results.json").write_text(
                    json.dumps([asdict(r) for r in results], indent=1) + "\n"
                )


if __name__ == "__main__":
    main()
