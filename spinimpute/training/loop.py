"""The optimisation loop: minimise binary cross-entropy on untyped variants, keep the averaged weights.

Every random choice follows from the seed and the step, so a run that is stopped and resumed takes the same
path.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from spinimpute.config import TrainConfig
from spinimpute.spin.checkpoint import choose_device, load_model, save_model
from spinimpute.spin.model import Spin, SpinConfig
from spinimpute.training.batches import Batch, sample_batch
from spinimpute.training.history import History
from spinimpute.training.pool import DrawPool
from spinimpute.training.sources import Source, gather_sources, source_weights

# Consecutive anchors in a training stretch, and variants asked between two of them (design, appendix).
STRETCH = 8
QUERIES = 24
POOL_SIZE = 24
STEPS_PER_DRAW = 16
VALIDATION_DRAWS = 12
VALIDATION_BATCHES = 16
AVERAGING = 0.998
CHECKPOINT = "checkpoint.pt"


class TrainListener(Protocol):
    """Hears how the training goes."""

    def step(self, step: int, steps: int, loss: float, rate: float) -> None:
        """A step is done; rate in steps per second."""

    def validation(self, step: int, loss: float, r2: float) -> None:
        """The averaged weights were tried on held-out regions."""

    def log(self, message: str) -> None:
        """Something worth a line."""


@dataclass(frozen=True)
class TrainSummary:
    """What a training run ended with: validation loss (nats) and squared correlation of the kept weights."""

    steps: int
    loss: float
    r2: float
    seconds: float
    model: Path


@dataclass
class _State:
    network: Spin
    averaged: Spin
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    step: int = 0

    def save(self, path: Path) -> None:
        """Write a checkpoint under a temporary name, then rename it."""
        partial = path.with_suffix(".partial")
        parts = {
            name: getattr(self, name).state_dict()
            for name in ("network", "averaged", "optimiser", "schedule")
        }
        torch.save({**parts, "step": self.step}, partial)
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint."""
        parts = torch.load(path, weights_only=True)
        self.step = parts.pop("step")
        for name, state in parts.items():
            getattr(self, name).load_state_dict(state)


def batch_loss(network: Spin, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean binary cross-entropy (nats) over the asked queries, and all query logits (B, J, Q)."""
    weights = network(batch.measures, batch.match, batch.sites, batch.task, batch.previous, batch.following)
    logits = network.query_logits(weights, batch.left, batch.right, batch.share, batch.query)
    loss = functional.binary_cross_entropy_with_logits(
        logits, batch.truth, weight=batch.asked, reduction="sum"
    )
    return loss / batch.asked.sum().clamp(min=1), logits


def _start(config: TrainConfig, device: torch.device) -> _State:
    torch.manual_seed(config.seed)
    if config.init:
        network = load_model(config.init).network.train()
    else:
        network = Spin(
            SpinConfig(
                width=config.width,
                layers=config.layers,
                heads=config.heads,
                inducing=config.inducing,
                context=config.context,
            )
        )
    network.to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=config.learning_rate, total_steps=config.steps + 1, pct_start=0.1
    )
    return _State(network, copy.deepcopy(network), optimiser, schedule)


def _validation_batches(config: TrainConfig, sources: Sequence[Source]) -> list[Batch]:
    """Return the same held-out batches for every run, whatever its seed."""
    with DrawPool(sources, np.ones(len(sources)), config.context, seed=0, size=VALIDATION_DRAWS) as pool:
        draws = pool.at(0)
    rng = np.random.default_rng(0)
    return [sample_batch(draws, rng, 64, STRETCH, QUERIES) for _ in range(VALIDATION_BATCHES)]


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


def _update(state: _State, batch: Batch) -> float:
    loss, _ = batch_loss(state.network, batch)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimiser.step()
    state.schedule.step()
    state.step += 1
    decay = min(AVERAGING, (state.step + 1) / (state.step + 10))
    with torch.no_grad():
        for mean, new in zip(state.averaged.parameters(), state.network.parameters(), strict=True):
            mean.lerp_(new, 1 - decay)
    return float(loss.detach())


def train(config: TrainConfig, listener: TrainListener) -> TrainSummary:
    """Train a model and leave it in config.out; goes on from a checkpoint that lies there.

    Raises SpinImputeError for panels that cannot be read or are too small.
    """
    began = time.monotonic()
    if config.nthreads:
        torch.set_num_threads(config.nthreads)
    device = choose_device(config.device)
    training, validation = gather_sources(config)
    listener.log(f"{len(training)} training and {len(validation)} validation regions")
    held_out = _validation_batches(config, validation)
    state = _start(config, device)
    config.out.mkdir(parents=True, exist_ok=True)
    checkpoint = config.out / CHECKPOINT
    if checkpoint.exists():
        state.restore(checkpoint)
        listener.log(f"resumed at step {state.step}")
    history = History(config.out, state.step)
    loss, r2 = _optimise(config, state, training, held_out, history, listener)
    save_model(config.out, state.averaged)
    history.draw()
    return TrainSummary(state.step, loss, r2, time.monotonic() - began, config.out)


def _optimise(
    config: TrainConfig,
    state: _State,
    training: Sequence[Source],
    held_out: Sequence[Batch],
    history: History,
    listener: TrainListener,
) -> tuple[float, float]:
    device = next(state.network.parameters()).device
    began, first, recent = time.monotonic(), state.step, []
    with DrawPool(training, source_weights(training), config.context, config.seed, POOL_SIZE) as pool:
        while state.step < config.steps:
            draws = pool.at(state.step // STEPS_PER_DRAW)
            rng = np.random.default_rng([config.seed, 2, state.step])
            batch = sample_batch(draws, rng, max(1, config.batch // STRETCH), STRETCH, QUERIES)
            recent.append(_update(state, batch.to(device)))
            rate = (state.step - first) / (time.monotonic() - began)
            listener.step(state.step, config.steps, recent[-1], rate)
            if state.step % config.checkpoint_every == 0 or state.step == config.steps:
                loss, r2 = validate(state.averaged, held_out, device)
                history.add(state.step, float(np.mean(recent)), loss, r2)
                recent.clear()
                state.save(config.out / CHECKPOINT)
                listener.validation(state.step, loss, r2)
    return validate(state.averaged, held_out, device)
