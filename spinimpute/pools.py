"""The states of the Li-Stephens chains: the haplotypes of the contexts nearby, block of anchors by block.

A window's contexts together hold many haplotypes, most of them for a short stretch. In a block the chains
know those of its anchors and of the ones up to HALO_CM, and HALO anchors, beyond; who is not in the next
block's pool jumps at the anchor between the two, which belongs to both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import part

# Typed variants of a block. Sparse arrays need long ones: contexts a quarter cM away alone are too few.
BLOCK = 64
HALO_CM, HALO = 0.25, 16  # anchors at least


class Blocks(NamedTuple):
    """B blocks of A anchors and M typed variants: block b goes from anchor edges[b] to edges[b + 1] and from
    typed variant typed[b] to typed[b + 1], both (B + 1,); near (B, 2) are the anchors, a half-open range,
    whose contexts are its states.
    """

    edges: NDArray[np.int64]
    typed: NDArray[np.int64]
    near: NDArray[np.int64]


class Pools(NamedTuple):
    """The states of each block for one target: haplotype[start[b]:start[b + 1]], start (B + 1,).

    before says where each is in the pool of the block before, -1 if it is not; place (A, K) where each
    context haplotype is in its block's, the later one for an anchor of two.
    """

    start: NDArray[np.int64]
    haplotype: NDArray[np.int32]
    before: NDArray[np.int32]
    place: NDArray[np.int32]


def cut_blocks(
    anchor_cm: NDArray[np.float64], gap: NDArray[np.int64], n_typed: int, first_typed: int
) -> Blocks:
    """Cut anchors at map positions (A,), ascending, and before typed variants gap (A,).

    first_typed of the chromosome's typed variants come before these ones: blocks are the same whatever window
    they lie in.
    """
    last = len(anchor_cm) - 1
    cut = np.diff((first_typed + gap[:last]) // BLOCK)
    edges = np.concatenate([[0], np.flatnonzero(cut) + 1, [last]]).astype(np.int64)
    low = np.searchsorted(anchor_cm, anchor_cm[edges[:-1]] - HALO_CM, side="left")
    high = np.searchsorted(anchor_cm, anchor_cm[edges[1:]] + HALO_CM, side="right")
    low = np.minimum(low, np.maximum(edges[:-1] - HALO, 0))
    high = np.maximum(high, np.minimum(edges[1:] + HALO, last) + 1)
    typed = np.concatenate([[0], gap[edges[1:-1]], [n_typed]]).astype(np.int64)
    return Blocks(edges, typed, np.column_stack([low, high]))


@part  # type: ignore[untyped-decorator]
def gather_pools(haplotype: NDArray[np.int32], blocks: Blocks, seat: NDArray[np.int32]) -> Pools:
    """List the pools of contexts (A, K). seat (2, N) is -1, and left so."""
    n_blocks, (n_anchors, n_context) = blocks.near.shape[0], haplotype.shape
    most = 0
    for b in range(n_blocks):
        most += (blocks.near[b, 1] - blocks.near[b, 0]) * n_context
    start, place = np.zeros(n_blocks + 1, np.int64), np.empty((n_anchors, n_context), np.int32)
    pool, before = np.empty(most, np.int32), np.empty(most, np.int32)
    for b in range(n_blocks):
        here, there = seat[b % 2], seat[1 - b % 2]
        first, n = start[b], 0
        for a in range(blocks.near[b, 0], blocks.near[b, 1]):
            for k in range(n_context):
                h = haplotype[a, k]
                if here[h] < 0:
                    here[h] = n
                    pool[first + n], before[first + n] = h, there[h]
                    n += 1
        start[b + 1] = first + n
        for a in range(blocks.edges[b], blocks.edges[b + 1] + 1):
            for k in range(n_context):
                place[a, k] = here[haplotype[a, k]]
        for s in range(start[max(b - 1, 0)], first):
            there[pool[s]] = -1
    for s in range(start[n_blocks - 1], start[n_blocks]):
        seat[(n_blocks - 1) % 2, pool[s]] = -1
    return Pools(start, pool, before, place)
