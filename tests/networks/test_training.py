"""Masking hides what it says it hides; training learns and keeps its best."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from spinimpute.networks.attention import AttentionConfig
from spinimpute.networks.baselines import npt
from spinimpute.networks.kmers import allele_probabilities, tokenise
from spinimpute.networks.masking import MaskingConfig, mask_table
from spinimpute.networks.spin import TableSpin
from spinimpute.networks.tables import TableConfig
from spinimpute.networks.training import (
    TableTraining,
    flat_then_cosine,
    masked_loss,
    train_table,
    validation_loss,
)

CONFIG = TableConfig(
    features=4,
    targets=3,
    classes=8,
    width=4,
    inducing=3,
    latents=2,
    attention=AttentionConfig(heads=2, attention_dropout=0.0, hidden_dropout=0.0),
)


def copies(rows: int, seed: int = 1) -> torch.Tensor:
    """Rows whose targets repeat their features, so that they can be told."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randint(2, (rows, CONFIG.features), generator=generator)
    return torch.cat([features, features[:, : CONFIG.targets] + 4], dim=1)


def generator(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("chunks", [True, False])
@pytest.mark.parametrize("build", [TableSpin, npt])
def test_hidden_labels_cannot_leak(build, chunks: bool) -> None:
    masking = MaskingConfig(features=0.0, targets=0.5, chunks=chunks)
    table = copies(40)
    seen = mask_table(table, CONFIG, masking, generator())
    changed = torch.where(seen.targets, (table + 1) % CONFIG.classes, table)
    again = mask_table(changed, CONFIG, masking, generator())
    assert not torch.equal(changed, table)
    assert torch.equal(seen.tokens, again.tokens)
    network = build(CONFIG).eval()
    assert torch.equal(network(seen.tokens), network(again.tokens))


def test_hidden_features_cannot_leak() -> None:
    table = copies(40)
    seen = mask_table(table, CONFIG, MaskingConfig(features=0.5), generator())
    changed = torch.where(seen.features, (table + 1) % CONFIG.classes, table)
    assert torch.equal(
        seen.tokens, mask_table(changed, CONFIG, MaskingConfig(features=0.5), generator()).tokens
    )


def test_chunks_hide_whole_rows_of_targets_and_random_masks_do_not() -> None:
    table = copies(400)
    rows = mask_table(table, CONFIG, MaskingConfig(), generator()).targets.sum(1)
    assert set(rows.tolist()) == {0, CONFIG.targets}
    assert 30 < int((rows > 0).sum()) < 90  # 15 % of 400, give or take four deviations
    cells = mask_table(table, CONFIG, MaskingConfig(chunks=False), generator()).targets.sum(1)
    assert {1, 2} <= set(cells.tolist())


def test_missing_cells_are_not_asked_for() -> None:
    table = copies(50)
    table[:, 1] = CONFIG.mask
    table[:, 5] = CONFIG.mask
    masked = mask_table(table, CONFIG, MaskingConfig(features=1.0, targets=1.0), generator())
    assert not masked.features[:, 1].any()
    assert not masked.targets[:, 5].any()
    assert masked.features[:, 0].all()


def test_the_loss_is_the_weighted_mean_of_both_kinds() -> None:
    table = copies(30)
    masked = mask_table(table, CONFIG, MaskingConfig(features=0.5, targets=0.5), generator())
    logits = torch.randn(30, CONFIG.columns, CONFIG.classes, dtype=torch.float64)
    means = []
    for cells in (masked.features, masked.targets):
        losses = [
            -logits[i, j].log_softmax(-1)[table[i, j]].item()
            for i, j in itertools.product(range(30), range(CONFIG.columns))
            if cells[i, j]
        ]
        means.append(sum(losses) / len(losses))
    loss = masked_loss(logits, table, masked, tradeoff=0.3).item()
    assert loss == pytest.approx(0.3 * means[0] + 0.7 * means[1])


def test_schedule_is_flat_then_falls_to_zero() -> None:
    assert flat_then_cosine(0.5, 0.7) == 1
    assert flat_then_cosine(0.85, 0.7) == pytest.approx(0.5)
    assert flat_then_cosine(1.0, 0.7) == pytest.approx(0)
    assert flat_then_cosine(0.5, 0.0) == pytest.approx(0.5)


def test_training_learns_keeps_its_best_and_repeats_with_a_seed() -> None:
    table, held_out = copies(120), copies(40, seed=2)
    training = TableTraining(steps=120, learning_rate=0.05, validate_every=20, rows=60)
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        network = TableSpin(CONFIG)
        history = train_table(network, table, held_out, training)
        results.append((history, validation_loss(network, table, held_out)))
    assert results[0] == results[1]
    history, final = results[0]
    assert [v.step for v in history] == [20, 40, 60, 80, 100, 120]
    assert final == pytest.approx(min(v.loss for v in history))
    assert final < 0.6 * math.log(2)  # to know that a target has two values gives log 2


def test_kmers_come_back_from_certain_logits() -> None:
    alleles = torch.randint(2, (6, 15), generator=generator())
    tokens = tokenise(alleles)
    assert tokens.shape == (6, 3)
    assert tokenise(torch.tensor([[1, 0, 0, 1, 1]])).item() == 0b10011
    certain = torch.nn.functional.one_hot(tokens, 32) * 1e4
    torch.testing.assert_close(allele_probabilities(certain.double()), alleles.double())
    even = allele_probabilities(torch.zeros(1, 1, 32))
    torch.testing.assert_close(even, torch.full((1, 5), 0.5))
