"""What the states of Li-Stephens chains carry at untyped variants, added up as doses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spinimpute.bits import masked, trailing_zeros
from spinimpute.elementary import part
from spinimpute.lanes import QUAD, add_between
from spinimpute.marks import HaplotypeMarks, skip_before, skip_far


@part  # type: ignore[untyped-decorator]
def copy_segment(
    marks: HaplotypeMarks,
    pool: NDArray[np.int32],
    posterior: NDArray[np.float32],
    weighs: NDArray[np.uint8],
    left: int,
    right: int,
    share: NDArray[np.float32],
    bounds: NDArray[np.int64],
    common: NDArray[np.int64],
    reached: NDArray[np.int64],
    dose: NDArray[np.float32],
) -> None:
    """Add to dose (V, QUAD) what states of posterior (P, A, S), if they weigh (A, S) at either anchor, carry
    in a segment, whose bounds (2,) are given among all and among common variants.

    Segments come one after the other: reached (S,) is how far each state's list of rare variants was read.
    """
    before, after = np.zeros(QUAD, np.float32), np.zeros(QUAD, np.float32)
    for s in range(pool.shape[0]):
        if not (weighs[left, s] or weighs[right, s]):
            continue
        for i in range(posterior.shape[0]):
            before[i], after[i] = posterior[i, left, s], posterior[i, right, s]
        end = marks.starts[pool[s] + 1]
        at = skip_before(marks.rare, reached[s], end, bounds[0])
        while at < end and marks.rare[at] < bounds[1]:
            v = marks.rare[at]
            add_between(dose, v * QUAD, before, after, 0, share[v])
            at += 1
        reached[s] = at
        if common[0] == common[1]:
            continue
        for w in range(common[0] >> 6, ((common[1] - 1) >> 6) + 1):
            word = masked(marks.words[pool[s], w], w, common[0], common[1])
            while word != 0:
                v = marks.common[(w << 6) + trailing_zeros(word)]
                word &= word - np.uint64(1)
                add_between(dose, v * QUAD, before, after, 0, share[v])


@part  # type: ignore[untyped-decorator]
def reach(marks: HaplotypeMarks, pool: NDArray[np.int32], variant: int) -> NDArray[np.int64]:
    """Where in the list of rare variants of each state those begin that are not before a variant (S,)."""
    reached = np.empty(pool.shape[0], np.int64)
    for s in range(pool.shape[0]):
        reached[s] = skip_far(marks.rare, marks.starts[pool[s]], marks.starts[pool[s] + 1], variant)
    return reached
