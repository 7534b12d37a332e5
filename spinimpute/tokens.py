"""Attributes of context haplotypes, described relative to the target and never by column.

Two kinds per context haplotype at an anchor: measurements of its matching runs, and the match bits of the
typed variants nearest to the anchor, which go with a description of those variants shared by the whole
context. The network takes logarithms and compares the haplotypes; here is only what takes the panel to know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.bits import popcount
from spinimpute.elementary import log
from spinimpute.li_stephens import JUMPS_PER_CM
from spinimpute.mismatches import mismatch_left, mismatch_right
from spinimpute.retrieval import Anchors, Context
from spinimpute.typed import TypedWindow

# Typed variants looked at one by one on either side of an anchor; both sides together fill half a word.
SITES_PER_SIDE = 16
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
    match (T, A, K, 2 SITES_PER_SIDE) int8, 1 match, -1 mismatch, 0 unknown; sites (T, A, 2 SITES_PER_SIDE,
    N_SITE_FEATURES) float32, the typed variants behind the match bits: log cM from the anchor, surprise,
    side, known; task (A, 2) float32 as `task_features`.
    """

    measures: NDArray[np.float32]
    match: NDArray[np.int8]
    sites: NDArray[np.float32]
    task: NDArray[np.float32]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _half_word(words: NDArray[np.uint64], start: int) -> np.uint64:
    """Return bits start to start + 32 of packed words; bits off either end are 0."""
    word, shift = start >> 6, start & 63
    n = words.shape[0]
    low = words[word] >> np.uint64(shift) if 0 <= word < n else np.uint64(0)
    if shift > 32 and 0 <= word + 1 < n:
        low |= words[word + 1] << np.uint64(64 - shift)
    return low & np.uint64(0xFFFFFFFF)


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
def _describe_sites(
    observed: NDArray[np.uint64],
    cm: NDArray[np.float64],
    surprise: NDArray[np.float64],
    gap: int,
    at: float,
    low: int,
    high: int,
    out: NDArray[np.float32],
) -> np.uint64:
    """Fill the site features (S, 4) and return the bits of the sites that are within reach and observed."""
    start = gap - out.shape[0] // 2
    seen = _half_word(observed, start)
    known = np.uint64(0)
    for s in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[s, i] = 0.0
        m = start + s
        if low <= m < high and (seen >> np.uint64(s)) & np.uint64(1):
            known |= np.uint64(1) << np.uint64(s)
            out[s, 0] = log(np.float32(abs(cm[m] - at) + 0.002))
            out[s, 1] = surprise[m + 1] - surprise[m]
            out[s, 2] = -1.0 if m < gap else 1.0
            out[s, 3] = 1.0
    return known


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
    measures: NDArray[np.float32],
    match: NDArray[np.int8],
    sites: NDArray[np.float32],
) -> None:
    n_target, n_anchors, n_context = haplotype.shape
    n_sites = match.shape[3]
    differs, before = np.empty(panel.shape[1] + 1, np.uint64), np.empty(panel.shape[1] + 1, np.int64)
    for t in range(n_target):
        mine, seen = target[t], observed[t]
        for a in range(n_anchors):
            known = _describe_sites(seen, cm, surprise[t], gap[a], at[a], low[a], high[a], sites[t, a])
            expected = _half_word(mine, gap[a] - n_sites // 2)
            for k in range(n_context):
                row, out = panel[haplotype[t, a, k]], measures[t, a, k]
                _measure_runs(row, mine, seen, cm, surprise[t], gap[a], at[a], low[a], high[a], out[:N_RUN])
                rings = out[N_RUN : N_RUN + N_COUNT]
                _count_rings(row, mine, seen, gap[a], bounds[a], differs, before, rings)
                unlike = _half_word(row, gap[a] - n_sites // 2) ^ expected
                for s in range(n_sites):
                    sign = 1 - 2 * np.int8((unlike >> np.uint64(s)) & np.uint64(1))
                    match[t, a, k, s] = sign * np.int8((known >> np.uint64(s)) & np.uint64(1))


def _surprise(window: TypedWindow, targets: slice) -> NDArray[np.float64]:
    """Return (T, M + 1) running sums of -ln of the panel frequency of the target's allele: a shared rare
    allele says more.
    """
    frequency = window.frequency
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
    size = np.full(len(anchors), np.log(window.haplotypes) - 7.0)
    return np.stack([size, np.log(span + 0.001)], axis=1).astype(np.float32)


def describe(
    window: TypedWindow,
    anchors: Anchors,
    context: Context,
    posterior: NDArray[np.float32],
    targets: slice,
) -> Tokens:
    """Measure every context haplotype against its target; context and posterior (T, A, K, P) belong to the
    given targets of the window.
    """
    shape = context.haplotype.shape
    measures = np.empty((*shape, N_MEASURES), np.float32)
    match = np.empty((*shape, 2 * SITES_PER_SIDE), np.int8)
    sites = np.empty((*shape[:2], 2 * SITES_PER_SIDE, N_SITE_FEATURES), np.float32)
    left = np.searchsorted(window.cm, anchors.cm[:, None] - COUNT_CM, side="left")
    right = np.searchsorted(window.cm, anchors.cm[:, None] + COUNT_CM, side="right")
    gap = anchors.gap[:, None]
    bounds = np.stack([np.minimum(left, gap), np.maximum(right, gap)], axis=1)  # (A, 2, D)
    _describe(
        window.panel_words, window.target_words[targets], window.observed_words[targets],
        window.cm, _surprise(window, targets),
        anchors.gap, anchors.cm, anchors.low, anchors.high, bounds,
        context.haplotype, measures, match, sites,
    )  # fmt: skip
    measures[..., N_RUN + N_COUNT :] = posterior
    return Tokens(measures, match, sites, task_features(window, anchors))
