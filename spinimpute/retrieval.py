"""Context retrieval: the K panel haplotypes that match a target haplotype best around each anchor.

Candidates are the neighbours of the target in the prefix and in the suffix order of the panel, and the
context of the anchor before; a candidate is scored by the lengths of its matching runs (design section 3.1).
Those nearest to the target in either order are taken whatever their score.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.elementary import kernel, log
from spinimpute.mismatches import mismatch_left, mismatch_right
from spinimpute.pbwt import PrefixOrder, prefix_order, suffix_order
from spinimpute.typed import TypedWindow

# Runs are followed this far from the anchor, so that no window edge beyond it can change a token.
REACH_CM = 1.5
# Candidates on either side of the target in each order; 48 finds 97 % of the 64 best of a whole panel.
EACH_SIDE = 18
# One part in this many of the context is taken for its match on the left alone, from either side of the
# target in the prefix order, and as much for its match on the right: a long match on one side says much where
# a recombination is near, and the score, a product of both sides, overlooks it (benchmarks/ablation).
ONE_SIDED = 6
_FAVOUR = np.float32(1e6)
_FLOOR_CM, _HALF, _ONE, _TWO = np.float32(0.002), np.float32(0.5), np.float32(1), np.float32(2)


@dataclass(frozen=True)
class Anchors:
    """Gaps between typed variants at which the network looks at the panel.

    gap (A,) int64, ascending: gap g lies before typed variant g; cm (A,) its map position; low, high (A,) the
    typed variants within reach of it, as a half-open range.
    """

    gap: NDArray[np.int64]
    cm: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.gap)


@dataclass(frozen=True)
class Context:
    """Retrieved haplotypes: haplotype (T, A, K) int32 panel index; previous and following (T, A, K) int16,
    the place of the same haplotype in the context of the neighbouring anchor, or -1.
    """

    haplotype: NDArray[np.int32]
    previous: NDArray[np.int16]
    following: NDArray[np.int16]


def place_anchors(cm: NDArray[np.float64], gaps: NDArray[np.int64], reach: float = REACH_CM) -> Anchors:
    """Describe the given gaps between typed variants at map positions cm (M,)."""
    bounded = np.concatenate([cm[:1], cm, cm[-1:]])
    at = (bounded[gaps] + bounded[gaps + 1]) / 2
    low = np.searchsorted(cm, at - reach, side="left")
    high = np.searchsorted(cm, at + reach, side="right")
    return Anchors(gaps, at, np.minimum(low, gaps), np.maximum(high, gaps))


@kernel  # type: ignore[untyped-decorator]
def run_score(
    left_cm: np.float32, right_cm: np.float32, matching: np.float32, one_sided: np.float32
) -> np.float32:
    """Rank a candidate by its matching runs left and right of the anchor (design section 3.1), in cM, so many
    typed variants together; one_sided is 1 if there is but one.
    """
    product = (left_cm + _FLOOR_CM) * (right_cm + _FLOOR_CM)
    score = _HALF * log(product * product * (_ONE + matching))
    return np.float32(score + _TWO * (left_cm + right_cm) - one_sided)


# Inlined, as a call with so many arrays takes longer than what is done.
@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def measure_match(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    cm: NDArray[np.float64],
    gap: int,
    anchor_cm: float,
    low: int,
    high: int,
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Measure the match of a packed panel haplotype (W,) with a target haplotype (W,) around an anchor, as
    `run_score` takes it.
    """
    left = mismatch_left(panel, target, observed, gap, low)
    right = mismatch_right(panel, target, observed, gap, high)
    left_cm = anchor_cm - cm[max(left, low)] if gap > low else 0.0
    right_cm = cm[min(right, high - 1)] - anchor_cm if high > gap else 0.0
    one_sided = left == gap - 1 or right == gap
    return np.float32(left_cm), np.float32(right_cm), np.float32(right - left - 1), np.float32(one_sided)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _gather(
    order: NDArray[np.int32],
    place: int,
    each_side: int,
    stamp: NDArray[np.int32],
    mark: int,
    candidates: NDArray[np.int32],
    n_candidates: int,
) -> int:
    """Append the haplotypes next to `place` that do not bear `mark` yet; return the new count."""
    wanted = min(2 * each_side, order.shape[0])
    start = min(max(place - each_side, 0), order.shape[0] - wanted)
    for i in range(start, start + wanted):
        if stamp[order[i]] != mark:
            stamp[order[i]] = mark
            candidates[n_candidates] = order[i]
            n_candidates += 1
    return n_candidates


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _favour(order: NDArray[np.int32], place: int, n: int, favoured: NDArray[np.int32], mark: int) -> None:
    """Mark the n haplotypes on either side of `place`."""
    for i in range(max(place - n, 0), min(place + n, order.shape[0])):
        favoured[order[i]] = mark


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _kth_largest(scores: NDArray[np.float32], k: int) -> np.float32:
    """Return the k-th largest score by quickselect, reordering scores; np.partition takes 4 s to compile."""
    low, high, wanted = 0, scores.shape[0] - 1, k - 1
    while low < high:
        pivot = scores[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while scores[i] > pivot:
                i += 1
            while scores[j] < pivot:
                j -= 1
            if i <= j:
                scores[i], scores[j] = scores[j], scores[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return np.float32(scores[wanted])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _keep_best(
    candidates: NDArray[np.int32], scores: NDArray[np.float32], room: NDArray[np.float32],
    chosen: NDArray[np.int32],
) -> None:  # fmt: skip
    """Copy the best-scored candidates into chosen, ties by candidate order."""
    n, k, kept = scores.shape[0], chosen.shape[0], 0
    for c in range(n):
        room[c] = scores[c]
    threshold = _kth_largest(room[:n], k)
    for c in range(n):
        if scores[c] > threshold:
            chosen[kept] = candidates[c]
            kept += 1
    for c in range(n):
        if kept < k and scores[c] == threshold:
            chosen[kept] = candidates[c]
            kept += 1


@kernel  # type: ignore[untyped-decorator]
def _score(runs: NDArray[np.float32], n: int, scores: NDArray[np.float32]) -> None:
    """Score the first n matches, measured in the columns of runs (4, C)."""
    left, right, matching, one_sided = runs[0], runs[1], runs[2], runs[3]
    for c in range(n):
        scores[c] = run_score(left[c], right[c], matching[c], one_sided[c])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _retrieve(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    cm: NDArray[np.float64],
    gap: NDArray[np.int64],
    anchor_cm: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    left_order: NDArray[np.int32],
    left_place: NDArray[np.int32],
    right_order: NDArray[np.int32],
    right_place: NDArray[np.int32],
    each_side: int,
    chosen: NDArray[np.int32],
) -> None:
    n_target, n_anchors, k = chosen.shape
    most = 4 * each_side + k
    stamp = np.full(panel.shape[0], -1, np.int32)
    favoured = np.full(panel.shape[0], -1, np.int32)
    candidates, runs = np.empty(most, np.int32), np.empty((4, most), np.float32)
    scores, room = np.empty(most, np.float32), np.empty(most, np.float32)
    for t in range(n_target):
        for a in range(n_anchors):
            mark = t * n_anchors + a
            n = _gather(left_order[a], left_place[a, t], each_side, stamp, mark, candidates, 0)
            n = _gather(right_order[a], right_place[a, t], each_side, stamp, mark, candidates, n)
            _favour(left_order[a], left_place[a, t], k // ONE_SIDED, favoured, mark)
            _favour(right_order[a], right_place[a, t], k // ONE_SIDED, favoured, mark)
            if a > 0:
                n = _gather(chosen[t, a - 1], 0, k, stamp, mark, candidates, n)
            for c in range(n):
                runs[0, c], runs[1, c], runs[2, c], runs[3, c] = measure_match(
                    panel[candidates[c]], target[t], observed[t], cm, gap[a], anchor_cm[a], low[a], high[a]
                )
            _score(runs, n, scores)
            for c in range(n):
                if favoured[candidates[c]] == mark:
                    scores[c] = _FAVOUR
            _keep_best(candidates[:n], scores[:n], room, chosen[t, a])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _link(
    chosen: NDArray[np.int32], n_panel: int, previous: NDArray[np.int16], following: NDArray[np.int16]
) -> None:
    seat = np.full(n_panel, -1, np.int16)
    for t in range(chosen.shape[0]):
        for a in range(1, chosen.shape[1]):
            for k in range(chosen.shape[2]):
                seat[chosen[t, a - 1, k]] = k
            for k in range(chosen.shape[2]):
                before = seat[chosen[t, a, k]]
                previous[t, a, k] = before
                if before >= 0:
                    following[t, a - 1, before] = k
            for k in range(chosen.shape[2]):
                seat[chosen[t, a - 1, k]] = -1


@dataclass(frozen=True)
class PanelOrders:
    """The panel ordered by its match from the left and from the right at each anchor, for all targets of a
    window.
    """

    left: PrefixOrder
    right: PrefixOrder


def order_panel(window: TypedWindow, anchors: Anchors) -> PanelOrders:
    """Order the panel at each anchor from both sides, computed side by side."""
    with ThreadPoolExecutor(2) as pool:
        left = pool.submit(prefix_order, window.bits, window.haplotypes, window.target, anchors.gap)
        right = pool.submit(suffix_order, window.bits, window.haplotypes, window.target, anchors.gap)
        return PanelOrders(left.result(), right.result())


def retrieve(
    window: TypedWindow,
    anchors: Anchors,
    orders: PanelOrders,
    targets: slice,
    context_size: int,
    each_side: int = EACH_SIDE,
) -> Context:
    """Choose min(context_size, N) panel haplotypes for some target haplotypes at every anchor.

    each_side candidates are taken on either side of the target in both orders, more if the context needs
    them.
    """
    k = min(context_size, window.haplotypes)
    target = window.target_words[targets]
    chosen = np.empty((len(target), len(anchors), k), np.int32)
    previous = np.full(chosen.shape, -1, np.int16)
    following = np.full(chosen.shape, -1, np.int16)
    _retrieve(
        window.panel_words, target, window.observed_words[targets], window.cm,
        anchors.gap, anchors.cm, anchors.low, anchors.high,
        orders.left.order, orders.left.place[:, targets],
        orders.right.order, orders.right.place[:, targets],
        max(each_side, -(-k // 2)), chosen,
    )  # fmt: skip
    _link(chosen, window.haplotypes, previous, following)
    return Context(chosen, previous, following)
