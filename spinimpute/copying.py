"""Copying alleles from packed context haplotypes: the predictor's sums, without ever unpacking the panel.

A slot is a bit of a packed core: one variant, or padding that no haplotype carries. Bits mark the rarer
allele, so few are set and a segment costs little more than its carriers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.bits import masked, popcount, trailing_zeros

# Log cM to the nearest anchor is floored by this, for variants at the anchor itself.
FLOOR_CM = 1e-3
# An allele that nobody in the context carries is asked about if a Li-Stephens chain gives it this dose.
LEAST_DOSE = 1e-3


@dataclass(frozen=True)
class Segments:
    """The slots of a core cut at the anchors: segment j lies between anchors left[j] and right[j].

    start (J + 1,) slot bounds; left, right (J,) anchor indices, equal before the first and after the last
    anchor; share (slots,) of the right anchor, linear in cM; near (slots,) cM to the nearer anchor; log_odds
    (slots,) of the marked allele; task (A, 2) token features.
    """

    start: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    share: NDArray[np.float32]
    near: NDArray[np.float32]
    log_odds: NDArray[np.float32]
    task: NDArray[np.float32]


@dataclass(frozen=True)
class Queries:
    """Slots that somebody in the context or a chain carries: target (Q,), slot (Q,), and frequency (Q, H),
    chain (Q, P), entropy (Q, H), query (Q, 4) as `Calibration.forward` takes them.
    """

    target: NDArray[np.int32]
    slot: NDArray[np.int32]
    frequency: NDArray[np.float32]
    chain: NDArray[np.float32]
    entropy: NDArray[np.float32]
    query: NDArray[np.float32]


def cut_segments(
    cm: NDArray[np.float64],
    log_odds: NDArray[np.float32],
    anchor_cm: NDArray[np.float64],
    task: NDArray[np.float32],
) -> Segments:
    """Cut slots at map positions cm (slots,), ascending, at the anchors."""
    last = len(anchor_cm) - 1
    inner = np.searchsorted(cm, anchor_cm)
    start = np.concatenate([[0], inner, [len(cm)]]).astype(np.int64)
    left = np.clip(np.arange(-1, last + 1), 0, last)
    right = np.clip(np.arange(0, last + 2), 0, last)
    segment = np.repeat(np.arange(last + 2), np.diff(start))
    low, high = anchor_cm[left[segment]], anchor_cm[right[segment]]
    span = high - low
    share = np.divide(cm - low, span, out=np.full(len(cm), 0.5), where=span > 0)
    near = np.minimum(np.abs(cm - low), np.abs(high - cm))
    return Segments(start, left, right, share.astype(np.float32), near.astype(np.float32), log_odds, task)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _carried(
    words: NDArray[np.uint64],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    dose: NDArray[np.float32],
    start: int,
    stop: int,
    carried: NDArray[np.uint64],
) -> int:
    """Mark in carried (words of the segment) the slots that some haplotype of the two contexts (K,)
    carries, or a chain's dose (slots, P); count.
    """
    first, last = start >> 6, (stop - 1) >> 6
    total = 0
    for w in range(first, last + 1):
        union = np.uint64(0)
        for k in range(left.shape[0]):
            union |= words[left[k], w] | words[right[k], w]
        for s in range(max(start, w << 6), min(stop, (w + 1) << 6)):
            for i in range(dose.shape[1]):
                if dose[s, i] > LEAST_DOSE:
                    union |= np.uint64(1) << np.uint64(s & 63)
        carried[w - first] = masked(union, w, start, stop)
        total += popcount(carried[w - first])
    return total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _accumulate(
    words: NDArray[np.uint64],
    context: NDArray[np.int32],
    weights: NDArray[np.float32],
    share: NDArray[np.float32],
    is_left: bool,
    start: int,
    stop: int,
    row_of: NDArray[np.int32],
    frequency: NDArray[np.float32],
) -> None:
    """Add each carrier's weights (K, H), times its anchor's share of the slot, to the rows of its slots."""
    for k in range(context.shape[0]):
        for w in range(start >> 6, ((stop - 1) >> 6) + 1):
            word = masked(words[context[k], w], w, start, stop)
            while word != 0:
                s = (w << 6) + trailing_zeros(word)
                row = row_of[s - start]
                word &= word - np.uint64(1)
                part = np.float32(1) - share[s] if is_left else share[s]
                for h in range(weights.shape[1]):
                    frequency[row, h] += part * weights[k, h]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(
    words: NDArray[np.uint64],
    context: NDArray[np.int32],
    dose: NDArray[np.float32],
    start: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    scratch: NDArray[np.uint64],
) -> int:
    total = 0
    for t in range(context.shape[0]):
        for j in range(left.shape[0]):
            if start[j + 1] > start[j]:
                sides = context[t, left[j]], context[t, right[j]]
                total += _carried(words, sides[0], sides[1], dose[t], start[j], start[j + 1], scratch)
    return total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _open_rows(
    carried: NDArray[np.uint64],
    low: int,
    high: int,
    row: int,
    row_of: NDArray[np.int32],
    slot: NDArray[np.int32],
) -> int:
    """Give the carried slots of a segment [low, high) rows from `row` on; return the next free row."""
    for w in range(low >> 6, ((high - 1) >> 6) + 1):
        word = carried[w - (low >> 6)]
        while word != 0:
            s = (w << 6) + trailing_zeros(word)
            word &= word - np.uint64(1)
            row_of[s - low], slot[row] = row, s
            row += 1
    return row


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy(
    words: NDArray[np.uint64],
    context: NDArray[np.int32],
    weights: NDArray[np.float32],
    entropy: NDArray[np.float32],
    dose: NDArray[np.float32],
    start: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    share: NDArray[np.float32],
    near: NDArray[np.float32],
    log_odds: NDArray[np.float32],
    task: NDArray[np.float32],
    scratch: NDArray[np.uint64],
    target: NDArray[np.int32],
    slot: NDArray[np.int32],
    frequency: NDArray[np.float32],
    chain: NDArray[np.float32],
    spread: NDArray[np.float32],
    query: NDArray[np.float32],
) -> None:
    row_of = np.empty(share.shape[0], np.int32)
    row = 0
    for t in range(context.shape[0]):
        for j in range(left.shape[0]):
            low, high, a, b = start[j], start[j + 1], left[j], right[j]
            if high == low:
                continue
            _carried(words, context[t, a], context[t, b], dose[t], low, high, scratch)
            first = row
            row = _open_rows(scratch, low, high, row, row_of, slot)
            for r in range(first, row):
                s = slot[r]
                target[r] = t
                query[r, 0] = log_odds[s]
                query[r, 1] = np.log(near[s] + FLOOR_CM)
                for i in range(task.shape[1]):
                    query[r, 2 + i] = task[a, i] + share[s] * (task[b, i] - task[a, i])
                for h in range(spread.shape[1]):
                    spread[r, h] = entropy[t, a, h] + share[s] * (entropy[t, b, h] - entropy[t, a, h])
                for i in range(chain.shape[1]):
                    chain[r, i] = dose[t, s, i]
            _accumulate(words, context[t, a], weights[t, a], share, True, low, high, row_of, frequency)
            _accumulate(words, context[t, b], weights[t, b], share, False, low, high, row_of, frequency)


def copy_alleles(
    words: NDArray[np.uint64],
    segments: Segments,
    context: NDArray[np.int32],
    weights: NDArray[np.float32],
    entropy: NDArray[np.float32],
    dose: NDArray[np.float32],
) -> Queries:
    """Sum the copying weights of the carriers of every slot, blended between the anchors linearly in cM.

    words (N, W) packed core; context (T, A, K) haplotypes; weights (T, A, K, H); entropy (T, A, H); dose (T,
    slots, P) of the Li-Stephens chains.
    """
    start, left, right = segments.start, segments.left, segments.right
    scratch = np.empty(words.shape[1] + 1, np.uint64)
    n, n_heads = _count(words, context, dose, start, left, right, scratch), weights.shape[3]
    queries = Queries(
        target=np.empty(n, np.int32),
        slot=np.empty(n, np.int32),
        frequency=np.zeros((n, n_heads), np.float32),
        chain=np.empty((n, dose.shape[2]), np.float32),
        entropy=np.empty((n, n_heads), np.float32),
        query=np.empty((n, 4), np.float32),
    )
    _copy(
        words, context, weights, entropy, dose, start, left, right,
        segments.share, segments.near, segments.log_odds, segments.task, scratch,
        queries.target, queries.slot,
        queries.frequency, queries.chain, queries.entropy, queries.query,
    )  # fmt: skip
    return queries
