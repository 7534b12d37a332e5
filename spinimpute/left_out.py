"""What a Li-Stephens chain says of typed alleles that it is not told, one left out at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import part
from spinimpute.lanes import total
from spinimpute.sweeps import filled, step


@part  # type: ignore[untyped-decorator]
def _agreement(
    before: NDArray[np.float32], after: NDArray[np.float32], differs: NDArray[np.uint8],
    n: int, both: NDArray[np.float32],
) -> np.float32:  # fmt: skip
    """The share of states, weighted by before x after (S,), that do not differ; both (S,) is room."""
    size = filled(n)
    for s in range(size):
        both[s] = before[s] * after[s]
    everybody = total(both, size)
    for s in range(size):
        both[s] = both[s] if differs[s] == 0 else np.float32(0)
    return np.float32(total(both, size) / everybody)


@part  # type: ignore[untyped-decorator]
def leave_one_out(
    differs: NDArray[np.uint8], gap: NDArray[np.int64], jump: NDArray[np.float32], odds: np.float32, n: int,
    left: NDArray[np.float32], right: NDArray[np.float32], first: int,
    agreement: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill agreement (M',) for typed variants from first on, each from all the others.

    left and right (A, S) are the probabilities of the n states at the anchors, given what lies on either
    side; between two anchors the chain runs once more from both. jump (M + 1,) is the probability of a jump
    across each gap.
    """
    end, longest = first + agreement.shape[0], 1
    for a in range(gap.shape[0] - 1):
        longest = max(longest, gap[a + 1] - gap[a])
    behind = np.empty((longest, left.shape[1]), np.float32)
    ahead, both = np.empty(left.shape[1], np.float32), np.empty(left.shape[1], np.float32)
    state = np.empty(left.shape[1], np.float32)
    for a in range(gap.shape[0] - 1):
        if gap[a + 1] <= first or gap[a] >= end:
            continue
        state[:] = right[a + 1]
        scale = np.float32(1)
        for m in range(gap[a + 1] - 1, gap[a] - 1, -1):
            scale = step(state, scale, differs[m], odds, jump[m + 1], n, behind[m - gap[a]])
        state[:] = left[a]
        scale = np.float32(1)
        for m in range(gap[a], gap[a + 1]):
            scale = step(state, scale, differs[m], odds, jump[m], n, ahead)
            if first <= m < end:
                agreement[m - first] = _agreement(ahead, behind[m - gap[a]], differs[m], n, both)
