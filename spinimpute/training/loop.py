"""The optimisation loop: minimise binary cross-entropy on untyped variants, keep the averaged weights.

Every random choice follows from the seed and the step, so a run that is stopped and resumed takes the same
path.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from spinimpute.config import TrainConfig
from spinimpute.spin.checkpoint import load_model
from spinimpute.spin.model import Spin
from spinimpute.training.batches import Batch
from spinimpute.training.history import History
from spinimpute.training.ranks import Ranks, joined
from spinimpute.training.sources import Source, gather_sources, source_weights
from spinimpute.training.state import TrainingState
from spinimpute.training.stock import Stock, Tasks

# Consecutive anchors in a training stretch, and variants asked between two of them (design, appendix).
STRETCH = 8
QUERIES = 24
# Stretches that are kept of a task.
STRETCHES = 32
# Held-out tasks, and stretches of each: tasks differ more than stretches do.
VALIDATION_DRAWS = 40
VALIDATION_STRETCHES = 32


class TrainListener(Protocol):
    """Hears how the training goes."""

    def step(self, step: int, steps: int, loss: float, rate: float) -> None:
        """A step is done; rate in steps per second."""

    def validation(self, step: int, loss: float, r2: float) -> None:
        """The averaged weights were tried on held-out regions."""

    def log(self, message: str) -> None:
        """Something worth a line."""


class Silence:
    """A listener that does not care."""

    def step(self, step: int, steps: int, loss: float, rate: float) -> None: ...

    def validation(self, step: int, loss: float, r2: float) -> None: ...

    def log(self, message: str) -> None: ...


@dataclass(frozen=True)
class TrainSummary:
    """What a training run ended with: validation loss (nats) and squared correlation of the kept weights."""

    steps: int
    loss: float
    r2: float
    seconds: float
    model: Path


def batch_loss(network: Spin, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean binary cross-entropy (nats) over the asked queries, and all query logits (B, J, Q)."""
    weights = network(batch.measures, batch.match, batch.sites, batch.task, batch.previous, batch.following)
    logits = network.query_logits(weights, batch.left, batch.right, batch.share, batch.chain, batch.query)
    loss = functional.binary_cross_entropy_with_logits(
        logits, batch.truth, weight=batch.asked, reduction="sum"
    )
    return loss / batch.asked.sum().clamp(min=1), logits


def _validation_batches(sources: Sequence[Source], context: int) -> list[Batch]:
    """Return the same held-out batches for every run, whatever its seed: one for each of many tasks."""
    tasks = Tasks(sources, np.ones(len(sources)), context, seed=0)
    return [tasks.batch(number, VALIDATION_STRETCHES, STRETCH, QUERIES) for number in range(VALIDATION_DRAWS)]


@torch.inference_mode()
def validate(network: Spin, batches: Sequence[Batch], device: torch.device) -> tuple[float, float]:
    """Return the mean loss and the squared correlation of predicted and true alleles over the asked
    queries.
    """
    losses, predicted, true = [], [], []
    for batch in batches:
        loss, logits = batch_loss(network, batch.to(device))
        asked = batch.asked > 0
        losses.append(float(loss))
        predicted.append(torch.sigmoid(logits.cpu()[asked]))
        true.append(batch.truth[asked])
    r = np.corrcoef(torch.cat(predicted).numpy(), torch.cat(true).numpy())[0, 1]
    return float(np.mean(losses)), float(r**2)


def train(config: TrainConfig, listener: TrainListener | None = None) -> TrainSummary:
    """Train a model and leave it in config.out; goes on from a checkpoint that lies there.

    Kept are the averaged weights of the last step, which measure better than those of the least validation
    loss on the way (benchmarks/ablation). When training starts from a model, that model is kept if its
    validation loss is no higher, so fine-tuning helps or does nothing. Processes started by torchrun train
    together; the first one validates and writes, and its listener hears. Raises SpinImputeError for panels
    that cannot be read or are too small, and if another process ends.
    """
    began = time.monotonic()
    if config.nthreads:
        torch.set_num_threads(config.nthreads)
    with joined(config.device) as ranks:
        heard = listener if listener is not None and ranks.leads else Silence()
        training, validation = gather_sources(config)
        heard.log(f"{len(training)} training and {len(validation)} validation regions")
        if ranks.size > 1:
            heard.log(f"{ranks.size} processes train together")
        state = TrainingState.start(config, ranks.device)
        if state.restore(config.out, ranks):
            heard.log(f"resumed at step {state.step}")
        desk = _Desk.open(config, state, validation, heard) if ranks.leads else None
        if state.step < config.steps:
            heard.log("drawing the tasks to learn from")
            stock = _take_stock(config, ranks, training, state)
            del training, validation  # which may take as much memory as the stock does
            _optimise(config, ranks, state, stock, desk)
        loss, r2 = ranks.share(desk.close(state) if desk else (0.0, 0.0))
    return TrainSummary(state.step, loss, r2, time.monotonic() - began, config.out)


@dataclass(frozen=True)
class _Desk:
    """Where one process, the first, tells, validates and writes for all."""

    config: TrainConfig
    held_out: list[Batch]
    device: torch.device
    history: History
    listener: TrainListener

    @staticmethod
    def open(
        config: TrainConfig, state: TrainingState, validation: Sequence[Source], listener: TrainListener
    ) -> _Desk:
        """Draw what is held out, and make the model's folder."""
        held_out = _validation_batches(validation, state.network.config.context)
        config.out.mkdir(parents=True, exist_ok=True)
        device = next(state.network.parameters()).device
        return _Desk(config, held_out, device, History(config.out, state.step), listener)

    def check(self, state: TrainingState, training_loss: float) -> None:
        """Validate the averaged weights, and keep figures and checkpoint."""
        loss, r2 = validate(state.averaged, self.held_out, self.device)
        self.history.add(state.step, training_loss, loss, r2)
        state.save(self.config.out)
        self.listener.validation(state.step, loss, r2)

    def close(self, state: TrainingState) -> tuple[float, float]:
        """Save the model that is kept; return its validation loss and r2."""
        network = state.averaged
        loss, r2 = validate(network, self.held_out, self.device)
        if self.config.init:
            start = Spin.of(load_model(self.config.init)).to(self.device)
            before, r2_before = validate(start, self.held_out, self.device)
            self.listener.log(f"validation loss {before:.5f} nats before, {loss:.5f} after")
            if not loss < before:  # nor when it diverged to nan
                network, loss, r2 = start, before, r2_before
                self.listener.log("the initial model is kept: training did not improve it")
        network.save(self.config.out)
        self.history.draw()
        return loss, r2


def _stretches(config: TrainConfig) -> int:
    """Stretches in a batch."""
    return max(1, config.batch // STRETCH)


def _take_stock(config: TrainConfig, ranks: Ranks, training: Sequence[Source], state: TrainingState) -> Stock:
    """Draw a process's part of the tasks: no more than a run takes stretches from."""
    n_tasks = min(-(-config.tasks // ranks.size), -(-config.steps * _stretches(config) // STRETCHES))
    weights, context = source_weights(training), state.network.config.context
    tasks = Tasks(training, weights, context, ranks.seed(config.seed))
    return tasks.stock(n_tasks, STRETCHES, STRETCH, QUERIES, torch.get_num_threads())


def _optimise(
    config: TrainConfig, ranks: Ranks, state: TrainingState, stock: Stock, desk: _Desk | None
) -> None:
    began, first, recent = time.monotonic(), state.step, []
    while state.step < config.steps:
        rng = np.random.default_rng([ranks.seed(config.seed), 2, state.step])
        batch = stock.batch(rng, _stretches(config)).to(ranks.device)
        loss, _ = batch_loss(state.network, batch)
        mean = state.descend(loss, batch.asked.sum(), ranks)
        if desk is None:
            continue
        recent.append(mean)
        rate = (state.step - first) / (time.monotonic() - began)
        desk.listener.step(state.step, config.steps, recent[-1], rate)
        if state.step % config.checkpoint_every == 0 or state.step == config.steps:
            desk.check(state, float(np.mean(recent)))
            recent.clear()
