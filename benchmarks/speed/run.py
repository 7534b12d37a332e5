"""Run spinimpute, Beagle and Minimac4 on the same inputs and report time, memory and output size of each.

python -m benchmarks.speed.run --data DIR --out RESULTS [--sets ...] [--tools ...] [--repeats 3]

DIR holds sets as simulate_sets.py writes them. Every repeat runs the tools one after another, so that a slow
spell of the machine meets them all. Tools that are not installed or fail are left out, and failures reported.
RESULTS gets results.json, table.md, and each tool's last output and log.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pysam

from benchmarks.accuracy.tools import (
    Command,
    Cost,
    Output,
    Problem,
    Setting,
    prepare_minimac4,
    run,
    run_beagle,
    run_prepared_minimac4,
    run_spinimpute,
)
from benchmarks.speed.measurements import OURS, OURS_PREPARED, Measurement, Results, Size, table
from spinimpute import __version__

EXAMPLES = Path(__file__).parents[2] / "examples"
MODEL = "auto"


@dataclass(frozen=True)
class Tool:
    """How a tool imputes a problem from a panel, and how its own form of the panel is written, if it has
    one.
    """

    available: Callable[[], bool]
    impute: Callable[[Path, Problem, Setting], Output]
    prepare: Callable[[Problem, Path], Cost] | None = None
    prepared_name: str = ""


def _builds_panels() -> bool:
    """Whether this version has the command that prepares a panel."""
    command = [sys.executable, "-m", "spinimpute", "panel", "build", "--help"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _build_panel(problem: Problem, prepared: Path) -> Cost:
    command: Command = [sys.executable, "-m", "spinimpute", "panel", "build", "--ref", problem.panel]
    return run([*command, "--out", prepared], prepared.with_name("build.log.txt"))


def _spinimpute(name: str, panel: Path, problem: Problem, setting: Setting) -> Output:
    work = setting.work / name
    work.mkdir(exist_ok=True)
    output = run_spinimpute(MODEL, replace(problem, panel=panel), replace(setting, work=work))
    return replace(output, tool=name)


TOOLS = {
    OURS: Tool(lambda: True, lambda panel, problem, setting: _spinimpute(OURS, panel, problem, setting)),
    OURS_PREPARED: Tool(
        _builds_panels,
        lambda panel, problem, setting: _spinimpute(OURS_PREPARED, panel, problem, setting),
        _build_panel,
        "panel.spanel",
    ),
    "beagle": Tool(
        lambda: shutil.which("beagle") is not None,
        lambda panel, problem, setting: run_beagle(problem, setting),
    ),
    "minimac4": Tool(
        lambda: shutil.which("minimac4") is not None, run_prepared_minimac4, prepare_minimac4, "panel.msav"
    ),
}


def read_problem(folder: Path) -> Problem:
    """A set."""
    return Problem(
        folder.name,
        "sim",
        folder / "panel.vcf.gz",
        hidden=folder / "truth.vcf.gz",
        target=folder / "target.vcf.gz",
        map=folder / "plink.map",
    )


def measure_size(problem: Problem) -> Size:
    """Count what a set consists of; both files need an index."""
    with pysam.VariantFile(str(problem.panel)) as panel, pysam.VariantFile(str(problem.target)) as target:
        contigs = panel.header.contigs.values()
        return Size(
            panel_haplotypes=2 * len(panel.header.samples),
            targets=len(target.header.samples),
            records=_records(problem.panel),
            typed=_records(problem.target),
            megabases=sum(contig.length or 0 for contig in contigs) / 1e6,
        )


def _records(path: Path) -> int:
    counted = subprocess.run(["bcftools", "index", "-n", path], check=True, capture_output=True)
    return int(counted.stdout)


def measure(
    problem: Problem, tools: Iterable[str], setting: Setting, repeats: int, failures: list[str]
) -> list[Measurement]:
    """Run the tools on a set; one that fails is left out of further repeats and of the result."""
    costs: dict[str, list[Cost]] = {name: [] for name in tools}
    outputs: dict[str, Output] = {}
    panels: dict[str, Path] = {}
    prepared: dict[str, Cost] = {}
    for _ in range(repeats):
        for name in list(costs):
            tool = TOOLS[name]
            try:
                if name not in panels and tool.prepare:
                    panels[name] = setting.work / tool.prepared_name
                    prepared[name] = tool.prepare(problem, panels[name])
                outputs[name] = tool.impute(panels.setdefault(name, problem.panel), problem, setting)
                costs[name].append(outputs[name].cost)
            except RuntimeError as error:
                failures.append(f"{problem.name}: {error}")
                print(failures[-1], file=sys.stderr, flush=True)
                del costs[name]
    size = measure_size(problem)
    return [
        Measurement(
            problem.name,
            name,
            size,
            tuple(costs[name]),
            round(outputs[name].imputed.stat().st_size / 1e6, 3),
            prepared.get(name),
        )
        for name in costs
    ]


def warm_up(setting: Setting) -> None:
    """Impute the examples, unmeasured: the first run after installing compiles the kernels."""
    work = setting.work / "warm-up"
    work.mkdir(parents=True, exist_ok=True)
    run_spinimpute(MODEL, read_problem(EXAMPLES), replace(setting, work=work))


def describe_machine(threads: int) -> dict[str, str]:
    """Where and when the figures were measured."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": models[0] if models else platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "threads": str(threads),
        "spinimpute": __version__,
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", help="default: every folder of DATA with a panel.vcf.gz")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Measure every tool on every set, one at a time; results are written after each set."""
    given = arguments()
    sets = given.sets or sorted(path.parent.name for path in given.data.glob("*/panel.vcf.gz"))
    tools = [name for name in given.tools if TOOLS[name].available()]
    warm_up(Setting(given.out, given.threads))
    measurements: list[Measurement] = []
    failures = [f"{name} is not available" for name in given.tools if name not in tools]
    for name in sets:
        work = given.out / name
        work.mkdir(parents=True, exist_ok=True)
        problem = read_problem(given.data / name)
        measurements += measure(problem, tools, Setting(work, given.threads), given.repeats, failures)
        results = Results(describe_machine(given.threads), tuple(measurements), tuple(failures))
        results.write(given.out / "results.json")
        (given.out / "table.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
