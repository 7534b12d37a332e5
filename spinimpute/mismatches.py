"""Where a packed panel haplotype differs from a packed target haplotype, a word of typed variants at a
time.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.bits import leading_zeros, trailing_zeros


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mismatch_left(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    start: int,
    low: int,
) -> int:
    """Return the last mismatching variant below start, or low - 1 if none lies in [low, start)."""
    if start <= low:
        return low - 1
    word = (start - 1) >> 6
    keep = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(63 - ((start - 1) & 63))
    while True:
        differs = (panel[word] ^ target[word]) & observed[word] & keep
        if differs != 0:
            found = (word << 6) + 63 - leading_zeros(differs)
            return int(max(found, low - 1))
        word -= 1
        keep = np.uint64(0xFFFFFFFFFFFFFFFF)
        if word < (low >> 6):
            return low - 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mismatch_right(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    start: int,
    high: int,
) -> int:
    """Return the first mismatching variant at or above start, or high if none lies in [start, high)."""
    if start >= high:
        return high
    word = start >> 6
    keep = np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64(start & 63)
    while True:
        differs = (panel[word] ^ target[word]) & observed[word] & keep
        if differs != 0:
            found = (word << 6) + trailing_zeros(differs)
            return int(min(found, high))
        word += 1
        keep = np.uint64(0xFFFFFFFFFFFFFFFF)
        if (word << 6) >= high:
            return high


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def list_mismatches(
    panel: NDArray[np.uint64],
    target: NDArray[np.int8],
    low: int,
    pool: NDArray[np.int32],
    differs: NDArray[np.uint8],
) -> None:
    """Fill differs (M, S): 1 where a state's allele is not the target's; a missing allele differs from none.

    The M typed variants of target are those from number low on of the packed panel. Once for all chains and
    both directions, and in the order in which their steps read it.
    """
    high = low + target.shape[0]
    word = np.empty(pool.shape[0], np.uint64)
    for w in range(low >> 6, ((high - 1) >> 6) + 1):
        for s in range(pool.shape[0]):
            word[s] = panel[pool[s], w]
        for m in range(max(low, w << 6), min(high, (w + 1) << 6)):
            known = np.uint64(target[m - low] >= 0)
            allele, bit = np.uint64(target[m - low] > 0), np.uint64(m & 63)
            for s in range(pool.shape[0]):
                differs[m - low, s] = ((word[s] >> bit) ^ allele) & known
