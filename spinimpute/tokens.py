"""Attributes of context haplotypes, described relative to the target and never by column.

Two kinds per context haplotype at an anchor: measurements of its matching runs, and the match bits of the typed
variants nearest to the anchor, which go with a description of those variants shared by the whole context.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.bits import popcount
from spinimpute.retrieval import Anchors, Context, TypedWindow, mismatch_left, mismatch_right

# Typed variants looked at one by one on either side of an anchor.
SITES_PER_SIDE = 16
# Distances from the anchor within which mismatches are counted, in cM.
COUNT_CM = np.array([0.03, 0.1, 0.3, 1.0])
N_RUN = 14
N_COUNT = 2 * len(COUNT_CM)
# Runs and counts, the same relative to the best of the context, and two that describe the task.
N_MEASURES = 2 * (N_RUN + N_COUNT) + 2
N_SITE_FEATURES = 4


@dataclass(frozen=True)
class Tokens:
    """Network input for T targets at A anchors.

    measures (T, A, K, N_MEASURES) float32; match (T, A, K, 2 SITES_PER_SIDE) int8, 1 match, -1 mismatch, 0 unknown;
    sites (T, A, 2 SITES_PER_SIDE, N_SITE_FEATURES) float32, the typed variants behind the match bits.
    """

    measures: NDArray[np.float32]
    match: NDArray[np.int8]
    sites: NDArray[np.float32]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def count_mismatches(
    panel: NDArray[np.uint64], target: NDArray[np.uint64], observed: NDArray[np.uint64], low: int, high: int
) -> int:
    """Count the mismatching typed variants in [low, high)."""
    if high <= low:
        return 0
    first, last = low >> 6, (high - 1) >> 6
    total = 0
    for word in range(first, last + 1):
        differs = (panel[word] ^ target[word]) & observed[word]
        if word == first:
            differs &= np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64(low & 63)
        if word == last:
            differs &= np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(63 - ((high - 1) & 63))
        total += popcount(differs)
    return total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _runs(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    cm: NDArray[np.float64],
    surprise: NDArray[np.float64],
    gap: int,
    at: float,
    low: int,
    high: int,
    out: NDArray[np.float32],
) -> None:
    """Fill out[:14]: log cM, log sites and log surprise of the runs to the first and second mismatch on either side,
    then the log of the whole and of the shorter first run."""
    left1 = mismatch_left(panel, target, observed, gap, low)
    left2 = mismatch_left(panel, target, observed, left1, low) if left1 > low else low - 1
    right1 = mismatch_right(panel, target, observed, gap, high)
    right2 = mismatch_right(panel, target, observed, right1 + 1, high) if right1 + 1 < high else high
    for i, end in enumerate((left1, left2)):
        run = at - cm[max(end, low)] if gap > low else 0.0
        out[2 * i] = np.log(run + 0.002)
        out[4 + 2 * i] = np.log(gap - end)
        out[8 + 2 * i] = np.log(1.0 + surprise[gap] - surprise[end + 1])
    for i, end in enumerate((right1, right2)):
        run = cm[min(end, high - 1)] - at if high > gap else 0.0
        out[2 * i + 1] = np.log(run + 0.002)
        out[5 + 2 * i] = np.log(end - gap + 1)
        out[9 + 2 * i] = np.log(1.0 + surprise[end] - surprise[gap])
    out[12] = np.log(np.exp(out[0]) + np.exp(out[1]))
    out[13] = min(out[0], out[1])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _relative_to_best(measures: NDArray[np.float32], n_run: int, n_count: int) -> None:
    """Fill the second half of the (K, D) measures: runs minus the longest, counts minus the least."""
    n = n_run + n_count
    for d in range(n):
        best = measures[0, d]
        for k in range(1, measures.shape[0]):
            best = max(best, measures[k, d]) if d < n_run else min(best, measures[k, d])
        for k in range(measures.shape[0]):
            measures[k, n + d] = measures[k, d] - best


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _describe(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    cm: NDArray[np.float64],
    surprise: NDArray[np.float64],
    gap: NDArray[np.int64],
    at: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    count_bounds: NDArray[np.int64],
    task: NDArray[np.float32],
    haplotype: NDArray[np.int32],
    measures: NDArray[np.float32],
    match: NDArray[np.int8],
    sites: NDArray[np.float32],
) -> None:
    n_target, n_anchors, n_context = haplotype.shape
    n_typed = cm.shape[0]
    side = match.shape[3] // 2
    n_run, n_distances = 14, count_bounds.shape[1] // 2
    n_first = n_run + 2 * n_distances
    for t in range(n_target):
        for a in range(n_anchors):
            start = gap[a] - side
            for k in range(n_context):
                row = panel[haplotype[t, a, k]]
                out = measures[t, a, k]
                _runs(
                    row, target[t], observed[t], cm, surprise[t], gap[a], at[a], low[a], high[a], out[:n_run]
                )
                for c in range(n_distances):
                    n_left = count_mismatches(row, target[t], observed[t], count_bounds[a, c], gap[a])
                    n_right = count_mismatches(
                        row, target[t], observed[t], gap[a], count_bounds[a, n_distances + c]
                    )
                    out[n_run + 2 * c] = np.log(1.0 + n_left)
                    out[n_run + 2 * c + 1] = np.log(1.0 + n_right)
                out[2 * n_first :] = task[a]
                for s in range(2 * side):
                    m = start + s
                    if low[a] <= m < high[a] and (observed[t, m >> 6] >> np.uint64(m & 63)) & 1:
                        differs = ((row[m >> 6] ^ target[t, m >> 6]) >> np.uint64(m & 63)) & 1
                        match[t, a, k, s] = 1 - 2 * np.int8(differs)
                    else:
                        match[t, a, k, s] = 0
            _relative_to_best(measures[t, a], n_run, 2 * n_distances)
            for s in range(2 * side):
                m = min(max(start + s, 0), n_typed - 1)
                known = low[a] <= start + s < high[a]
                sites[t, a, s, 0] = np.log(abs(cm[m] - at[a]) + 0.002) if known else 0.0
                sites[t, a, s, 1] = surprise[t, m + 1] - surprise[t, m] if known else 0.0
                sites[t, a, s, 2] = -1.0 if s < side else 1.0
                sites[t, a, s, 3] = 1.0 if known else 0.0


def _surprise(window: TypedWindow, targets: slice) -> NDArray[np.float64]:
    """Return (T, M + 1) running sums of -ln of the panel frequency of the target's allele: a shared rare allele says more."""
    n = window.panel.shape[1]
    frequency = (window.panel.sum(axis=1, dtype=np.int64) + 0.5) / (n + 1)  # (M,)
    per_allele = np.stack([-np.log1p(-frequency), -np.log(frequency), np.zeros_like(frequency)], axis=1)
    row = np.arange(len(frequency))[:, None]
    target = window.target[:, targets]
    out = np.zeros((target.shape[1], len(frequency) + 1))
    np.cumsum(per_allele[row, target].T, axis=1, out=out[:, 1:])
    return out


def task_features(window: TypedWindow, anchors: Anchors) -> NDArray[np.float32]:
    """Return (A, 2): log panel size, and the log map length of the 8 typed variants around each anchor."""
    last = len(window.cm) - 1
    span = window.cm[np.clip(anchors.gap + 3, 0, last)] - window.cm[np.clip(anchors.gap - 4, 0, last)]
    size = np.full(len(anchors), np.log(window.panel.shape[1]) - 7.0)
    return np.stack([size, np.log(span + 0.001)], axis=1).astype(np.float32)


def describe(window: TypedWindow, anchors: Anchors, context: Context, targets: slice) -> Tokens:
    """Measure every context haplotype against its target; context belongs to the given targets of the window."""
    shape = context.haplotype.shape
    measures = np.empty((*shape, N_MEASURES), np.float32)
    match = np.empty((*shape, 2 * SITES_PER_SIDE), np.int8)
    sites = np.empty((*shape[:2], 2 * SITES_PER_SIDE, N_SITE_FEATURES), np.float32)
    left = np.searchsorted(window.cm, anchors.cm[:, None] - COUNT_CM, side="left")
    right = np.searchsorted(window.cm, anchors.cm[:, None] + COUNT_CM, side="right")
    gap = anchors.gap[:, None]
    bounds = np.concatenate([np.minimum(left, gap), np.maximum(right, gap)], axis=1)
    _describe(
        window.panel_words, window.target_words[targets], window.observed_words[targets],
        window.cm, _surprise(window, targets),
        anchors.gap, anchors.cm, anchors.low, anchors.high, bounds, task_features(window, anchors),
        context.haplotype, measures, match, sites,
    )  # fmt: skip
    return Tokens(measures, match, sites)
