"""Pseudo-targets: who may be whose context, what an array sees, and that draws and batches repeat."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_retrieval import mosaics

from spinimpute.copying import LEAST_DOSE
from spinimpute.training.batches import sample_batch
from spinimpute.training.pseudo_targets import Draw, choose_array, choose_people, draw_task, observe
from spinimpute.training.sources import Source, hold_out, source_weights

CONTEXT = 16


@pytest.fixture(scope="module")
def source() -> Source:
    rng = np.random.default_rng(3)
    pos = np.cumsum(rng.integers(200, 1800, 900)).astype(np.int64)
    return Source("mosaic", pos, pos * 1e-6, mosaics(rng, 900, 260, founders=12))


@pytest.fixture(scope="module")
def draw(source: Source) -> Draw:
    return draw_task(source, CONTEXT, [1, 0])


@pytest.mark.parametrize("seed", range(8))
def test_panel_and_targets_are_different_people(seed: int) -> None:
    panel, target = choose_people(np.random.default_rng(seed), 200, 30)
    assert not set(panel.tolist()) & set(target.tolist())
    assert len(target) == 30
    assert len(set(panel.tolist())) == len(panel) >= 40


def test_arrays_prefer_common_variants() -> None:
    rng = np.random.default_rng(1)
    pos = np.arange(20_000, dtype=np.int64) * 100
    maf = rng.uniform(0.001, 0.5, 20_000) ** 2
    chosen = np.mean([maf[choose_array(rng, pos, maf)].mean() for _ in range(20)])
    assert chosen > 1.2 * maf.mean()


def test_observed_alleles_are_mostly_right_and_missing_is_marked() -> None:
    alleles = np.ones((500, 60), np.uint8)
    seen = [observe(np.random.default_rng(seed), alleles) for seed in range(12)]
    assert {int(value) for array in seen for value in np.unique(array)} == {-1, 0, 1}
    assert min(np.mean(array == 1) for array in seen) > 0.9


def test_a_draw_marks_the_rarer_allele_and_keeps_its_shapes(draw: Draw) -> None:
    assert draw.panel.mean(axis=1).max() <= 0.5
    assert draw.panel.shape[0] == draw.truth.shape[0] == len(draw.segments.query) == len(draw.typed)
    n_targets, n_anchors, n_context = draw.context.haplotype.shape
    assert n_context == CONTEXT
    assert n_targets == draw.truth.shape[1]
    assert len(draw.segments.start) == n_anchors + 2 >= 10


def test_the_same_seed_gives_the_same_draw_and_batch(source: Source, draw: Draw) -> None:
    again = draw_task(source, CONTEXT, [1, 0])
    np.testing.assert_array_equal(again.tokens.measures, draw.tokens.measures)
    batches = [sample_batch(d, np.random.default_rng(2), 4, 8, 6) for d in (draw, again)]
    for name, tensor in vars(batches[0]).items():
        torch.testing.assert_close(tensor, getattr(batches[1], name))


def test_queries_ask_untyped_variants_that_the_context_or_a_chain_carries(draw: Draw) -> None:
    batch = sample_batch(draw, np.random.default_rng(4), 16, 8, 6)
    asked = batch.asked > 0
    carried = (batch.left | batch.right).any(dim=-1) | (batch.chain > LEAST_DOSE).any(dim=-1)
    assert bool((carried == asked).all())
    assert 0 < float(batch.truth[asked].mean()) < 0.6
    assert bool(((batch.share >= 0) & (batch.share <= 1)).all())
    assert bool((batch.previous[:, 0] == -1).all())


def test_truth_follows_the_evidence(draw: Draw) -> None:
    batch = sample_batch(draw, np.random.default_rng(5), 64, 8, 12)
    share = (batch.left.float().mean(-1) + batch.right.float().mean(-1))[batch.asked > 0]
    assert np.corrcoef(share.numpy(), batch.truth[batch.asked > 0].numpy())[0, 1] > 0.5


def test_an_only_region_is_split_by_position(source: Source) -> None:
    training, validation = hold_out([source])
    assert training[0].pos[-1] < validation[0].pos[0]
    assert len(training[0].pos) + len(validation[0].pos) == len(source.pos)


def test_the_last_regions_of_many_are_held_out(source: Source) -> None:
    training, validation = hold_out([source] * 20)
    assert (len(training), len(validation)) == (18, 2)


def test_short_sources_are_drawn_less_often(source: Source) -> None:
    weights = source_weights([source, source.stretch(0, 100, "/short")])
    assert 0 < weights[1] < weights[0] <= 1
