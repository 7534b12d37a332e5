"""The kernels of phasing against the enumeration of all paths of both chains."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from numpy.typing import NDArray

from spinimpute.mosaics import compose, fill, look_back, rephase
from spinimpute.pbwt import prefix_order, suffix_order

M, K = 5, 3
ODDS = np.float32(0.02)
JUMP = np.array([0, 0.3, 0.05, 0.6, 0.2], np.float32)
DRAWS = 400


def _problem(seed: int, codes: int = 2) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Mosaics (M, K) and haplotypes (2, M) with a heterozygote in the middle and one missing allele."""
    rng = np.random.default_rng(seed)
    haplotypes = rng.integers(0, codes, (2, M)).astype(np.int8)
    haplotypes[:, 2] = 0, codes - 1
    haplotypes[1, 0] = -1
    return rng.integers(0, codes, (M, K)).astype(np.uint8), haplotypes


def _after(
    mosaics: NDArray[np.uint8], haplotypes: NDArray[np.int8], sites: NDArray[np.int64]
) -> NDArray[np.float32]:
    after = np.empty((len(sites), 2, mosaics.shape[1]), np.float32)
    look_back(mosaics, haplotypes, sites, JUMP, ODDS, after)
    return after


def _ways(haplotypes: NDArray[np.int8], site: int) -> list[NDArray[np.int8]]:
    """The four haplotype pairs: 2 a + j, with the site's alleles exchanged if a, what follows if j."""
    ways = []
    for way in range(4):
        pair = haplotypes.copy()
        if way >> 1:
            pair[:, site] = pair[::-1, site]
        if way & 1:
            pair[:, site + 1 :] = pair[::-1, site + 1 :].copy()
        ways.append(pair)
    return ways


@pytest.mark.parametrize("codes", [2, 3])
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_ways_are_drawn_as_often_as_enumeration_says(seed: int, power: float, codes: int) -> None:
    mosaics, haplotypes = _problem(seed, codes)
    sites, pairs = np.array([2]), haplotypes[:, [2]].T.copy()
    ways = _ways(haplotypes, 2)
    weight = np.array([np.prod([reference.chain(mosaics, h, JUMP, ODDS) for h in way]) for way in ways])
    after, counts = _after(mosaics, haplotypes, sites), np.zeros(4)
    for draw in (np.arange(DRAWS) + 0.5) / DRAWS:
        found = haplotypes.copy()
        draws, complete = np.array([draw]), np.empty(found.shape, np.uint8)
        rephase(mosaics, found, sites, pairs, np.array([True]), JUMP, ODDS, after, draws, power, complete)
        counts[next(i for i, way in enumerate(ways) if (way == found).all())] += 1
    _merge_equal(ways, weight := weight**power, counts)
    np.testing.assert_allclose(counts / DRAWS, weight / weight.sum(), atol=2 / DRAWS)


def _merge_equal(
    ways: list[NDArray[np.int8]], weight: NDArray[np.float64], counts: NDArray[np.float64]
) -> None:
    """Count ways that make the same haplotypes as one."""
    for i in range(4):
        for j in range(i + 1, 4):
            if (ways[i] == ways[j]).all():
                weight[i], weight[j] = weight[i] + weight[j], 0
                counts[i], counts[j] = counts[i] + counts[j], 0


@pytest.mark.parametrize("seed", range(5))
def test_the_likeliest_way(seed: int) -> None:
    mosaics, haplotypes = _problem(seed)
    sites, pairs = np.array([2]), haplotypes[:, [2]].T.copy()
    for allowed in (True, False):
        ways = _ways(haplotypes, 2)[:: 1 if allowed else 2]
        weight = [np.prod([reference.chain(mosaics, h, JUMP, ODDS) for h in way]) for way in ways]
        found = haplotypes.copy()
        after = _after(mosaics, haplotypes, sites)
        draw, may, complete = np.array([-1.0]), np.array([allowed]), np.empty(found.shape, np.uint8)
        rephase(mosaics, found, sites, pairs, may, JUMP, ODDS, after, draw, 1.0, complete)
        chosen = np.prod([reference.chain(mosaics, h, JUMP, ODDS) for h in found])
        assert chosen == pytest.approx(max(weight), rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_missing_alleles_are_filled_as_enumeration_says(seed: int) -> None:
    mosaics, haplotypes = _problem(seed, 3)
    sites = np.array([0, 3])
    haplotypes[0, 3] = -1
    doses = np.empty((2, 2, 3), np.float32)
    fill(mosaics, haplotypes, sites, JUMP, ODDS, _after(mosaics, haplotypes, sites), doses)
    for h, i in ((0, 1), (1, 0)):
        expected = reference.carried(mosaics, haplotypes[i], JUMP, ODDS, int(sites[h]), 3)
        np.testing.assert_allclose(doses[h, i], expected, rtol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_haplotypes_are_completed_as_enumeration_says(seed: int) -> None:
    """Where nothing is open they stay as they are, and the likeliest allele stands for a missing one."""
    mosaics, haplotypes = _problem(seed, 3)
    sites, none = np.array([0, 3]), np.full((2, 2), -1, np.int8)
    haplotypes[:, 3] = -1
    given, complete = haplotypes.copy(), np.empty((2, M), np.uint8)
    after, draws, may = _after(mosaics, haplotypes, sites), np.full(2, 0.9), np.ones(2, np.bool_)
    rephase(mosaics, haplotypes, sites, none, may, JUMP, ODDS, after, draws, 1.0, complete)
    np.testing.assert_array_equal(haplotypes, given)
    np.testing.assert_array_equal(complete[given >= 0], given[given >= 0])
    for i, m in np.argwhere(given < 0).tolist():
        expected = reference.carried(mosaics, given[i], JUMP, ODDS, m, 3)
        assert expected[complete[i, m]] == pytest.approx(max(expected))


def test_nobody_is_copied_from_himself() -> None:
    rng = np.random.default_rng(5)
    panel = rng.integers(0, 2, (20, 40)).astype(np.uint8)
    order = np.stack([rng.permutation(20) for _ in range(10)]).reshape(2, 5, 20).astype(np.int32)
    place = rng.integers(0, 21, (2, 5, 2)).astype(np.int32)
    panel[6:8] = 2
    for own, last in ((6, 1), (-2, 2)):
        mosaics = np.empty((40, 12), np.uint8)
        n = compose(panel, np.arange(0, 41, 10), order, place, 3, own, mosaics)
        assert mosaics[:, :n].max() == last


@pytest.mark.parametrize("slots", [12, 40])
def test_mosaics_hold_the_neighbours_of_both_haplotypes(slots: int) -> None:
    rng = np.random.default_rng(4)
    panel = rng.integers(0, 2, (60, 30)).astype(np.uint8)
    target = np.ascontiguousarray(panel[:, [3, 7]].astype(np.int8))
    gaps = np.arange(0, 61, 10)
    bits = np.packbits(panel, axis=1, bitorder="little")
    sides = [order(bits, panel.shape[1], target, gaps) for order in (prefix_order, suffix_order)]
    mosaics = np.empty((60, slots), np.uint8)
    order, place = np.stack([s.order for s in sides]), np.stack([s.place for s in sides])
    n = compose(np.ascontiguousarray(panel.T), gaps, order, place, 1, -2, mosaics)
    assert n == min(slots, n) > 4
    for i in range(2):
        # The haplotype itself is its own neighbour, and so is one of the mosaics from end to end.
        assert (mosaics[:, :n] == target[:, i, None]).all(axis=0).any()
