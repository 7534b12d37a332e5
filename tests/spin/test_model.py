"""The network against plain loops, and the properties that the design promises."""

from __future__ import annotations

import pytest
import reference
import torch
from torch import Tensor

from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin, n_parameters

CONFIG = SpinConfig(
    width=8,
    layers=2,
    latents=3,
    inducing=2,
    heads=3,
    message=4,
    hidden=6,
    context=5,
    runs=7,
    counts=2,
    posteriors=2,
)
B, A, K, S, Q = 2, 3, 5, 4, 3
N_MEASURES = CONFIG.runs + CONFIG.counts + CONFIG.posteriors


@pytest.fixture
def network() -> Spin:
    torch.manual_seed(1)
    spin = Spin(CONFIG).double()
    with torch.no_grad():
        for parameter in spin.parameters():
            parameter.normal_(0, 0.4)
    return spin


@pytest.fixture
def inputs() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    measures = torch.rand(B, A, K, N_MEASURES, generator=generator, dtype=torch.float64) * 3
    match = torch.randint(-1, 2, (B, A, K, S), generator=generator, dtype=torch.int8)
    sites = torch.randn(B, A, S, CONFIG.site_features, generator=generator, dtype=torch.float64)
    sites[..., -1] = torch.randint(0, 2, (B, A, S), generator=generator)
    task = torch.randn(B, A, CONFIG.task_features, generator=generator, dtype=torch.float64)
    previous = torch.randint(-1, K, (B, A, K), generator=generator, dtype=torch.int16)
    following = torch.randint(-1, K, (B, A, K), generator=generator, dtype=torch.int16)
    previous[:, 0], following[:, -1] = -1, -1
    return measures, match, sites, task, previous, following


@pytest.fixture
def queries() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    left = torch.randint(0, 2, (B, A - 1, Q, K), generator=generator, dtype=torch.uint8)
    right = torch.randint(0, 2, (B, A - 1, Q, K), generator=generator, dtype=torch.uint8)
    share = torch.rand(B, A - 1, Q, generator=generator, dtype=torch.float64)
    chain = torch.rand(B, A - 1, Q, CONFIG.posteriors, generator=generator, dtype=torch.float64)
    query = torch.randn(B, A - 1, Q, CONFIG.query_features, generator=generator, dtype=torch.float64)
    return left, right, share, chain, query


def test_weights_equal_plain_loops(network: Spin, inputs: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(network(*inputs), reference.copying_weights(network, *inputs))


def test_weights_sum_to_one_over_the_context(network: Spin, inputs: tuple[Tensor, ...]) -> None:
    total = network(*inputs).sum(dim=2)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_queries_equal_plain_loops(
    network: Spin, inputs: tuple[Tensor, ...], queries: tuple[Tensor, ...]
) -> None:
    with torch.no_grad():
        weights = network(*inputs)
        logits = network.query_logits(weights, *queries)
    left, right, share, chain, query = queries
    for b in range(B):
        for j in range(A - 1):
            for q in range(Q):
                expected = reference.query_logit(
                    network,
                    weights[b, j].tolist(),
                    weights[b, j + 1].tolist(),
                    left[b, j, q].tolist(),
                    right[b, j, q].tolist(),
                    float(share[b, j, q]),
                    chain[b, j, q].tolist(),
                    query[b, j, q].tolist(),
                )
                assert float(logits[b, j, q]) == pytest.approx(expected, abs=1e-9)


def test_context_order_does_not_matter(network: Spin, inputs: tuple[Tensor, ...]) -> None:
    measures, match, sites, task, previous, following = inputs
    order = torch.tensor([3, 1, 4, 0, 2])
    seat = torch.argsort(order).to(torch.int16)

    def moved(place: Tensor) -> Tensor:
        renamed = torch.where(place >= 0, seat[place.long().clamp(min=0)], place)
        return renamed[:, :, order]

    shuffled = network(
        measures[:, :, order], match[:, :, order], sites, task, moved(previous), moved(following)
    )
    torch.testing.assert_close(shuffled, network(*inputs)[:, :, order])


def test_a_fresh_network_only_copies(inputs: tuple[Tensor, ...], queries: tuple[Tensor, ...]) -> None:
    torch.manual_seed(4)
    fresh = Spin(CONFIG).double()
    weights = fresh(*inputs)
    left, right, share, chain, _ = queries
    low = (left.double().unsqueeze(-1) * weights[:, :-1].unsqueeze(2)).sum(3)
    high = (right.double().unsqueeze(-1) * weights[:, 1:].unsqueeze(2)).sum(3)
    copied = torch.lerp(low, high, share.unsqueeze(-1))
    frequency = torch.cat([copied, chain], dim=-1).clamp(1e-5, 1 - 1e-5).mean(-1)
    torch.testing.assert_close(torch.sigmoid(fresh.query_logits(weights, *queries)), frequency)


def test_unknown_typed_variants_have_no_say(network: Spin, inputs: tuple[Tensor, ...]) -> None:
    measures, match, sites, task, previous, following = inputs
    unknown = (sites[..., -1] == 0).unsqueeze(2).expand(B, A, K, S)
    assert unknown.any()
    changed = torch.where(unknown, -match, match)
    torch.testing.assert_close(network(measures, changed, sites, task, previous, following), network(*inputs))


def test_gradients_against_finite_differences(
    network: Spin, inputs: tuple[Tensor, ...], queries: tuple[Tensor, ...]
) -> None:
    measures, *others = inputs

    def loss(x: Tensor) -> Tensor:
        return network.query_logits(network(x, *others), *queries).sum()

    x = measures.clone().requires_grad_()
    loss(x).backward()  # type: ignore[no-untyped-call]
    step = torch.zeros_like(measures)
    step[1, 1, 2, 3] = 1e-6
    with torch.no_grad():
        numeric = (loss(measures + step) - loss(measures - step)) / 2e-6
    assert x.grad is not None
    assert float(x.grad[1, 1, 2, 3]) == pytest.approx(float(numeric), rel=1e-5, abs=1e-8)


def test_parameter_count() -> None:
    assert n_parameters(Spin(SpinConfig())) < 100_000
