"""Positional Burrows-Wheeler transform of the panel, with each target's place in it.

At a gap between typed variants the panel haplotypes are ordered by their reversed prefixes, so that those
sharing the longest match with a target stand next to the target's own place (Durbin 2014, algorithms 1 and
5). One sweep costs O(M (N + T)) and keeps no matrix but the orders at the anchors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True)
class PrefixOrder:
    """Panel haplotypes ordered by match at each anchor.

    order: (A, N) int32, haplotypes by reversed prefix; place: (A, T) int32, where each target would be
    inserted.
    """

    order: NDArray[np.int32]
    place: NDArray[np.int32]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _allele(bits: NDArray[np.uint8], n: int) -> int:
    return int(bits[n >> 3] >> np.uint8(n & 7) & np.uint8(1))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _partition(
    row: NDArray[np.uint8],
    current: NDArray[np.int32],
    following: NDArray[np.int32],
    zeros_before: NDArray[np.int32],
) -> int:
    """Fill following (N,) with those of current that carry 0, then the others; return how many carry 0."""
    n_panel, n_zero = current.shape[0], 0
    for n in range(n_panel):
        zeros_before[n] = n_zero
        n_zero += 1 - _allele(row, current[n])
    zeros_before[n_panel] = n_zero
    for n in range(n_panel):
        zero = zeros_before[n + 1] - zeros_before[n]
        following[zeros_before[n] if zero else n_zero + n - zeros_before[n]] = current[n]
    return n_zero


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sweep(
    panel: NDArray[np.uint8],
    target: NDArray[np.int8],
    gaps: NDArray[np.int64],
    backward: bool,
    order: NDArray[np.int32],
    place: NDArray[np.int32],
) -> None:
    """Fill order and place at the gaps, forward or backward."""
    n_typed, n_panel, n_anchors = panel.shape[0], order.shape[1], gaps.shape[0]
    n_target = target.shape[1]
    current = np.empty(n_panel, np.int32)
    for n in range(n_panel):
        current[n] = n
    following = np.empty(n_panel, np.int32)
    zeros_before = np.empty(n_panel + 1, np.int32)
    at = np.full(n_target, n_panel // 2, np.int32)
    i = 0
    for step in range(n_typed + 1):
        while i < n_anchors:
            a = n_anchors - 1 - i if backward else i
            if gaps[a] != (n_typed - step if backward else step):
                break
            # Plain loops: an assignment of whole rows takes seconds to compile.
            for n in range(n_panel):
                order[a, n] = current[n]
            for t in range(n_target):
                place[a, t] = at[t]
            i += 1
        if step == n_typed or i == n_anchors:
            break
        m = n_typed - 1 - step if backward else step
        row = panel[m]
        n_zero = _partition(row, current, following, zeros_before)
        for t in range(n_target):
            allele = target[m, t]
            if allele < 0:
                # A missing allele follows the neighbour it stands beside, so that the match goes on.
                allele = _allele(row, current[max(at[t] - 1, 0)])
            before = zeros_before[at[t]]
            at[t] = before if allele == 0 else n_zero + at[t] - before
        current, following = following, current


def prefix_order(
    panel: NDArray[np.uint8], haplotypes: int, target: NDArray[np.int8], gaps: NDArray[np.int64]
) -> PrefixOrder:
    """Order the panel at each gap by the typed variants before it.

    panel (M, ceil(N / 8)) alleles as bits, the first haplotype in the lowest; target (M, T) alleles 0/1, -1
    missing; gaps (A,) ascending: gap g lies before typed variant g.
    """
    return _order(panel, haplotypes, target, gaps, False)


def suffix_order(
    panel: NDArray[np.uint8], haplotypes: int, target: NDArray[np.int8], gaps: NDArray[np.int64]
) -> PrefixOrder:
    """Order the panel at each gap by the typed variants after it; arguments as for `prefix_order`."""
    return _order(panel, haplotypes, target, gaps, True)


def _order(
    panel: NDArray[np.uint8],
    haplotypes: int,
    target: NDArray[np.int8],
    gaps: NDArray[np.int64],
    backward: bool,
) -> PrefixOrder:
    order = np.empty((len(gaps), haplotypes), np.int32)
    place = np.empty((len(gaps), target.shape[1]), np.int32)
    _sweep(panel, target, gaps, backward, order, place)
    return PrefixOrder(order, place)
