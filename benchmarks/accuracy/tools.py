"""The imputation tools: how each is run on a problem, alone, with its time and memory measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from benchmarks.accuracy.scores import Truth, read_truth

CALIBRATED = "-calibrated"
MEASURE = Path(__file__).parents[1] / "measure.py"

Command = list[str | Path]


@dataclass(frozen=True)
class Cost:
    """Wall time, peak memory, and user and system time of one whole process."""

    seconds: float
    megabytes: float
    cpu_seconds: float | None = None  # results of older versions lack it


@dataclass(frozen=True)
class Problem:
    """The input of one comparison; every tool reads the same panel as VCF.gz."""

    name: str
    array: str
    panel: Path
    hidden: Path
    target: Path
    map: Path | None  # none: the tools run without one

    @cached_property
    def truth(self) -> Truth:
        """The sites to score."""
        return read_truth(self.hidden, self.panel, self.target)


@dataclass(frozen=True)
class Output:
    """What one tool made of a problem; `prepare` is what preparing the panel cost, for tools that need it."""

    tool: str
    imputed: Path
    cost: Cost
    prepare: Cost | None = None


@dataclass(frozen=True)
class Setting:
    """How the tools are run."""

    work: Path
    threads: int


def run(command: Sequence[str | Path], log: Path) -> Cost:
    """Run a command to its end, its output in a log; RuntimeError if it fails."""
    report = log.with_name(log.name + ".cost.json")
    launcher = [sys.executable, "-S", str(MEASURE), str(report), *map(str, command)]
    with log.open("wb") as output:
        status = subprocess.call(launcher, stdout=output, stderr=subprocess.STDOUT)
    if status:
        report.unlink(missing_ok=True)
        raise RuntimeError(f"{command[0]} failed with status {status}; see {log}")
    return Cost(**json.loads(report.read_text()))


def run_spinimpute(model: str, problem: Problem, setting: Setting, *options: str) -> Output:
    """Impute with this version of spinimpute and one of its models, and further options of the command."""
    name = Path(model).name
    imputed = setting.work / f"{name}.vcf.gz"
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
    command += ["--out", imputed, "--nthreads", str(setting.threads)]
    command += ["--map", problem.map] if problem.map else []
    command += ["--model", model, *options]
    return Output(name, imputed, run(command, setting.work / f"{name}.log.txt"))


def run_calibrated(model: str, problem: Problem, setting: Setting) -> Output:
    """Calibrate one of the models on the panel and the target's array, and impute with what comes out."""
    folder = setting.work / f"{Path(model).name}{CALIBRATED}"
    command: Command = [sys.executable, "-m", "spinimpute", "calibrate", "--ref", problem.panel]
    command += ["--gt", problem.target, "--out", folder, "--nthreads", str(setting.threads)]
    command += ["--map", problem.map] if problem.map else []
    prepare = run([*command, "--model", model], setting.work / f"{folder.name}.prepare.log.txt")
    return replace(run_spinimpute(str(folder), problem, setting), prepare=prepare)


def run_beagle(problem: Problem, setting: Setting) -> Output:
    """Impute with Beagle 5."""
    prefix = setting.work / "beagle"
    command: Command = ["beagle", f"ref={problem.panel}", f"gt={problem.target}", f"out={prefix}"]
    command += [f"nthreads={setting.threads}", *([f"map={problem.map}"] if problem.map else [])]
    return Output("beagle", Path(f"{prefix}.vcf.gz"), run(command, setting.work / "beagle.log.txt"))


def run_minimac4(problem: Problem, setting: Setting) -> Output:
    """Impute with Minimac4, whose panel is prepared first."""
    prepared = setting.work / "panel.msav"
    prepare = prepare_minimac4(problem, prepared)
    output = run_prepared_minimac4(prepared, problem, setting)
    return Output(output.tool, output.imputed, output.cost, prepare)


def prepare_minimac4(problem: Problem, prepared: Path) -> Cost:
    """Write Minimac4's own form of the panel; its log goes beside it."""
    command: Command = ["minimac4", "--compress-reference", problem.panel, "-o", prepared]
    return run(command, prepared.with_name("prepare.log.txt"))


def run_prepared_minimac4(prepared: Path, problem: Problem, setting: Setting) -> Output:
    """Impute with Minimac4 from a prepared panel."""
    imputed = setting.work / "minimac4.vcf.gz"
    command: Command = ["minimac4", prepared, problem.target, "-f", "GT,DS", "-O", "vcf.gz"]
    command += ["-m", _minimac_map(problem.map, setting.work)] if problem.map else []
    command += ["-o", imputed, "--threads", str(setting.threads)]
    return Output("minimac4", imputed, run(command, setting.work / "minimac4.log.txt"))


def _minimac_map(plink: Path, work: Path) -> Path:
    """Write a PLINK map in Minimac's columns."""
    lines = [line.split() for line in plink.read_text().splitlines()]
    own = work / "minimac4.map"
    own.write_text("".join(["#chr\tpos\tcM\n", *(f"{c}\t{pos}\t{cm}\n" for c, _, cm, pos in lines)]))
    return own


PEERS = {"beagle": run_beagle, "minimac4": run_minimac4}
