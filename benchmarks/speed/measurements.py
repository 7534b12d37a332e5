"""What the speed benchmark measured: costs of each tool on each set, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.accuracy.tools import Cost

OURS = "spinimpute"
OURS_PREPARED = "spinimpute-prepared"
PEERS = ("beagle", "minimac4")


@dataclass(frozen=True)
class Size:
    """What a set consists of."""

    panel_haplotypes: int
    targets: int
    records: int
    typed: int
    megabases: float


@dataclass(frozen=True)
class Measurement:
    """One tool on one set, every repeat; prepare is what preparing the panel cost, for tools that need it."""

    problem: str
    tool: str
    size: Size
    repeats: tuple[Cost, ...]
    output_megabytes: float
    prepare: Cost | None = None

    @property
    def cost(self) -> Cost:
        """The median of each cost over the repeats."""
        return median_cost(self.repeats)


def median_cost(repeats: Sequence[Cost]) -> Cost:
    """The median of each cost."""
    cpu = [cost.cpu_seconds for cost in repeats if cost.cpu_seconds is not None]
    return Cost(
        seconds=median(cost.seconds for cost in repeats),
        megabytes=median(cost.megabytes for cost in repeats),
        cpu_seconds=median(cpu) if cpu else None,
    )


@dataclass(frozen=True)
class Results:
    """All of a run: on what machine, what was measured, and what failed."""

    machine: dict[str, str]
    measurements: tuple[Measurement, ...]
    failures: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write as JSON, medians included."""
        content = asdict(self)
        for entry, measured in zip(content["measurements"], self.measurements, strict=True):
            entry["median"] = asdict(measured.cost)
        path.write_text(json.dumps(content, indent=1) + "\n")

    @staticmethod
    def read(path: Path) -> Results:
        """Read what `write` wrote."""
        content = json.loads(path.read_text())
        measured = tuple(_measurement(entry) for entry in content["measurements"])
        return Results(content["machine"], measured, tuple(content["failures"]))

    def of(self, problem: str, tool: str) -> Measurement | None:
        """The measurement of a tool on a set, if it ran."""
        found = (m for m in self.measurements if (m.problem, m.tool) == (problem, tool))
        return next(found, None)


def _measurement(entry: dict[str, Any]) -> Measurement:
    return Measurement(
        problem=entry["problem"],
        tool=entry["tool"],
        size=Size(**entry["size"]),
        repeats=tuple(Cost(**cost) for cost in entry["repeats"]),
        output_megabytes=entry["output_megabytes"],
        prepare=Cost(**entry["prepare"]) if entry["prepare"] else None,
    )


def table(results: Results) -> str:
    """Medians and how they compare with each peer's, as a markdown table; then the failures."""
    heads = ["set", "tool", "seconds", "CPU seconds", "MB", "output MB"]
    heads += [f"{what} / {peer}" for peer in PEERS for what in ("time", "memory")]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for measured in results.measurements:
        cost = measured.cost
        prepare = f" (+ {measured.prepare.seconds:.1f} to prepare)" if measured.prepare else ""
        cells = [measured.problem, measured.tool, f"{cost.seconds:.1f}{prepare}"]
        cells += ["" if cost.cpu_seconds is None else f"{cost.cpu_seconds:.1f}", f"{cost.megabytes:.0f}"]
        cells += [f"{measured.output_megabytes:.1f}", *_ratios(results, measured)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- failed: {failure}" for failure in results.failures)]).rstrip() + "\n"


def _ratios(results: Results, measured: Measurement) -> Sequence[str]:
    cells = []
    for peer in PEERS:
        other = results.of(measured.problem, peer)
        if other is None or measured.tool == peer:
            cells += ["", ""]
        else:
            cells.append(f"{measured.cost.seconds / other.cost.seconds:.2f}")
            cells.append(f"{measured.cost.megabytes / other.cost.megabytes:.2f}")
    return cells
