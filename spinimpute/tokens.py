"""Attributes of context haplotypes, described relative to the target and never by column.

Two kinds per context haplotype at an anchor: measurements of its matching runs, and the match bits of the
typed variants nearest to the anchor, which go with a description of those variants shared by all targets. The
network takes logarithms and compares the haplotypes; here is only what takes the panel to know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.bits import popcount
from spinimpute.li_stephens import JUMPS_PER_CM
from spinimpute.mismatches import mismatch_left, mismatch_right
from spinimpute.retrieval import Anchors, Context
from spinimpute.typed import TypedWindow

# Typed variants looked at one by one on either side of an anchor; both sides together fill half a word.
SITES_PER_SIDE = 16
N_SITES = 2 * SITES_PER_SIDE
# Distances from the anchor within which mismatches are counted, in cM.
COUNT_CM = np.array([0.03, 0.1, 0.3, 1.0])
N_RUN = 14
N_COUNT = 2 * len(COUNT_CM)
N_MEASURES = N_RUN + N_COUNT + len(JUMPS_PER_CM)
N_SITE_FEATURES = 4


@dataclass(frozen=True)
class Tokens:
    """Network input for T targets at A anchors.

    measures (T, A, K, N_MEASURES) float32: columns 0-3 cM, 4-7 typed variants and 8-11 surprise (nats) of the
    runs to the first mismatch left and right, to the second left and right; 12, 13 cM of the whole and of the
    shorter first run; then mismatches within COUNT_CM, left and right of each; then Li-Stephens posteriors.
    Of the N_SITES typed variants near an anchor, one bit each, from the left: differs (T, A, K) uint32 where
    the haplotype has another allele than the target, known (T, A) uint32 where the target has one, within
    reach of the anchor, and carried (T, A) uint32 where it has ALT.
    """

    measures: NDArray[np.float32]
    differs: NDArray[np.uint32]
    known: NDArray[np.uint32]
    carried: NDArray[np.uint32]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _half_word(words: NDArray[np.uint64], start: int) -> np.uint64:
    """Return bits start to start + 32 of packed words; bits off either end are 0."""
    word, shift = start >> 6, start & 63
    n = words.shape[0]
    low = words[word] >> np.uint64(shift) if 0 <= word < n else np.uint64(0)
    if shift > 32 and 0 <= word + 1 < n:
        low |= words[word + 1] << np.uint64(64 - shift)
    return low & np.uint64(0xFFFFFFFF)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sum_surprise(
    surprise: NDArray[np.float64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    sums: NDArray[np.float64],
) -> None:
    """Fill running sums (M + 1,) of surprise (M, 2), that of the target's allele where it has one."""
    sums[0] = 0
    for m in range(surprise.shape[0]):
        bit = np.uint64(m & 63)
        allele = int(target[m >> 6] >> bit & np.uint64(1))
        known = observed[m >> 6] >> bit & np.uint64(1)
        sums[m + 1] = sums[m] + (surprise[m, allele] if known else 0.0)


# Calls for every haplotype are inlined, as handing over so many arrays takes longer than what is done.
@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _measure_runs(
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
    left1 = mismatch_left(panel, target, observed, gap, low)
    left2 = mismatch_left(panel, target, observed, left1, low)
    right1 = mismatch_right(panel, target, observed, gap, high)
    right2 = mismatch_right(panel, target, observed, right1 + 1, high)
    for i, end in enumerate((left1, left2)):
        out[2 * i] = at - cm[max(end, low)] if gap > low else 0.0
        out[4 + 2 * i] = gap - end - 1
        out[8 + 2 * i] = surprise[gap] - surprise[end + 1]
    for i, end in enumerate((right1, right2)):
        out[2 * i + 1] = cm[min(end, high - 1)] - at if high > gap else 0.0
        out[5 + 2 * i] = end - gap
        out[9 + 2 * i] = surprise[end] - surprise[gap]
    out[12] = out[0] + out[1]
    out[13] = min(out[0], out[1])


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _count_before(differs: NDArray[np.uint64], before: NDArray[np.int64], variant: int) -> int:
    """Count the set bits of differs (W,) below a variant, where before (W,) has those of earlier words."""
    word, bit = variant >> 6, np.uint64(variant & 63)
    return int(before[word] + popcount(differs[word] & ((np.uint64(1) << bit) - np.uint64(1))))


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _count_rings(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    gap: int,
    bounds: NDArray[np.int64],
    differs: NDArray[np.uint64],
    before: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Fill mismatch counts for nested bounds (2, D): the lowest variant left, the highest right, nearest
    first. differs and before are room for one word more than there are.
    """
    last = bounds.shape[1] - 1
    first = bounds[0, last] >> 6
    n = 0
    for w in range(first, min((bounds[1, last] >> 6) + 1, panel.shape[0])):
        differs[w] = (panel[w] ^ target[w]) & observed[w]
        before[w] = n
        n += popcount(differs[w])
    differs[panel.shape[0]], before[panel.shape[0]] = 0, n
    inner = _count_before(differs, before, gap)
    for d in range(bounds.shape[1]):
        left = _count_before(differs, before, bounds[0, d])
        right = _count_before(differs, before, bounds[1, d])
        out[2 * d], out[2 * d + 1] = inner - left, right - inner


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _within_reach(gap: int, low: int, high: int) -> np.uint64:
    """Return the bits of those of the variants near a gap that lie in [low, high)."""
    start = gap - SITES_PER_SIDE
    bits = np.uint64(0xFFFFFFFF)
    if low > start:
        bits &= bits << np.uint64(low - start)
    if high < start + N_SITES:
        bits &= (np.uint64(1) << np.uint64(high - start)) - np.uint64(1)
    return bits


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
    bounds: NDArray[np.int64],
    haplotype: NDArray[np.int32],
    posterior: NDArray[np.float32],
    measures: NDArray[np.float32],
    differs: NDArray[np.uint32],
    known: NDArray[np.uint32],
    carried: NDArray[np.uint32],
) -> None:
    n_target, n_anchors, n_context = haplotype.shape
    words, before = np.empty(panel.shape[1] + 1, np.uint64), np.empty(panel.shape[1] + 1, np.int64)
    sums = np.empty(len(cm) + 1)
    for t in range(n_target):
        mine, seen = target[t], observed[t]
        _sum_surprise(surprise, mine, seen, sums)
        for a in range(n_anchors):
            start = gap[a] - SITES_PER_SIDE
            here = _half_word(seen, start) & _within_reach(gap[a], low[a], high[a])
            expected = _half_word(mine, start)
            known[t, a], carried[t, a] = here, expected & here
            for k in range(n_context):
                row, out = panel[haplotype[t, a, k]], measures[t, a, k]
                _measure_runs(row, mine, seen, cm, sums, gap[a], at[a], low[a], high[a], out[:N_RUN])
                rings = out[N_RUN : N_RUN + N_COUNT]
                _count_rings(row, mine, seen, gap[a], bounds[a], words, before, rings)
                for p in range(posterior.shape[3]):
                    out[N_RUN + N_COUNT + p] = posterior[t, a, k, p]
                differs[t, a, k] = (_half_word(row, start) ^ expected) & here


def describe_sites(window: TypedWindow, anchors: Anchors) -> NDArray[np.float32]:
    """Return (A, N_SITES, 2, N_SITE_FEATURES): of each typed variant near an anchor, for a target with REF
    and for one with ALT, log cM from the anchor, surprise (nats), side and 1; zeros where none is within
    reach.
    """
    variant = anchors.gap[:, None] + np.arange(-SITES_PER_SIDE, SITES_PER_SIDE)
    within = (variant >= anchors.low[:, None]) & (variant < anchors.high[:, None])
    variant = variant.clip(0, len(window.cm) - 1)
    sites = np.empty((*variant.shape, 2, N_SITE_FEATURES), np.float32)
    sites[..., 0] = np.log(np.abs(window.cm[variant] - anchors.cm[:, None]) + 0.002)[..., None]
    sites[..., 1] = window.surprise[variant]
    sites[..., 2] = np.where(np.arange(N_SITES) < SITES_PER_SIDE, -1, 1)[:, None]
    sites[..., 3] = 1
    sites[~within] = 0
    return sites


def task_features(window: TypedWindow, anchors: Anchors) -> NDArray[np.float32]:
    """Return (A, 2): log panel size, and the log map length of the 8 typed variants around each anchor."""
    last = len(window.cm) - 1
    span = window.cm[np.clip(anchors.gap + 3, 0, last)] - window.cm[np.clip(anchors.gap - 4, 0, last)]
    size = np.full(len(anchors), np.log(window.haplotypes) - 7.0)
    return np.stack([size, np.log(span + 0.001)], axis=1).astype(np.float32)


def bound_rings(window: TypedWindow, anchors: Anchors) -> NDArray[np.int64]:
    """Return (A, 2, D): the typed variants within each of COUNT_CM of an anchor, as half-open ranges."""
    left = np.searchsorted(window.cm, anchors.cm[:, None] - COUNT_CM, side="left")
    right = np.searchsorted(window.cm, anchors.cm[:, None] + COUNT_CM, side="right")
    gap = anchors.gap[:, None]
    return np.stack([np.minimum(left, gap), np.maximum(right, gap)], axis=1).astype(np.int64)


def describe(
    window: TypedWindow,
    anchors: Anchors,
    rings: NDArray[np.int64],
    context: Context,
    posterior: NDArray[np.float32],
    targets: slice,
) -> Tokens:
    """Measure every context haplotype against its target; context and posterior (T, A, K, P) belong to the
    given targets of the window, rings (A, 2, D) to the anchors.
    """
    shape = context.haplotype.shape
    measures = np.empty((*shape, N_MEASURES), np.float32)
    differs = np.empty(shape, np.uint32)
    known, carried = np.empty(shape[:2], np.uint32), np.empty(shape[:2], np.uint32)
    _describe(
        window.panel_words, window.target_words[targets], window.observed_words[targets],
        window.cm, window.surprise,
        anchors.gap, anchors.cm, anchors.low, anchors.high, rings,
        context.haplotype, posterior, measures, differs, known, carried,
    )  # fmt: skip
    return Tokens(measures, differs, known, carried)
