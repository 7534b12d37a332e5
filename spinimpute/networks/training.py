"""Training a network on one table: the published loss, optimiser and schedules."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from pytorch_optimizer import Lamb, Lookahead
from torch import Tensor
from torch.nn import functional

from spinimpute.networks.masking import MaskedTable, MaskingConfig, mask_table
from spinimpute.networks.tables import TableNetwork

CLIP = 1.0


@dataclass(frozen=True)
class TableTraining:
    """How a network is trained; the defaults are the published ones for a single window."""

    steps: int = 15_000
    rows: int | None = None  # of the table in a step; none: all
    learning_rate: float = 1e-3
    flat: float = 0.7  # share of the steps before the learning rate anneals
    tradeoff: float = 1.0  # weight of the features' loss at the first step; it anneals to 0
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    validate_every: int = 500  # steps
    seed: int = 1


@dataclass(frozen=True)
class Validation:
    """Cross-entropy (nats per target token) of held-out rows at a step."""

    step: int
    loss: float


def train_table(
    network: TableNetwork,
    table: Tensor,
    held_out: Tensor,
    training: TableTraining,
    watch: Callable[[Validation], None] = lambda _: None,
) -> list[Validation]:
    """Train on a table (N, D); the network is left as it was at its best on the held-out rows (M, D)."""
    generator = torch.Generator().manual_seed(training.seed)
    optimiser = build_optimiser(network, training.learning_rate)
    best, kept = math.inf, copy.deepcopy(network.state_dict())
    history = []
    for step in range(training.steps):
        optimiser.param_groups[0]["lr"] = training.learning_rate * flat_then_cosine(
            step / training.steps, training.flat
        )
        rows = torch.randperm(len(table), generator=generator)[: training.rows]
        masked = mask_table(table[rows.to(table.device)], network.config, training.masking, generator)
        train_step(network, optimiser, table[rows.to(table.device)], masked, _tradeoff(step, training))
        if (step + 1) % training.validate_every == 0 or step + 1 == training.steps:
            history.append(Validation(step + 1, validation_loss(network, table, held_out)))
            watch(history[-1])
            if history[-1].loss < best:
                best, kept = history[-1].loss, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return history


def build_optimiser(network: torch.nn.Module, learning_rate: float) -> Lookahead:
    """LAMB with Lookahead (k = 6, alpha = .5)."""
    # Lamb's own clipping, of the norm of all gradients together, is not the published one: see train_step.
    return Lookahead(Lamb(network.parameters(), lr=learning_rate, max_grad_norm=0.0), k=6, alpha=0.5)


def train_step(
    network: TableNetwork,
    optimiser: torch.optim.Optimizer,
    truth: Tensor,
    masked: MaskedTable,
    tradeoff: float,
) -> float:
    """One update on a masked table; the loss before it."""
    network.train()
    optimiser.zero_grad()
    loss = masked_loss(network(masked.tokens), truth, masked, tradeoff)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_value_(network.parameters(), CLIP)
    optimiser.step()
    return float(loss.detach())


def masked_loss(logits: Tensor, truth: Tensor, masked: MaskedTable, tradeoff: float) -> Tensor:
    """Mean cross-entropy of logits (N, D, C) in the masked features, times tradeoff, and in the targets."""
    loss = logits.new_zeros(())
    for cells, weight in ((masked.features, tradeoff), (masked.targets, 1 - tradeoff)):
        if weight > 0 and cells.any():
            loss = loss + weight * functional.cross_entropy(logits[cells], truth[cells])
    return loss


@torch.no_grad()
def validation_loss(network: TableNetwork, table: Tensor, rows: Tensor) -> float:
    """Cross-entropy (nats per token) of the targets of rows (M, D), given the table with its labels."""
    network.eval()
    split = network.config.features
    logits = network.predict(rows[:, :split], network.encode(table))
    return float(functional.cross_entropy(logits.flatten(0, 1), rows[:, split:].flatten()))


def flat_then_cosine(progress: float, flat: float) -> float:
    """1 until `flat` of the way, then half a cosine to 0."""
    return 1.0 if progress <= flat else 0.5 * (1 + math.cos(math.pi * (progress - flat) / (1 - flat)))


def _tradeoff(step: int, training: TableTraining) -> float:
    return training.tradeoff * flat_then_cosine(step / training.steps, 0.0)
