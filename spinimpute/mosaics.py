"""Phasing of one person: two Li-Stephens chains over mosaics of panel haplotypes, and the moves between them.

The states of both chains are K mosaics: each is a slot that holds one panel haplotype after another, so that
at any place the slots hold those that lately stood next to the person's haplotypes in PBWT order (the
composite reference haplotypes of Browning et al. 2021, doi:10.1016/j.ajhg.2021.08.005; selection by PBWT as
of Delaneau et al. 2019, doi:10.1038/s41467-019-13225-y). Given the phase of all other genotypes, the chains
(Li and Stephens 2003) are independent, so that the four ways to put a genotype and all that follows it on
the two haplotypes have exact odds, at a cost linear in K.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _oldest(used: NDArray[np.int64]) -> int:
    slot = 0
    for k in range(used.shape[0]):
        if used[k] < used[slot]:
            slot = k
    return slot


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _lay(panel: NDArray[np.uint8], begin: int, end: int, slot: int, mosaics: NDArray[np.uint8]) -> None:
    """Copy the alleles of one panel haplotype (M,) into a slot, from begin to end."""
    for m in range(begin, end):
        mosaics[m, slot] = panel[m]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def compose(
    panel: NDArray[np.uint8],
    gap: NDArray[np.int64],
    order: NDArray[np.int32],
    place: NDArray[np.int32],
    each_side: int,
    own: int,
    mosaics: NDArray[np.uint8],
) -> int:
    """Fill mosaics (M, K) from panel (N, M), typed variants last; return how many of the K there are.

    gap (A,) are the anchors; order (D, A, N) the panel's orders and place (D, A, 2) where both haplotypes of
    the person stand in them. The neighbours there take the slots that have gone longest without being one,
    from halfway between the two anchors. The person's own haplotypes, own and the next, are not taken; own is
    -2 if the panel lacks them.
    """
    n_panel, n_slots = panel.shape[0], mosaics.shape[1]
    slot_of = np.full(n_panel, -1, np.int32)
    holds = np.full(n_slots, -1, np.int32)
    used = np.zeros(n_slots, np.int64)
    begin = np.zeros(n_slots, np.int64)
    n = 0
    for a in range(gap.shape[0]):
        for d in range(order.shape[0]):
            for i in range(2):
                wanted = min(2 * each_side, n_panel)
                low = min(max(place[d, a, i] - each_side, 0), n_panel - wanted)
                for at in range(low, low + wanted):
                    found = order[d, a, at]
                    if own <= found <= own + 1:
                        continue
                    slot = slot_of[found]
                    if slot < 0 and n < n_slots:
                        slot = n
                        n += 1
                    elif slot < 0:
                        slot = _oldest(used)
                        middle = (gap[used[slot]] + gap[a]) // 2
                        _lay(panel[holds[slot]], begin[slot], middle, slot, mosaics)
                        begin[slot] = middle
                        slot_of[holds[slot]] = -1
                    holds[slot] = found
                    slot_of[found] = slot
                    used[slot] = a
    for slot in range(n):
        _lay(panel[holds[slot]], begin[slot], panel.shape[1], slot, mosaics)
    return n


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _move(state: NDArray[np.float32], total: np.float32, jump: np.float32) -> None:
    """Move weights (K,), which sum to total, across a jump; they then sum to one."""
    stay = (np.float32(1) - jump) / total
    base = jump / np.float32(state.shape[0])
    for k in range(state.shape[0]):
        state[k] = stay * state[k] + base


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _emit(
    state: NDArray[np.float32], alleles: NDArray[np.uint8], allele: int, odds: np.float32
) -> np.float32:
    """Weigh states by whether their alleles (K,) are the given one, -1 if missing; return the new sum."""
    total = np.float32(0)
    penalty = np.float32(0) if allele < 0 else np.float32(1) - odds
    wanted = np.uint8(max(allele, 0))
    for k in range(state.shape[0]):
        state[k] *= np.float32(1) - penalty * np.float32(alleles[k] != wanted)
        total += state[k]
    return total


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def look_back(
    mosaics: NDArray[np.uint8],
    haplotypes: NDArray[np.int8],
    sites: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: np.float32,
    after: NDArray[np.float32],
) -> None:
    """Fill after (H, 2, K): how probable what lies right of each of the H sites is, from each state, on each
    haplotype (2, M), up to a factor.

    jump (M,) is the probability of a jump before each variant.
    """
    n_typed, n = mosaics.shape
    for i in range(2):
        state = np.full(n, np.float32(1) / np.float32(n), np.float32)
        h = sites.shape[0] - 1
        for m in range(n_typed - 1, -1, -1):
            if h >= 0 and sites[h] == m:
                for k in range(n):
                    after[h, i, k] = state[k]
                h -= 1
            total = _emit(state, mosaics[m], haplotypes[i, m], odds)
            _move(state, total, jump[m])


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _joined(
    before: NDArray[np.float32], after: NDArray[np.float32], alleles: NDArray[np.uint8], allele: int
) -> tuple[np.float32, np.float32]:
    """The sums of before x after (K,) over states that carry an allele, and over all."""
    wanted = np.uint8(max(allele, 0))
    same, total = np.float32(0), np.float32(0)
    for k in range(before.shape[0]):
        both = before[k] * after[k]
        total += both
        same += both * np.float32(alleles[k] == wanted)
    return (total if allele < 0 else same), total


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def weigh(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    alleles: NDArray[np.uint8],
    pair: NDArray[np.int8],
    odds: np.float32,
    weight: NDArray[np.float64],
) -> None:
    """Fill weight (2, 2): the likelihood of each way to place a genotype and what follows it.

    before and after (2, K) are what the haplotypes say on either side; at [a, j] the first haplotype has
    allele a of the pair and goes on as haplotype j does.
    """
    for j in range(2):
        for a in range(2):
            weight[a, j] = 1.0
            for i in range(2):
                same, total = _joined(before[i], after[i ^ j], alleles, pair[a ^ i])
                weight[a, j] *= np.float64(same) + np.float64(odds) * np.float64(
                    max(total - same, np.float32(0))
                )


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _choose(weight: NDArray[np.float64], may_switch: bool, draw: float, power: float) -> int:
    """Choose a way, numbered 2 a + j: with a draw from [0, 1) by chance, in proportion to a power of the
    weights, with a negative one the likeliest.
    """
    last = 2 if may_switch else 1
    best, total = 0, 0.0
    for a in range(2):
        for j in range(last):
            total += weight[a, j]
            if weight[a, j] > weight[best >> 1, best & 1]:
                best = 2 * a + j
    if draw < 0 or not total > 0:
        return best
    scale, total, passed = weight[best >> 1, best & 1], 0.0, 0.0
    for a in range(2):
        for j in range(last):
            weight[a, j] = (weight[a, j] / scale) ** power
            total += weight[a, j]
    for a in range(2):
        for j in range(last):
            passed += weight[a, j]
            if draw * total < passed:
                return 2 * a + j
    return best


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _likeliest(before: NDArray[np.float32], after: NDArray[np.float32], alleles: NDArray[np.uint8]) -> int:
    """The allele that the states (K,), weighed before x after, most likely carry."""
    best, most = 0, np.float32(-1)
    for c in range(int(alleles.max()) + 1):
        same, _ = _joined(before, after, alleles, c)
        if same > most:
            best, most = c, same
    return best


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def rephase(
    mosaics: NDArray[np.uint8],
    haplotypes: NDArray[np.int8],
    sites: NDArray[np.int64],
    pairs: NDArray[np.int8],
    may_switch: NDArray[np.bool_],
    jump: NDArray[np.float32],
    odds: np.float32,
    after: NDArray[np.float32],
    draws: NDArray[np.float64],
    power: float,
    complete: NDArray[np.uint8],
) -> None:
    """Place the genotype of each of the H sites, and all that follows it, anew, from left to right.

    haplotypes (2, M) change in place; pairs (H, 2) are the alleles of the sites' genotypes, both -1 where
    there is nothing to place; what follows may change sides only where it may_switch (H,); after is from
    `look_back`; draws (H,) and power are for `_choose`. complete (2, M) becomes what haplotypes are, but at
    sites the likeliest allele where one is missing.
    """
    n_typed, n = mosaics.shape
    before = np.full((2, n), np.float32(1) / np.float32(n), np.float32)
    total = np.ones(2, np.float32)
    weight = np.empty((2, 2), np.float64)
    swapped, h = 0, 0
    for m in range(n_typed):
        for i in range(2):
            _move(before[i], total[i], jump[m])
        first, second = haplotypes[swapped, m], haplotypes[1 - swapped, m]
        is_site = h < sites.shape[0] and sites[h] == m
        if is_site and max(pairs[h, 0], pairs[h, 1]) >= 0:
            weigh(before, after[h, :: 1 - 2 * swapped], mosaics[m], pairs[h], odds, weight)
            way = _choose(weight, may_switch[h], draws[h], power)
            swapped ^= way & 1
            first, second = pairs[h, way >> 1], pairs[h, 1 - (way >> 1)]
        haplotypes[0, m], haplotypes[1, m] = first, second
        for i in range(2):
            complete[i, m] = haplotypes[i, m]
            if is_site and haplotypes[i, m] < 0:
                complete[i, m] = _likeliest(before[i], after[h, i ^ swapped], mosaics[m])
        h += is_site
        total[0] = _emit(before[0], mosaics[m], first, odds)
        total[1] = _emit(before[1], mosaics[m], second, odds)


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def fill(
    mosaics: NDArray[np.uint8],
    haplotypes: NDArray[np.int8],
    sites: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: np.float32,
    after: NDArray[np.float32],
    doses: NDArray[np.float32],
) -> None:
    """Fill doses (H, 2, C): the probability of each of C alleles at the H sites, on haplotypes (2, M)."""
    n_typed, n = mosaics.shape
    for i in range(2):
        before = np.full(n, np.float32(1) / np.float32(n), np.float32)
        total = np.float32(1)
        h = 0
        for m in range(n_typed):
            _move(before, total, jump[m])
            if h < sites.shape[0] and sites[h] == m:
                for c in range(doses.shape[2]):
                    same, whole = _joined(before, after[h, i], mosaics[m], c)
                    doses[h, i, c] = same / whole
                h += 1
            total = _emit(before, mosaics[m], haplotypes[i, m], odds)
