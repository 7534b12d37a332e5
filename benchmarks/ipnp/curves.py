"""One-dimensional functions drawn from Gaussian processes, and what is known of them exactly.

As in the paper: inputs uniform in [-2, 2], length scale U(.1, .6), standard deviation U(.1, 1), noise of
standard deviation .02; and as in its code, periods U(.1, .5). Axes as in `spinimpute.networks.processes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal

from spinimpute.networks.likelihood import Task

NOISE = 0.02


@dataclass(frozen=True)
class Curves:
    """Functions, and the covariance (B, N + T, N + T) of their noisy values, which the networks never see."""

    task: Task
    covariance: Tensor


def rbf(distance: Tensor, length: Tensor) -> Tensor:
    """Squared exponential correlation."""
    return torch.exp(-0.5 * (distance / length) ** 2)


def matern(distance: Tensor, length: Tensor) -> Tensor:
    """Matern correlation of smoothness 5/2."""
    scaled = math.sqrt(5) * distance / length
    return (1 + scaled + scaled**2 / 3) * torch.exp(-scaled)


def periodic(distance: Tensor, length: Tensor) -> Tensor:
    """Periodic correlation, of a period for each function."""
    period = _uniform(0.1, 0.5, length)
    return torch.exp(-2 * (torch.sin(math.pi * distance / period) / length) ** 2)


KERNELS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"RBF": rbf, "Matern": matern, "periodic": periodic}


def draw_curves(kernel: str, functions: int, context: int, targets: int, device: torch.device) -> Curves:
    """New functions, by the global random state."""
    points = context + targets
    # Single precision does not factor the covariance of thousands of close points with so little noise.
    x = 4 * torch.rand(functions, points, 1, dtype=torch.float64, device=device) - 2
    shape = x.new_empty(functions, 1, 1)
    length, scale = _uniform(0.1, 0.6, shape), _uniform(0.1, 1.0, shape)
    covariance = scale**2 * KERNELS[kernel]((x - x.transpose(1, 2)).abs(), length)
    covariance.diagonal(dim1=1, dim2=2).add_(NOISE**2)
    y = torch.linalg.cholesky(covariance) @ torch.randn_like(x)
    x, y = x.float(), y.float()
    task = Task(x[:, :context], y[:, :context], x[:, context:], y[:, context:])
    return Curves(task, covariance)


def exact_prediction(curves: Curves) -> Normal:
    """The distribution (1, B, T, 1) of each target given the context and the true covariance."""
    context = curves.task.context_x.shape[1]
    covariance = curves.covariance
    factor = torch.linalg.cholesky(covariance[:, :context, :context])
    cross = torch.linalg.solve_triangular(factor, covariance[:, :context, context:], upper=False)
    known = torch.linalg.solve_triangular(factor, curves.task.context_y.double(), upper=False)
    variance = covariance.diagonal(dim1=1, dim2=2)[:, context:] - cross.square().sum(1)
    return Normal((cross.transpose(1, 2) @ known).unsqueeze(0), variance.sqrt()[None, ..., None])


def _uniform(low: float, high: float, like: Tensor) -> Tensor:
    return low + (high - low) * torch.rand_like(like)
