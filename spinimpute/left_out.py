"""What a Li-Stephens chain says of typed alleles that it is not told, one left out at a time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _pass_over(
    state: NDArray[np.float32],
    total: np.float32,
    differs: NDArray[np.uint8],
    odds: np.float32,
    jump: np.float32,
    moved: NDArray[np.float32],
) -> np.float32:
    """Move (S,) weights, which sum to total, across a jump and over one typed variant; return their new sum.

    moved (S,) becomes the weights between jump and variant, as they are without it.
    """
    base = jump / np.float32(state.shape[0])
    stay = (np.float32(1) - jump) / total
    penalty = odds - np.float32(1)
    after = np.float32(0)
    for s in range(state.shape[0]):
        moved[s] = stay * state[s] + base
        state[s] = moved[s] * (np.float32(1) + penalty * np.float32(differs[s]))
        after += state[s]
    return after


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _agreement(
    before: NDArray[np.float32], after: NDArray[np.float32], differs: NDArray[np.uint8]
) -> np.float32:
    """The share of states, weighted by before x after (S,), that do not differ."""
    same, total = np.float32(0), np.float32(0)
    for s in range(before.shape[0]):
        both = before[s] * after[s]
        total += both
        same += both * (np.float32(1) - np.float32(differs[s]))
    return same / total


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def leave_one_out(
    differs: NDArray[np.uint8],
    gap: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: np.float32,
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    first: int,
    agreement: NDArray[np.float32],
) -> None:
    """Fill agreement (M',) for typed variants from first on, each from all the others.

    left and right (A, S) are the probabilities of the states at the anchors, given what lies on either side;
    between two anchors the chain runs once more from both. differs (M, S) tells where a state has another
    allele than the target; jump (M + 1,) is the probability of a jump across each gap.
    """
    n, end = left.shape[1], first + agreement.shape[0]
    longest = 0
    for a in range(gap.shape[0] - 1):
        longest = max(longest, gap[a + 1] - gap[a])
    behind = np.empty((longest, n), np.float32)
    ahead = np.empty(n, np.float32)
    for a in range(gap.shape[0] - 1):
        if gap[a + 1] <= first or gap[a] >= end:
            continue
        state, total = right[a + 1].copy(), np.float32(1)
        for m in range(gap[a + 1] - 1, gap[a] - 1, -1):
            total = _pass_over(state, total, differs[m], odds, jump[m + 1], behind[m - gap[a]])
        state, total = left[a].copy(), np.float32(1)
        for m in range(gap[a], gap[a + 1]):
            total = _pass_over(state, total, differs[m], odds, jump[m], ahead)
            if first <= m < end:
                agreement[m - first] = _agreement(ahead, behind[m - gap[a]], differs[m])
