"""Blocks of anchors and the haplotypes that chains know in them, against sets."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from spinimpute.pools import HALO, HALO_CM, Blocks, Pools, cut_blocks, gather_pools


@njit  # type: ignore[untyped-decorator]
def _gather(haplotype: Any, blocks: Any, seat: Any) -> Any:
    return gather_pools(haplotype, blocks, seat)


def _blocks(rng: np.random.Generator, n_anchors: int) -> tuple[Blocks, NDArray[np.float64]]:
    cm = np.sort(rng.uniform(0, 2, n_anchors))
    return cut_blocks(cm, np.arange(n_anchors, dtype=np.int64) * 9, 9 * n_anchors, 5), cm


@given(st.integers(0, 1000), st.integers(1, 40))
def test_blocks_tile_the_anchors(seed: int, n_anchors: int) -> None:
    blocks, cm = _blocks(np.random.default_rng(seed), n_anchors)
    edges = blocks.edges.tolist()
    assert (edges[0], edges[-1]) == (0, n_anchors - 1)
    assert n_anchors == 1 or all(a < b for a, b in pairwise(edges))
    assert blocks.typed.tolist() == [0, *(9 * np.array(edges[1:-1])).tolist(), 9 * n_anchors]
    for (first, last), (low, high) in zip(pairwise(edges), blocks.near.tolist(), strict=True):
        number = np.arange(n_anchors)
        near = (cm >= cm[first] - HALO_CM) & (cm <= cm[last] + HALO_CM)
        near |= (number >= first - HALO) & (number <= last + HALO)
        assert near[low:high].all()
        assert near.sum() == high - low


def test_a_window_does_not_move_the_edges() -> None:
    rng = np.random.default_rng(3)
    blocks, cm = _blocks(rng, 200)
    part = slice(40, 160)
    found = cut_blocks(cm[part], 9 * np.arange(120, dtype=np.int64), 9 * 120, 5 + 9 * part.start)
    inner = set((found.edges[1:-1] + part.start).tolist())
    assert inner == {edge for edge in blocks.edges.tolist() if part.start < edge < part.stop - 1}
    assert len(inner) > 3


@settings(deadline=None)  # the first example compiles
@given(st.integers(0, 1000), st.integers(1, 40))
def test_pools_are_the_contexts_nearby(seed: int, n_anchors: int) -> None:
    rng = np.random.default_rng(seed)
    blocks, _ = _blocks(rng, n_anchors)
    haplotype = np.array([rng.permutation(30)[:4] for _ in range(n_anchors)], np.int32)
    seat = np.full((2, 30), -1, np.int32)
    found = Pools(*_gather(haplotype, blocks, seat))
    assert (seat == -1).all()
    bounds = list(pairwise(found.start.tolist()))
    members = [found.haplotype[low:high].tolist() for low, high in bounds]
    for b, each in enumerate(members):
        low, high = blocks.near[b]
        assert len(each) == len(set(each))
        assert set(each) == set(haplotype[low:high].ravel().tolist())
        before = [members[b - 1].index(h) if b and h in members[b - 1] else -1 for h in each]
        assert found.before[slice(*bounds[b])].tolist() == before
        for a in range(blocks.edges[b], blocks.edges[b + 1] + (b == len(members) - 1)):
            assert found.haplotype[found.start[b] + found.place[a]].tolist() == haplotype[a].tolist()
