"""Likelihood, ranks and calibration against formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Normal

from spinimpute.networks.likelihood import (
    Task,
    calibration_error,
    coverage,
    process_loss,
    score,
    score_mixture,
)
from spinimpute.networks.processes import KINDS, NeuralProcess, ProcessConfig, build_process

CONFIG = ProcessConfig(width=4, heads=2, inducing=2)


def draw_task() -> Task:
    generator = torch.Generator().manual_seed(2)
    sizes = (6, 6, 4, 4)
    return Task(*(torch.randn(3, n, 1, generator=generator, dtype=torch.float64) for n in sizes))


def build(name: str) -> NeuralProcess:
    torch.manual_seed(1)
    return build_process(name, CONFIG).double()


def test_scores_of_a_mixture_are_scipys() -> None:
    torch.manual_seed(0)
    means, spreads, y = torch.randn(5, 2, 3, 2), torch.rand(5, 2, 3, 2) + 0.1, torch.randn(2, 3, 2)
    scores = score_mixture(Normal(means.double(), spreads.double()), y.double())
    density = stats.norm.pdf(y, means, spreads).prod(-1).mean(0)
    np.testing.assert_allclose(scores.log_density, np.log(density), rtol=1e-6)
    np.testing.assert_allclose(scores.rank, stats.norm.cdf(y, means, spreads).mean(0), rtol=1e-5)


@pytest.mark.parametrize("name", ["CNP", "CANP", "CIPNP"])
def test_loss_of_conditional_processes_is_the_mean_log_density_of_all_points(name: str) -> None:
    process, task = build(name), draw_task()
    predicted = process(task.context_x, task.context_y, task.all_x)
    logs = stats.norm.logpdf(
        task.all_y.numpy(), predicted.mean[0].detach().numpy(), predicted.stddev[0].detach().numpy()
    )
    assert process_loss(process, task, samples=3).item() == pytest.approx(-logs.mean())
    context, targets = logs[:, :6], score(process, task, samples=1).log_density
    assert -process_loss(process, task, 1).item() * 10 == pytest.approx(
        6 * context.mean() + 4 * targets.mean().item()
    )


@pytest.mark.parametrize("name", ["NP", "ANP", "IPNP"])
def test_loss_of_latent_processes_is_importance_weighted(name: str) -> None:
    process, task, samples = build(name), draw_task(), 3
    torch.manual_seed(9)
    loss = process_loss(process, task, samples).item()
    torch.manual_seed(9)
    with torch.no_grad():
        prior = process.latent(task.context_x, task.context_y)
        posterior = process.latent(task.all_x, task.all_y)
        noise = torch.distributions.utils._standard_normal((samples, 3, 4), torch.float64, "cpu")
        bounds = []
        for function in range(3):
            weights = []
            for sample in range(samples):
                z = posterior.mean[function] + posterior.stddev[function] * noise[sample, function]
                memory = process.path.encode(task.context_x[[function]], task.context_y[[function]])
                predicted = process.predict(memory, z[None, None], task.all_x[[function]])
                logs = stats.norm.logpdf(
                    task.all_y[function].numpy(),
                    predicted.mean[0, 0].numpy(),
                    predicted.stddev[0, 0].numpy(),
                )
                ratio = stats.norm.logpdf(z, prior.mean[function], prior.stddev[function])
                ratio = ratio - stats.norm.logpdf(z, posterior.mean[function], posterior.stddev[function])
                weights.append(math.exp(logs.sum() + ratio.sum()))
            bounds.append(math.log(np.mean(weights)) / 10)
    assert loss == pytest.approx(-np.mean(bounds))


def test_the_importance_weighted_bound_rises_towards_the_evidence() -> None:
    """With a latent of one dimension the evidence is an integral."""
    torch.manual_seed(6)
    process = build_process("NP", ProcessConfig(width=1, heads=1)).double()
    whole = draw_task()
    task = Task(whole.context_x[:1], whole.context_y[:1], whole.target_x[:1], whole.target_y[:1])
    prior = process.latent(task.context_x, task.context_y)
    mean, spread = prior.mean.item(), prior.stddev.item()

    @torch.no_grad()
    def joint(z: float) -> float:
        summaries = torch.full((1, 1, 1), z, dtype=torch.float64)
        memory = process.path.encode(task.context_x, task.context_y)
        predicted = process.predict(memory, summaries, task.all_x)
        return math.exp(float(predicted.log_prob(task.all_y).sum())) * stats.norm.pdf(z, mean, spread)

    evidence = math.log(integrate.quad(joint, mean - 8 * spread, mean + 8 * spread)[0]) / 10
    with torch.no_grad():
        one = -np.mean([process_loss(process, task, 1).item() for _ in range(400)])
        many = -process_loss(process, task, 20_000).item()
    assert many == pytest.approx(evidence, abs=2e-3)
    assert one < evidence + 1e-3


def test_every_parameter_of_a_latent_process_learns() -> None:
    for name in KINDS:
        process = build(name)
        process_loss(process, draw_task(), samples=2).backward()
        assert all(p.grad is not None for p in process.parameters()), name


def test_coverage_of_true_ranks_is_the_level_and_of_extreme_ones_none() -> None:
    levels = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    even = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    torch.testing.assert_close(coverage(even, levels), levels)
    assert coverage(torch.tensor([0.0, 1.0]), levels).tolist() == [0, 0, 0]
    assert coverage(torch.tensor([0.5, 0.96]), levels).tolist() == [0.5, 0.5, 0.5]


def test_calibration_error_written_out() -> None:
    assert calibration_error((torch.arange(1000) + 0.5) / 1000) == pytest.approx(0, abs=1e-6)
    always_within = torch.full((10,), 0.5)
    levels = np.arange(1, 20) / 20
    assert calibration_error(always_within) == pytest.approx(np.mean((1 - levels) ** 2))
