"""Training of one network, which goes on from its last checkpoint."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.ipnp.curves import draw_curves
from benchmarks.ipnp.pictures import ask_pixels, draw_pictures
from benchmarks.ipnp.settings import Cell, Experiment
from spinimpute.networks.likelihood import Task, process_loss
from spinimpute.networks.processes import NeuralProcess, build_process

CHECKPOINT_EVERY = 100  # steps


@dataclass(frozen=True)
class Trained:
    """A trained network, the mean training loss of each stretch between checkpoints, processor seconds."""

    process: NeuralProcess
    losses: list[float]
    seconds: float


def train_cell(cell: Cell, folder: Path, device: torch.device) -> Trained:
    """Train, or read what is trained; the result is the same wherever a run was cut off."""
    experiment, path = cell.experiment, folder / f"{cell.key}.pt"
    torch.manual_seed(cell.seed)
    process = build_process(cell.kind, cell.config).to(device)
    optimiser = torch.optim.Adam(process.parameters(), lr=experiment.learning_rate)
    step, losses, seconds = 0, [], 0.0
    if path.exists():
        state = torch.load(path, map_location=device)
        process.load_state_dict(state["process"])
        optimiser.load_state_dict(state["optimiser"])
        step, losses, seconds = state["step"], state["losses"], state["seconds"]
    while step < experiment.steps:
        ends, began = min(step + CHECKPOINT_EVERY, experiment.steps), time.process_time()
        stretch = [_train_step(process, optimiser, cell, number, device) for number in range(step, ends)]
        losses.append(float(torch.stack(stretch).mean()))
        seconds, step = seconds + time.process_time() - began, ends
        _save(path, process, optimiser, {"step": step, "losses": losses, "seconds": seconds})
        print(cell.key, step, f"{losses[-1]:.3f}", f"{seconds:.0f} s", flush=True)
    return Trained(process.eval(), losses, seconds)


def draw_task(experiment: Experiment, device: torch.device) -> Task:
    """New functions to train on, by the global random state."""
    context, targets = _between(experiment.context), _between(experiment.targets)
    if experiment.data == "curves":
        return draw_curves("RBF", experiment.batch, context, targets, device).task
    return ask_pixels(draw_pictures(experiment.batch, device), context, targets)


def _between(ends: tuple[int, int]) -> int:
    return int(torch.randint(ends[0], ends[1] + 1, ()))


def _train_step(
    process: NeuralProcess, optimiser: torch.optim.Optimizer, cell: Cell, step: int, device: torch.device
) -> Tensor:
    """One update with the data of this step, which all networks share; the loss before it."""
    experiment = cell.experiment
    torch.manual_seed(cell.seed * 10_000_000 + step + 1)
    optimiser.param_groups[0]["lr"] = (
        experiment.learning_rate * (1 + math.cos(math.pi * step / experiment.steps)) / 2
    )
    loss = process_loss(process.train(), draw_task(experiment, device), experiment.samples)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.detach()


def _save(
    path: Path, process: NeuralProcess, optimiser: torch.optim.Optimizer, facts: dict[str, object]
) -> None:
    """Write a checkpoint whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save({"process": process.state_dict(), "optimiser": optimiser.state_dict(), **facts}, partial)
    os.replace(partial, path)  # noqa: PTH105
