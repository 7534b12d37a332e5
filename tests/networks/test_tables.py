"""The published networks: their sizes, what they may see, and plain loops as an oracle."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from spinimpute.networks.attention import MAB, AttentionConfig
from spinimpute.networks.baselines import TableMLP, npt, set_transformer
from spinimpute.networks.spin import Parts, TableSpin
from spinimpute.networks.tables import TableConfig, TableNetwork
from spinimpute.spin.model import n_parameters

SMALL = TableConfig(
    features=4,
    targets=3,
    classes=5,
    width=4,
    inducing=3,
    latents=2,
    attention=AttentionConfig(heads=2, attention_dropout=0.0, hidden_dropout=0.0),
)
BUILDERS: dict[str, Callable[[TableConfig], TableNetwork]] = {
    "spin": TableSpin,
    "spin_without_xaba": lambda config: TableSpin(config, Parts(xaba=False)),
    "spin_without_xabd": lambda config: TableSpin(config, Parts(xabd=False)),
    "npt": npt,
    "set_transformer": set_transformer,
    "mlp": lambda config: TableMLP(config, hidden=(6,)),
}
SEES_THE_TABLE = ["spin", "spin_without_xaba", "npt", "set_transformer"]


def build(name: str) -> TableNetwork:
    torch.manual_seed(1)
    network = BUILDERS[name](SMALL).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.5)
    return network


def random_table(rows: int, seed: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(SMALL.classes, (rows, SMALL.columns), generator=generator)


@pytest.mark.parametrize(
    ("name", "count", "published"),
    [("spin", 8_048_798, 8.05), ("npt", 16_724_704, 16.72), ("set_transformer", 33_410_528, 33.41)],
)
def test_networks_have_the_papers_size(name: str, count: int, published: float) -> None:
    with torch.device("meta"):
        network = BUILDERS[name](TableConfig())
    assert n_parameters(network) == count
    assert round(count / 1e6, 2) == published


@pytest.mark.parametrize("name", BUILDERS)
def test_a_network_gives_logits_for_every_cell(name: str) -> None:
    network = build(name)
    assert network(random_table(6)).shape == (6, SMALL.columns, SMALL.classes)
    memory = network.encode(random_table(6))
    assert network.predict(random_table(2)[:, : SMALL.features], memory).shape == (2, 3, SMALL.classes)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_order_of_datapoints_does_not_matter(name: str) -> None:
    network, table = build(name), random_table(7)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(network(table[order]), network(table)[order])
    rows = random_table(3, seed=4)
    expected = network.decode(rows, network.encode(table))
    torch.testing.assert_close(network.decode(rows, network.encode(table[order])), expected)


@pytest.mark.parametrize("name", SEES_THE_TABLE)
def test_the_labels_of_the_table_reach_the_prediction(name: str) -> None:
    network, table, rows = build(name), random_table(7), random_table(3, seed=4)
    other = table.clone()
    other[:, SMALL.features :] = (other[:, SMALL.features :] + 1) % SMALL.classes
    before = network.predict(rows[:, : SMALL.features], network.encode(table))
    after = network.predict(rows[:, : SMALL.features], network.encode(other))
    assert (before - after).abs().max() > 1e-6


def test_without_xabd_and_with_untouched_points_the_table_is_not_seen() -> None:
    rows = random_table(3, seed=4)[:, : SMALL.features]
    network = build("spin_without_xabd")
    torch.testing.assert_close(
        network.predict(rows, network.encode(random_table(7))),
        network.predict(rows, network.encode(random_table(5, seed=9))),
    )
    spin = build("spin")
    assert isinstance(spin, TableSpin)
    assert torch.equal(spin.untouched(), spin.encoder.points)


def test_a_row_of_spin_depends_on_no_other_row_once_the_table_is_encoded() -> None:
    network, rows = build("spin"), random_table(5, seed=4)
    memory = network.encode(random_table(7))
    torch.testing.assert_close(network.decode(rows, memory)[2:3], network.decode(rows[2:3], memory))


def test_spin_encodes_a_table_once_for_training_and_use() -> None:
    network, table = build("spin"), random_table(7)
    torch.testing.assert_close(network(table), network.decode(table, network.encode(table)))


def naive_mab(block: MAB, queries: Tensor, keys: Tensor) -> Tensor:
    """One query, one head, one key at a time, from the block's own weights (evaluation mode)."""
    q, k, v = block.query(block.norm(queries)), block.key(keys), block.value(keys)
    size = q.shape[-1] // block.heads
    attended = torch.zeros_like(q)
    for i in range(len(q)):
        for head in range(block.heads):
            part = slice(head * size, (head + 1) * size)
            logits = [float(q[i, part] @ row[part]) / math.sqrt(keys.shape[-1]) for row in k]
            total = sum(math.exp(logit) for logit in logits)
            for logit, row in zip(logits, v, strict=True):
                attended[i, part] += math.exp(logit) / total * row[part]
    hidden = block.residual(queries) + block.mix(attended)
    feed = block.feed
    return hidden + feed.narrow(functional.gelu(feed.widen(feed.norm(hidden))))


@torch.no_grad()
def test_mab_equals_plain_loops() -> None:
    torch.manual_seed(5)
    block = MAB(6, 5, 8, AttentionConfig(heads=4)).double().eval()
    queries, keys = torch.randn(3, 6).double(), torch.randn(7, 5).double()
    torch.testing.assert_close(block(queries, keys), naive_mab(block, queries, keys))
    batch = block(queries.expand(2, 3, 6), torch.stack([keys, keys.flip(0)]))
    torch.testing.assert_close(batch, naive_mab(block, queries, keys).expand(2, 3, 8))


@pytest.mark.parametrize("name", BUILDERS)
def test_gradients_equal_finite_differences(name: str) -> None:
    network, table = build(name), random_table(4)
    weights = torch.randn(4, SMALL.columns, SMALL.classes, dtype=torch.float64)
    loss = (network(table) * weights).sum()
    loss.backward()
    generator = torch.Generator().manual_seed(6)
    for parameter in network.parameters():
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        step = 1e-5
        values = []
        with torch.no_grad():
            for sign in (1, -1):
                parameter.add_(direction, alpha=sign * step)
                values.append((network(table) * weights).sum().item())
                parameter.sub_(direction, alpha=sign * step)
        slope = (values[0] - values[1]) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-5)
