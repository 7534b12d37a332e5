"""Copying alleles from context haplotypes: the predictor's sums, without ever unpacking the panel.

Marks stand for the rarer allele, so they are few, and a segment costs little more than its carriers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.bits import masked, n_words, popcount, trailing_zeros
from spinimpute.lanes import LANES, QUAD, add_scaled, any_above
from spinimpute.li_stephens import Chains
from spinimpute.marks import HaplotypeMarks, skip_before
from spinimpute.segments import Segments

# An allele that nobody in the context carries is asked about if a Li-Stephens chain gives it this dose.
LEAST_DOSE = np.float32(1e-3)


@dataclass(frozen=True)
class Queries:
    """Variants that somebody in the context or a chain carries: target (Q,), variant (Q,), and frequency (Q,
    H), chain (Q, P), entropy (Q, H), query (Q, D) as `Calibration.forward` takes them.

    They are in order of target and variant.
    """

    target: NDArray[np.int32]
    variant: NDArray[np.int32]
    frequency: NDArray[np.float32]
    chain: NDArray[np.float32]
    entropy: NDArray[np.float32]
    query: NDArray[np.float32]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mark(variant: int, carried: NDArray[np.uint64]) -> None:
    carried[variant >> 6] |= np.uint64(1) << np.uint64(variant & 63)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mark_carried(
    marks: HaplotypeMarks,
    context: NDArray[np.int32],
    start: NDArray[np.int64],
    common: NDArray[np.int64],
    carried: NDArray[np.uint64],
) -> None:
    """Set the bits of carried (ceil(V / 64),) that some context haplotype (A, K) carries in the two segments
    at its anchor; start and common (J + 1,) bound the segments among all and among common variants.
    """
    reached = marks.starts.copy()
    for a in range(context.shape[0]):
        low, high = start[a], start[a + 2]
        for k in range(context.shape[1]):
            n = context[a, k]
            i = skip_before(marks.rare, reached[n], marks.starts[n + 1], low)
            reached[n] = i
            while i < marks.starts[n + 1] and marks.rare[i] < high:
                _mark(marks.rare[i], carried)
                i += 1
        first, last = common[a], common[a + 2]
        if first == last:
            continue
        for w in range(first >> 6, ((last - 1) >> 6) + 1):
            union = np.uint64(0)
            for k in range(context.shape[1]):
                union |= marks.words[context[a, k], w]
            union = masked(union, w, first, last)
            while union != 0:
                _mark(marks.common[(w << 6) + trailing_zeros(union)], carried)
                union &= union - np.uint64(1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mark_dosed(dose: NDArray[np.float32], carried: NDArray[np.uint64]) -> None:
    """Set the bits of carried that a chain's dose (V, QUAD) speaks of."""
    for w in range(carried.shape[0]):
        word = np.uint64(0)
        for v in range(w << 6, min((w + 1) << 6, dose.shape[0])):
            word |= np.uint64(any_above(dose, v * QUAD, LEAST_DOSE)) << np.uint64(v & 63)
        carried[w] |= word


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(
    marks: HaplotypeMarks,
    context: NDArray[np.int32],
    dose: NDArray[np.float32],
    start: NDArray[np.int64],
    common: NDArray[np.int64],
    carried: NDArray[np.uint64],
) -> int:
    """Mark in carried (T, ceil(V / 64)) what each target is asked about; count."""
    total = 0
    for t in range(context.shape[0]):
        _mark_carried(marks, context[t], start, common, carried[t])
        _mark_dosed(dose[t], carried[t])
        for w in range(carried.shape[1]):
            total += popcount(carried[t, w])
    return total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _accumulate(
    marks: HaplotypeMarks,
    context: NDArray[np.int32],
    weights: NDArray[np.float32],
    start: NDArray[np.int64],
    common: NDArray[np.int64],
    share: NDArray[np.float32],
    row_of: NDArray[np.int32],
    frequency: NDArray[np.float32],
) -> None:
    """Add each carrier's weights (A, K, H), times its anchor's share of the variant, to the rows of what it
    carries in the two segments at its anchor. H is a multiple of LANES.
    """
    reached = marks.starts.copy()
    n_heads = weights.shape[2]
    for a in range(context.shape[0]):
        low, middle, high = start[a], start[a + 1], start[a + 2]
        first, last = common[a], common[a + 2]
        for k in range(context.shape[1]):
            n, told = context[a, k], (a * context.shape[1] + k) * n_heads
            i = skip_before(marks.rare, reached[n], marks.starts[n + 1], low)
            reached[n] = i
            while i < marks.starts[n + 1] and marks.rare[i] < high:
                v = marks.rare[i]
                i += 1
                part = share[v] if v < middle else np.float32(1) - share[v]
                for h in range(0, n_heads, LANES):
                    add_scaled(frequency, row_of[v] * n_heads + h, weights, told + h, part)
            if first == last:
                continue
            for w in range(first >> 6, ((last - 1) >> 6) + 1):
                word = masked(marks.words[n, w], w, first, last)
                while word != 0:
                    v = marks.common[(w << 6) + trailing_zeros(word)]
                    word &= word - np.uint64(1)
                    part = share[v] if v < middle else np.float32(1) - share[v]
                    for h in range(0, n_heads, LANES):
                        add_scaled(frequency, row_of[v] * n_heads + h, weights, told + h, part)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _open_rows(
    carried: NDArray[np.uint64], row: int, row_of: NDArray[np.int32], variant: NDArray[np.int32]
) -> int:
    """Give the variants that are set in carried rows from `row` on; return the next free row."""
    for w in range(carried.shape[0]):
        word = carried[w]
        while word != 0:
            v = (w << 6) + trailing_zeros(word)
            word &= word - np.uint64(1)
            row_of[v], variant[row] = row, v
            row += 1
    return row


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy(
    marks: HaplotypeMarks,
    context: NDArray[np.int32],
    weights: NDArray[np.float32],
    entropy: NDArray[np.float32],
    dose: NDArray[np.float32],
    start: NDArray[np.int64],
    common: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    share: NDArray[np.float32],
    about: NDArray[np.float32],
    carried: NDArray[np.uint64],
    target: NDArray[np.int32],
    variant: NDArray[np.int32],
    frequency: NDArray[np.float32],
    chain: NDArray[np.float32],
    spread: NDArray[np.float32],
    query: NDArray[np.float32],
) -> None:
    row_of = np.empty(share.shape[0], np.int32)
    row = 0
    for t in range(context.shape[0]):
        first, j = row, 0
        row = _open_rows(carried[t], row, row_of, variant)
        for r in range(first, row):
            v = variant[r]
            while v >= start[j + 1]:
                j += 1
            a, b = left[j], right[j]
            target[r] = t
            for i in range(query.shape[1]):
                query[r, i] = about[v, i]
            for h in range(spread.shape[1]):
                spread[r, h] = entropy[t, a, h] + share[v] * (entropy[t, b, h] - entropy[t, a, h])
            for i in range(chain.shape[1]):
                chain[r, i] = dose[t, v, i]
        _accumulate(marks, context[t], weights[t], start, common, share, row_of, frequency)


def copy_alleles(
    marks: HaplotypeMarks,
    segments: Segments,
    context: NDArray[np.int32],
    weights: NDArray[np.float32],
    entropy: NDArray[np.float32],
    chains: Chains,
) -> Queries:
    """Sum the copying weights of the carriers of every variant, blended between the anchors linearly in cM.

    context (T, A, K) haplotypes; weights (T, A, K, H); entropy (T, A, H).
    """
    common, dose = np.searchsorted(marks.common, segments.start), chains.padded
    carried = np.zeros((len(context), n_words(dose.shape[1])), np.uint64)
    n, n_heads = _find(marks, context, dose, segments.start, common, carried), weights.shape[3]
    weights = _fill_up(weights)
    frequency = np.zeros((n, weights.shape[3]), np.float32)
    target, variant = np.empty(n, np.int32), np.empty(n, np.int32)
    chain, query = (
        np.empty((n, chains.posterior.shape[3]), np.float32),
        np.empty((n, segments.query.shape[1]), np.float32),
    )
    spread = np.empty((n, n_heads), np.float32)
    _copy(
        marks, context, weights, entropy, dose, segments.start, common, segments.left, segments.right,
        segments.share, segments.query, carried,
        target, variant, frequency, chain, spread, query,
    )  # fmt: skip
    return Queries(target, variant, np.ascontiguousarray(frequency[:, :n_heads]), chain, spread, query)


def _fill_up(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (T, A, K, H) weights with further heads of zeros, up to a multiple of LANES."""
    missing = -weights.shape[3] % LANES
    return np.pad(weights, [(0, 0)] * 3 + [(0, missing)]) if missing else np.ascontiguousarray(weights)
