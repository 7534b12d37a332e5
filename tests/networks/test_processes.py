"""Neural processes: shapes, what may depend on what, plain loops, gradients."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from spinimpute.networks.attention import MAB, AttentionConfig
from spinimpute.networks.likelihood import Task, process_loss, score
from spinimpute.networks.processes import KINDS, SPREAD_FLOOR, NeuralProcess, ProcessConfig, build_process
from spinimpute.spin.model import n_parameters

SMALL = ProcessConfig(inputs=2, outputs=3, width=8, heads=2, inducing=3)
LATENT = [name for name, kind in KINDS.items() if kind.latent]


def build(name: str, config: ProcessConfig = SMALL) -> NeuralProcess:
    torch.manual_seed(1)
    return build_process(name, config).double().eval()


def draw_task(functions: int = 2, context: int = 7, targets: int = 5, config: ProcessConfig = SMALL) -> Task:
    generator = torch.Generator().manual_seed(2)

    def normal(points: int, width: int) -> Tensor:
        return torch.randn(functions, points, width, generator=generator, dtype=torch.float64)

    return Task(
        normal(context, config.inputs),
        normal(context, config.outputs),
        normal(targets, config.inputs),
        normal(targets, config.outputs),
    )


def predict(process: NeuralProcess, task: Task, samples: int = 4) -> tuple[Tensor, Tensor]:
    """Means and spreads (S, B, T, O), with the same noise in each call."""
    torch.manual_seed(3)
    predicted = process(task.context_x, task.context_y, task.target_x, samples)
    return predicted.mean, predicted.stddev


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=20)
@given(functions=st.integers(1, 3), context=st.integers(1, 9), targets=st.integers(1, 6))
def test_shapes(name: str, functions: int, context: int, targets: int) -> None:
    mean, spread = predict(build(name), draw_task(functions, context, targets))
    assert mean.shape == spread.shape == (4 if KINDS[name].latent else 1, functions, targets, 3)
    assert (spread > SPREAD_FLOOR).all()


@pytest.mark.parametrize("name", KINDS)
def test_the_order_of_the_context_cannot_matter(name: str) -> None:
    process, task = build(name), draw_task()
    order = torch.tensor([3, 0, 6, 2, 1, 5, 4])
    turned = Task(task.context_x[:, order], task.context_y[:, order], task.target_x, task.target_y)
    for before, after in zip(predict(process, task), predict(process, turned), strict=True):
        torch.testing.assert_close(before, after)


@pytest.mark.parametrize("name", KINDS)
def test_every_context_value_matters_and_each_function_is_for_itself(name: str) -> None:
    process, task = build(name), draw_task()
    before, _ = predict(process, task)
    for point in range(7):
        y = task.context_y.clone()
        y[0, point] += 1
        after, _ = predict(process, Task(task.context_x, y, task.target_x, task.target_y))
        assert not torch.equal(before[:, 0], after[:, 0])
        assert torch.equal(before[:, 1], after[:, 1])


@pytest.mark.parametrize("name", KINDS)
def test_targets_do_not_leak(name: str) -> None:
    """Neither the values of the targets nor the other targets' inputs change what is said of one."""
    process, task = build(name), draw_task()
    torch.manual_seed(3)
    before = score(process, task, samples=4)
    x, y = task.target_x.clone(), task.target_y.clone()
    x[:, 1:] += 1
    y[:, 1:] -= 1
    torch.manual_seed(3)
    after = score(process, Task(task.context_x, task.context_y, x, y), samples=4)
    torch.testing.assert_close(before.log_density[:, 0], after.log_density[:, 0])
    torch.testing.assert_close(before.rank[:, 0], after.rank[:, 0])
    assert not torch.isclose(before.log_density[:, 1:], after.log_density[:, 1:]).any()


@pytest.mark.parametrize("name", ["CANP", "CIPNP"])
def test_only_attention_tells_targets_apart_by_the_context(name: str) -> None:
    """The path of a target depends on its input; CNP's does not."""
    task = draw_task()

    def follow(process: NeuralProcess) -> Tensor:
        followed: Tensor = process.path(process.path.encode(task.context_x, task.context_y), task.target_x)
        return followed

    path, pooled = follow(build(name)), follow(build("CNP"))
    assert not torch.isclose(path[:, 0], path[:, 1]).any()
    assert torch.equal(pooled[:, 0], pooled[:, 1])


@torch.no_grad()
def attend(block: MAB, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """A MAB for one function, in loops over heads, queries and keys."""
    q, k, v = block.query(block.norm(queries)), block.key(keys), block.value(values)
    each = q.shape[-1] // block.heads
    mixed = torch.zeros_like(q)
    for head in range(block.heads):
        part = slice(head * each, (head + 1) * each)
        for i in range(len(q)):
            weights = [
                math.exp(float(q[i, part] @ k[j, part]) / math.sqrt(keys.shape[-1])) for j in range(len(k))
            ]
            for j, weight in enumerate(weights):
                mixed[i, part] += weight / sum(weights) * v[j, part]
    hidden = block.residual(queries) + block.mix(mixed)
    return hidden + block.feed.narrow(functional.gelu(block.feed.widen(block.feed.norm(hidden))))


def test_attention_with_values_of_their_own() -> None:
    torch.manual_seed(4)
    block = MAB(8, 8, 8, AttentionConfig(heads=2, attention_dropout=0, hidden_dropout=0)).double()
    queries, keys, values = (torch.randn(n, 8, dtype=torch.float64) for n in (3, 5, 5))
    torch.testing.assert_close(block(queries, keys, values), attend(block, queries, keys, values))
    torch.testing.assert_close(block(queries, keys), block(queries, keys, keys))


def test_cipnp_is_what_the_paper_says() -> None:
    """q = MLP(x), k = v = XABD of the inducing points to MLP(x, y); the decoder sees path, summary, input."""
    process, task = build("CIPNP"), draw_task(functions=1)

    def induce(context: torch.nn.Module) -> Tensor:
        embedded = context.embed(torch.cat([task.context_x, task.context_y], -1))[0]
        reduced = embedded * context.spin.reduce.weight[0, 0] + context.spin.reduce.bias[0]
        return attend(context.spin.layers[0].xabd, context.spin.points, reduced, reduced)

    memory = induce(process.path.context)
    path = attend(process.path.attend, process.path.query(task.target_x[0]), memory, memory)
    summary = process.summary.after(induce(process.summary.context).mean(0)).expand(5, -1)
    mean, spread = process.decoder(torch.cat([summary, path, task.target_x[0]], -1)).chunk(2, -1)
    predicted = predict(process, task)
    torch.testing.assert_close(predicted[0][0, 0], mean)
    torch.testing.assert_close(predicted[1][0, 0], 0.1 + 0.9 * functional.softplus(spread))


@pytest.mark.parametrize("name", KINDS)
def test_gradients_against_finite_differences(name: str) -> None:
    config = ProcessConfig(width=4, heads=2, inducing=2)
    process, task = build(name, config), draw_task(context=4, targets=3, config=config)
    names = [name for name, _ in process.named_parameters()]

    class Loss(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.process = process

        def forward(self) -> Tensor:
            torch.manual_seed(5)
            return process_loss(self.process, task, samples=2)

    def loss(*parameters: Tensor) -> Tensor:
        given = {f"process.{name}": value for name, value in zip(names, parameters, strict=True)}
        return functional_call(Loss(), given, ())

    inputs = tuple(p.detach().clone().requires_grad_() for p in process.parameters())
    # Along random directions of every parameter; entry by entry takes half a minute.
    assert torch.autograd.gradcheck(loss, inputs, eps=1e-6, atol=1e-6, rtol=1e-4, fast_mode=True)


@pytest.mark.parametrize(("name", "size"), [("IPNP", SMALL.inducing), ("ANP", None), ("NP", 1)])
def test_what_is_kept_of_a_context(name: str, size: int | None) -> None:
    process = build(name)
    for context in (1, 7, 50):
        task = draw_task(context=context)
        memory = process.path.encode(task.context_x, task.context_y)
        assert memory.keys.shape == memory.values.shape == (2, size or context, SMALL.width)


def test_the_latent_has_the_published_spread() -> None:
    for name in LATENT:
        task = draw_task()
        spread = build(name).latent(task.context_x, task.context_y).stddev
        assert spread.shape == (2, SMALL.width)
        assert ((spread > 0.1) & (spread < 1)).all()


def test_networks_that_are_compared_have_like_sizes() -> None:
    sizes = {name: n_parameters(build_process(name, ProcessConfig())) for name in KINDS}
    points = 2 * 32 * 128 + 2 * 2  # inducing points, and the scale and shift before each SPIN
    assert sizes["CIPNP"] - sizes["CANP"] == sizes["IPNP"] - sizes["ANP"] == points
