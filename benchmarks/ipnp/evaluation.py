"""What a trained network says of new functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Normal

from benchmarks.ipnp.curves import KERNELS, Curves, draw_curves, exact_prediction
from benchmarks.ipnp.pictures import ask_pixels, draw_pictures
from benchmarks.ipnp.settings import Experiment, Setting
from spinimpute.networks.likelihood import Scores, Task, calibration_error, coverage, score, score_mixture
from spinimpute.networks.processes import SPREAD_FLOOR, NeuralProcess

BATCH = 16  # functions, which share their context size
LEVELS = torch.arange(1, 20, dtype=torch.float64) / 20
SEED = 987_654_321  # no training step has it
EXACT, FLOORED = "exact", "exact, spread at least .1"


@dataclass(frozen=True)
class Measured:
    """One network on one kind of functions: log densities (functions) in nats per target, coverage (levels),
    calibration error.
    """

    log_density: NDArray[np.float64]
    coverage: NDArray[np.float64]
    calibration: float


def conditions(experiment: Experiment, setting: Setting) -> dict[str, tuple[str, tuple[int, int]]]:
    """Kinds of functions and ranges of contexts to evaluate an experiment's networks on, by name."""
    if experiment.data == "pictures":
        return {"pictures": ("pictures", experiment.context)}
    asked = {kernel: (kernel, experiment.context) for kernel in KERNELS}
    if experiment == setting.experiments[0]:
        asked |= {f"RBF {size}": ("RBF", (size, size)) for size in setting.sizes}
    return asked


def draw_batches(
    functions: str, context: tuple[int, int], experiment: Experiment, number: int, device: torch.device
) -> Iterator[Curves | Task]:
    """The same functions for every network; the context of a batch is of a random size."""
    for start in range(0, number, BATCH):
        torch.manual_seed(SEED + start)
        size, targets = int(torch.randint(context[0], context[1] + 1, ())), experiment.targets[1]
        if functions == "pictures":
            yield ask_pixels(draw_pictures(BATCH, device), size, targets)
        else:
            yield draw_curves(functions, BATCH, size, targets, device)


def evaluate(
    experiment: Experiment, setting: Setting, device: torch.device, scorer: Callable[[Curves | Task], Scores]
) -> dict[str, Measured]:
    """What a scorer makes of all conditions of an experiment."""
    measured = {}
    for name, (functions, context) in conditions(experiment, setting).items():
        batches = draw_batches(functions, context, experiment, setting.tasks, device)
        scores = [scorer(batch) for batch in batches]
        rank = torch.cat([s.rank.double().flatten() for s in scores]).cpu()
        measured[name] = Measured(
            log_density=torch.cat([s.log_density.double().mean(1) for s in scores]).cpu().numpy(),
            coverage=coverage(rank, LEVELS).numpy(),
            calibration=calibration_error(rank),
        )
    return measured


def network_scorer(process: NeuralProcess, samples: int) -> Callable[[Curves | Task], Scores]:
    """Scores of a network."""
    return lambda batch: score(process, batch.task if isinstance(batch, Curves) else batch, samples)


def exact_scorer(floor: float) -> Callable[[Curves | Task], Scores]:
    """Scores of the Gaussian process that the curves come from, with spreads of at least `floor`.

    With the networks' floor it is the best that any of them could say of a target by itself.
    """

    def scorer(batch: Curves | Task) -> Scores:
        assert isinstance(batch, Curves)
        exact = exact_prediction(batch)
        spread: Tensor = exact.stddev.clamp(min=floor)
        return score_mixture(Normal(exact.mean, spread), batch.task.target_y.double())

    return scorer


EXACT_SCORERS = {EXACT: exact_scorer(0.0), FLOORED: exact_scorer(SPREAD_FLOOR)}


def write_measured(path: Path, measured: dict[str, Measured]) -> None:
    """Keep what was measured, whole or not at all."""
    content = {
        name: {"log_density": m.log_density.tolist(), "coverage": m.coverage.tolist(), "error": m.calibration}
        for name, m in measured.items()
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    partial.rename(path)


def read_measured(path: Path) -> dict[str, Measured]:
    """What write_measured kept."""
    return {
        name: Measured(np.array(m["log_density"]), np.array(m["coverage"]), m["error"])
        for name, m in json.loads(path.read_text()).items()
    }
