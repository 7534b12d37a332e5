"""Time and memory of the paper's encoders against the numbers of datapoints and of attributes.

python -m benchmarks.scaling.run --out RESULTS [--setting quick|full] [--device cpu|cuda]

RESULTS gets table.md, results.json and scaling.png; finished points are kept, so a run may be cut off.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import NullFormatter

METHODS = {
    "spin": "SPIN encoder",
    "spin_with_predictor": "SPIN with predictor",
    "set_tf": "Set-TF",
    "npt": "NPT",
    "npt_fused": "NPT, fused attention",
}
COSTS = {"seconds": "time", "megabytes": "memory"}
FITTED = 3  # the largest sizes, where fixed costs matter least


@dataclass(frozen=True)
class Sizes:
    """The sizes of a setting: one axis varies, the other stays."""

    datapoints: tuple[int, ...]
    with_attributes: int
    attributes: tuple[int, ...]
    with_datapoints: int
    most_flattened: int  # attributes of encoders whose weights grow with their square

    def points(self) -> Iterator[tuple[str, int, str]]:
        """Axis, size and method of all points."""
        for axis, size in [("datapoints", n) for n in self.datapoints] + [
            ("attributes", n) for n in self.attributes
        ]:
            for method in METHODS:
                if method == "spin" or axis == "datapoints" or size <= self.most_flattened:
                    yield axis, size, method


def _doubling(first: int, last: int) -> tuple[int, ...]:
    return tuple(first * 2**i for i in range((last // first).bit_length()))


SETTINGS = {
    "quick": Sizes(_doubling(128, 4096), 16, _doubling(16, 4096), 64, 256),
    "full": Sizes(_doubling(256, 16384), 50, _doubling(16, 16384), 256, 512),
}


@dataclass(frozen=True)
class Point:
    """Costs of one encoder at one size; none where it ran out of memory."""

    method: str
    axis: str
    size: int
    seconds: float | None
    megabytes: float | None


def measure(method: str, axis: str, size: int, sizes: Sizes, device: str, repeats: int) -> Point:
    """Run one point in its own process."""
    datapoints, attributes = (
        (size, sizes.with_attributes) if axis == "datapoints" else (sizes.with_datapoints, size)
    )
    command = [sys.executable, "-m", "benchmarks.scaling.point", method, str(datapoints), str(attributes)]
    ended = subprocess.run([*command, device, str(repeats)], check=False, capture_output=True, text=True)
    if ended.returncode:
        if "out of memory" in ended.stderr or ended.returncode == -9:
            return Point(method, axis, size, None, None)
        raise RuntimeError(ended.stderr)
    return Point(method, axis, size, **json.loads(ended.stdout))


def measure_all(out: Path, setting: str, device: str, repeats: int) -> list[Point]:
    """Every point that results.json lacks."""
    sizes, kept = SETTINGS[setting], out / "results.json"
    points = [Point(**point) for point in json.loads(kept.read_text())] if kept.exists() else []
    there = {(point.method, point.axis, point.size) for point in points}
    for axis, size, method in sizes.points():
        if (method, axis, size) not in there:
            points.append(measure(method, axis, size, sizes, device, repeats))
            kept.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")
            print(points[-1], flush=True)
    return points


def curve(points: Sequence[Point], method: str, axis: str, cost: str) -> tuple[list[int], list[float]]:
    """Sizes and costs of what was measured and is above 0."""
    mine = [(p.size, getattr(p, cost)) for p in points if (p.method, p.axis) == (method, axis)]
    there = sorted((size, value) for size, value in mine if value)
    return [size for size, _ in there], [value for _, value in there]


def slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Exponent of growth over the largest sizes; nan for fewer than two."""
    if len(sizes) < 2:
        return math.nan
    return float(np.polyfit(np.log(sizes[-FITTED:]), np.log(values[-FITTED:]), 1)[0])


def table(points: Sequence[Point]) -> str:
    """Exponents, and costs at the largest size, as Markdown."""
    lines = ["| encoder | grows with | time ~ | memory ~ | at | s | MB |\n", "|---" * 7 + "|\n"]
    for axis in ("datapoints", "attributes"):
        for method, label in METHODS.items():
            sizes, seconds = curve(points, method, axis, "seconds")
            if not sizes:
                continue
            where, megabytes = curve(points, method, axis, "megabytes")
            powers = f"{slope(sizes, seconds):.2f} | {slope(where, megabytes):.2f}"
            costs = f"{sizes[-1]} | {seconds[-1]:.3g} | {megabytes[-1]:.0f}"
            lines.append(f"| {label} | {axis} | {powers} | {costs} |\n")
    return "".join(lines)


def plot(points: Sequence[Point], path: Path) -> None:
    """Both costs against both axes, all logarithmic."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    for row, axis in zip(axes, ("datapoints", "attributes"), strict=True):
        for panel, (cost, label) in zip(row, COSTS.items(), strict=True):
            for method, name in METHODS.items():
                sizes, values = curve(points, method, axis, cost)
                panel.loglog(sizes, values, "o-", label=f"{name}: {slope(sizes, values):.2f}")
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.set_xlabel(axis)
            panel.set_ylabel(f"{label}, {cost}")
            panel.legend(fontsize=7, title="slope, largest sizes")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Measure, then report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--setting", choices=SETTINGS, default="quick")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    points = measure_all(given.out, given.setting, given.device, given.repeats)
    (given.out / "table.md").write_text(table(points))
    plot(points, given.out / "scaling.png")


if __name__ == "__main__":
    main()
