"""The states of the Li-Stephens chains: the haplotypes of the contexts nearby, block of anchors by block.

A window's contexts together hold many haplotypes, most of them for a short stretch. In a block the chains
know those of its anchors and of the ones up to HALO_CM beyond; who is not in the next block's pool jumps at
the anchor between the two, which belongs to both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

BLOCK = 16  # anchors
HALO_CM = 0.25


@dataclass(frozen=True)
class Blocks:
    """B blocks of A anchors: block b goes from anchor edges[b] to edges[b + 1], edges (B + 1,); near (B, 2)
    are the anchors, a half-open range, whose contexts are its states.
    """

    edges: NDArray[np.int64]
    near: NDArray[np.int64]

    @staticmethod
    def of(anchor_cm: NDArray[np.float64]) -> Blocks:
        """Cut anchors at map positions (A,), ascending."""
        last = len(anchor_cm) - 1
        edges = np.append(np.arange(0, max(last, 1), BLOCK), last)
        low = np.searchsorted(anchor_cm, anchor_cm[edges[:-1]] - HALO_CM, side="left")
        high = np.searchsorted(anchor_cm, anchor_cm[edges[1:]] + HALO_CM, side="right")
        return Blocks(edges, np.column_stack([low, high]))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def gather_pools(
    haplotype: NDArray[np.int32],
    edges: NDArray[np.int64],
    near: NDArray[np.int64],
    seat: NDArray[np.int32],
    start: NDArray[np.int64],
    pool: NDArray[np.int32],
    before: NDArray[np.int32],
    place: NDArray[np.int32],
) -> None:
    """List the pools of contexts (A, K), block b's at start[b] to start[b + 1] of pool; start (B + 1,).

    before says where each is in the pool of the block before, -1 if it is not; place (A, K) where each context
    haplotype is in its block's, the later one for an anchor of two. seat (2, N) is -1, and left so.
    """
    n_blocks, n_anchors = near.shape[0], haplotype.shape[0]
    start[0] = 0
    for b in range(n_blocks):
        here, there = seat[b % 2], seat[1 - b % 2]
        first = start[b]
        n = 0
        for a in range(near[b, 0], near[b, 1]):
            for k in range(haplotype.shape[1]):
                h = haplotype[a, k]
                if here[h] < 0:
                    here[h] = n
                    pool[first + n], before[first + n] = h, there[h]
                    n += 1
        start[b + 1] = first + n
        for a in range(edges[b], n_anchors if b == n_blocks - 1 else edges[b + 1]):
            for k in range(haplotype.shape[1]):
                place[a, k] = here[haplotype[a, k]]
        for s in range(start[max(b - 1, 0)], first):
            there[pool[s]] = -1
    for s in range(start[n_blocks - 1], start[n_blocks]):
        seat[(n_blocks - 1) % 2, pool[s]] = -1
