"""What neural processes are trained for and measured by.

Axes as in `processes`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal

from spinimpute.networks.processes import NeuralProcess


@dataclass(frozen=True)
class Task:
    """Functions known at context points and asked for at targets.

    context_x (B, N, I), context_y (B, N, O), target_x (B, T, I), target_y (B, T, O).
    """

    context_x: Tensor
    context_y: Tensor
    target_x: Tensor
    target_y: Tensor

    @property
    def all_x(self) -> Tensor:
        """Inputs of the context and the targets (B, N + T, I)."""
        return torch.cat([self.context_x, self.target_x], -2)

    @property
    def all_y(self) -> Tensor:
        """Outputs of the context and the targets (B, N + T, O)."""
        return torch.cat([self.context_y, self.target_y], -2)


@dataclass(frozen=True)
class Scores:
    """Of each target: log density (B, T) in nats, and the probability (B, T, O) of an output below its
    own.
    """

    log_density: Tensor
    rank: Tensor


def process_loss(process: NeuralProcess, task: Task, samples: int) -> Tensor:
    """Minus a lower bound of the log density of all points, context and targets, in nats per point.

    With a latent it is importance-weighted (Burda et al. 2016): samples come from the latent given all points
    and are weighed against the latent given the context; one sample gives the variational bound. Without a
    latent it is the log density itself.
    """
    x, y, points = task.all_x, task.all_y, task.all_y.shape[-2]
    memory = process.path.encode(task.context_x, task.context_y)
    if not process.kind.latent:
        summaries = process.summaries(task.context_x, task.context_y, 1)
        known: Tensor = process.predict(memory, summaries, x).log_prob(y)
        return -known.sum((-1, -2)).mean() / points
    prior = process.latent(task.context_x, task.context_y)
    posterior = process.latent(x, y)
    drawn: Tensor = posterior.rsample(torch.Size([samples]))
    density = process.predict(memory, drawn, x).log_prob(y).sum((-1, -2))
    weights = density + (prior.log_prob(drawn) - posterior.log_prob(drawn)).sum(-1)  # (S, B)
    return -mean_of_exponentials(weights).mean() / points


@torch.no_grad()
def score(process: NeuralProcess, task: Task, samples: int) -> Scores:
    """Log densities and ranks of the targets; samples of a latent are mixed for each target by itself."""
    predicted = process(task.context_x, task.context_y, task.target_x, samples)
    return score_mixture(predicted, task.target_y)


def score_mixture(components: Normal, y: Tensor) -> Scores:
    """Scores of y (B, T, O) under even mixtures of normal distributions (S, B, T, O)."""
    return Scores(
        log_density=mean_of_exponentials(components.log_prob(y).sum(-1)),
        rank=components.cdf(y).mean(0),
    )


def mean_of_exponentials(logs: Tensor) -> Tensor:
    """The logarithm of the mean over the first axis of exp(logs)."""
    return torch.logsumexp(logs, 0) - math.log(len(logs))


def coverage(rank: Tensor, levels: Tensor) -> Tensor:
    """The share of ranks (any shape) within the central interval of each level (L), as (L)."""
    distance = (2 * rank.flatten() - 1).abs()
    return (distance.unsqueeze(0) <= levels.unsqueeze(1)).to(levels.dtype).mean(1)


def calibration_error(rank: Tensor, levels: int = 19) -> float:
    """The mean of (coverage_q - q)^2 over evenly spaced levels q between 0 and 1."""
    asked = torch.arange(1, levels + 1, dtype=torch.float64) / (levels + 1)
    return float(((coverage(rank.double(), asked) - asked) ** 2).mean())
