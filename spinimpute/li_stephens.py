"""The Li-Stephens model on the haplotypes that were retrieved anywhere in a window, as token measures.

It carries evidence across recombinations, further than the runs around one anchor tell. States are all
haplotypes of a target's contexts (its pool); at every typed variant a target copies on or jumps to any of the
pool (Li and Stephens 2003). What the whole panel would say beyond the pool is hardly more, at a cost that
does not grow with it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.retrieval import Anchors, Context, TypedWindow

# Effective population sizes; which fits depends on panel and density, so the network sees both.
POPULATION_SIZES = np.array([1e5, 1e6])
# Probability that a typed allele differs from the copied one.
ERROR = 1e-3


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _pool(haplotype: NDArray[np.int32], seat: NDArray[np.int32], pool: NDArray[np.int32]) -> int:
    """List the distinct haplotypes of all contexts (A, K); seat gives each its place, -1 elsewhere. Return
    how many.
    """
    n = 0
    for a in range(haplotype.shape[0]):
        for k in range(haplotype.shape[1]):
            if seat[haplotype[a, k]] < 0:
                seat[haplotype[a, k]] = n
                pool[n] = haplotype[a, k]
                n += 1
    return n


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _step(
    state: NDArray[np.float32],
    panel: NDArray[np.uint8],
    pool: NDArray[np.int32],
    allele: int,
    odds: np.float32,
    jump: np.float32,
) -> None:
    """Move (S,) probabilities across a jump and over one typed variant; they sum to one before and after."""
    n = pool.shape[0]
    base = jump / np.float32(n)
    stay = np.float32(1) - jump
    total = np.float32(0)
    for s in range(n):
        likelihood = np.float32(1) if allele < 0 or panel[pool[s]] == allele else odds
        state[s] = (stay * state[s] + base) * likelihood
        total += state[s]
    for s in range(n):
        state[s] /= total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sweep(
    panel: NDArray[np.uint8],
    target: NDArray[np.int8],
    pool: NDArray[np.int32],
    gap: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: np.float32,
    backward: bool,
    out: NDArray[np.float32],
) -> None:
    """Fill out (A, S): the probability of each state at the gaps given the typed variants on one side of
    them.

    jump (M + 1,) is the probability of a jump across each gap, from the variant before it; 0 at either end.
    """
    n_typed, n_anchors = target.shape[0], gap.shape[0]
    state = np.empty(pool.shape[0], np.float32)
    for s in range(state.shape[0]):
        state[s] = np.float32(1) / np.float32(state.shape[0])
    for i in range(n_anchors):
        a = n_anchors - 1 - i if backward else i
        if backward:
            start = n_typed if i == 0 else gap[a + 1]
            for m in range(start - 1, gap[a] - 1, -1):
                _step(state, panel[m], pool, target[m], odds, jump[m + 1])
        else:
            start = 0 if i == 0 else gap[a - 1]
            for m in range(start, gap[a]):
                _step(state, panel[m], pool, target[m], odds, jump[m])
        for s in range(state.shape[0]):
            out[a, s] = state[s]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _posteriors(
    panel: NDArray[np.uint8],
    target: NDArray[np.int8],
    gap: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: np.float32,
    haplotype: NDArray[np.int32],
    out: NDArray[np.float32],
) -> None:
    n_target, n_anchors, n_context = haplotype.shape
    seat = np.full(panel.shape[1], -1, np.int32)
    pool = np.empty(panel.shape[1], np.int32)
    for t in range(n_target):
        n = _pool(haplotype[t], seat, pool)
        left = np.empty((n_anchors, n), np.float32)
        right = np.empty((n_anchors, n), np.float32)
        for i in range(jump.shape[0]):
            _sweep(panel, target[:, t], pool[:n], gap, jump[i], odds, False, left)
            _sweep(panel, target[:, t], pool[:n], gap, jump[i], odds, True, right)
            for a in range(n_anchors):
                # The jump across the anchor's own gap lies between the two sides.
                across = jump[i, gap[a]]
                total = np.float32(0)
                for s in range(n):
                    left[a, s] *= (np.float32(1) - across) * right[a, s] + across / np.float32(n)
                    total += left[a, s]
                for k in range(n_context):
                    out[t, a, k, i] = left[a, seat[haplotype[t, a, k]]] / total
        for s in range(n):
            seat[pool[s]] = -1


def jump_probability(cm: NDArray[np.float64], n_panel: int) -> NDArray[np.float32]:
    """Return (P, M + 1), the probability of a jump across each gap between typed variants at cm (M,), by
    population size; nothing is jumped before the first and after the last.
    """
    morgans = np.concatenate([[0.0], np.maximum(np.diff(cm), 1e-6) / 100, [0.0]])
    jump = -np.expm1(-4 * POPULATION_SIZES[:, None] * morgans / n_panel)
    return np.asarray(jump, np.float32)


def posteriors(
    window: TypedWindow, anchors: Anchors, context: Context, targets: slice, out: NDArray[np.float32]
) -> None:
    """Fill out (T, A, K, P) with the posterior of each context haplotype, one for each population size."""
    jump = jump_probability(window.cm, window.panel.shape[1])
    odds = np.float32(ERROR / (1 - ERROR))
    target = np.ascontiguousarray(window.target[:, targets])
    _posteriors(window.panel, target, anchors.gap, jump, odds, context.haplotype, out)
