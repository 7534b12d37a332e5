"""Copying alleles from context haplotypes and from the states of the chains: the predictor's sums, without
ever unpacking the panel.

Marks stand for the rarer allele, so they are few, and a segment between two anchors costs little more than
its carriers. Who is known at both anchors is looked at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import kernel, part
from spinimpute.lanes import LANES, QUAD, add_between, add_few_between, any_above
from spinimpute.li_stephens import Chains, States
from spinimpute.marks import HaplotypeMarks, list_carried, skip_far
from spinimpute.pools import Blocks, Pools
from spinimpute.segments import Segments

# An allele that nobody in the context carries is asked about if a Li-Stephens chain gives it this dose.
LEAST_DOSE = np.float32(1e-3)
# What is known of a variant: somebody in the context carries it, a state that counts does.
_CARRIED, _DOSED = np.uint8(1), np.uint8(2)


class Queries(NamedTuple):
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

    @staticmethod
    def join(parts: Sequence[Queries]) -> Queries:
        """Those of several lots of targets."""
        return parts[0] if len(parts) == 1 else Queries._make(map(np.concatenate, zip(*parts, strict=True)))


@part  # type: ignore[untyped-decorator]
def _seat(blocks: Blocks, pools: Pools, b: int, a: int, seat: NDArray[np.int16]) -> None:
    """Set seat (S,) to where each state of block b is in the context of anchor a, -1 if it is not."""
    for s in range(pools.start[b + 1] - pools.start[b]):
        seat[s] = -1
    # The context of an anchor of two blocks is placed in the second one's pool.
    beyond = a == blocks.edges[b + 1] and b + 1 < blocks.near.shape[0]
    for k in range(pools.place.shape[1]):
        s = pools.place[a, k]
        seat[pools.before[pools.start[b + 1] + s] if beyond else s] = k


@part  # type: ignore[untyped-decorator]
def _take(weights: NDArray[np.float32], k: int, told: NDArray[np.float32]) -> None:
    """Set told (H,) to weights (K, H) of context haplotype k, or to those of nobody."""
    for h in range(weights.shape[1]):
        told[h] = weights[k, h] if k >= 0 else np.float32(0)


@part  # type: ignore[untyped-decorator]
def _reach(marks: HaplotypeMarks, pool: NDArray[np.int32], variant: int) -> NDArray[np.int64]:
    """Where in the list of rare variants of each state those begin that are not before a variant (S,)."""
    reached = np.empty(pool.shape[0], np.int64)
    for s in range(pool.shape[0]):
        reached[s] = skip_far(marks.rare, marks.starts[pool[s]], marks.starts[pool[s] + 1], variant)
    return reached


@part  # type: ignore[untyped-decorator]
def _copy_segment(
    marks: HaplotypeMarks, pool: NDArray[np.int32],
    probability: NDArray[np.float32], weighs: NDArray[np.uint8], left: int, right: int,
    before: NDArray[np.float32], after: NDArray[np.float32],
    here: NDArray[np.int16], there: NDArray[np.int16],
    share: NDArray[np.float32], bounds: NDArray[np.int64], common: NDArray[np.int64],
    reached: NDArray[np.int64], carried: NDArray[np.int32], frequency: NDArray[np.float32],
    dose: NDArray[np.float32], asked: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Add up who carries the variants of a segment, whose bounds (2,) are given among all and among common
    ones.

    Its two anchors are at the places left and right of the chains' states, before and after (K, H) are the
    weights of their contexts, and here and there (S,) the states' places in these. Segments come one after
    the other: reached (S,) is how far each list of rare variants was passed. carried (V,) is room.
    """
    begin, heads = bounds[0], frequency.shape[1]
    told, doses = np.zeros((2, heads), np.float32), np.zeros((2, QUAD), np.float32)
    for s in range(pool.shape[0]):
        known = here[s] >= 0 or there[s] >= 0
        counts = weighs[left, s] != 0 or weighs[right, s] != 0
        if not (known or counts):
            continue
        reached[s], n = list_carried(marks, pool[s], reached[s], bounds, common, carried)
        if known:
            _take(before, here[s], told[0])
            _take(after, there[s], told[1])
            for i in range(n):
                v = carried[i]
                asked[v - begin] |= _CARRIED
                for h in range(0, heads, LANES):
                    add_between(frequency, (v - begin) * heads + h, told, h, told, heads + h, share[v])
        if counts:
            for i in range(probability.shape[0]):
                doses[0, i], doses[1, i] = probability[i, left, s], probability[i, right, s]
            for i in range(n):
                v = carried[i]
                asked[v - begin] |= _DOSED
                add_few_between(dose, (v - begin) * QUAD, doses, 0, doses, QUAD, share[v])


@part  # type: ignore[untyped-decorator]
def _ask(
    asked: NDArray[np.uint8], frequency: NDArray[np.float32], dose: NDArray[np.float32],
    entropy: NDArray[np.float32], a: int, b: int, share: NDArray[np.float32], about: NDArray[np.float32],
    bounds: NDArray[np.int64], t: int, row: int, rows: Queries,
) -> int:  # fmt: skip
    """Fill rows from `row` on with the variants of a segment, within bounds (2,) and between anchors a and b,
    that target t is asked about; clear the sums and return the next free row.
    """
    for v in range(bounds[0], bounds[1]):
        i = v - bounds[0]
        if asked[i] == 0:
            continue
        if asked[i] & _CARRIED or any_above(dose, i * QUAD, LEAST_DOSE):
            rows.target[row], rows.variant[row] = t, v
            for h in range(rows.frequency.shape[1]):
                rows.frequency[row, h] = frequency[i, h]
            part_of_b = share[v]
            for h in range(rows.entropy.shape[1]):
                rows.entropy[row, h] = entropy[a, h] + part_of_b * (entropy[b, h] - entropy[a, h])
            for p in range(rows.chain.shape[1]):
                rows.chain[row, p] = dose[i, p]
            for d in range(about.shape[1]):
                rows.query[row, d] = about[v, d]
            row += 1
            for h in range(frequency.shape[1]):
                frequency[i, h] = 0
        asked[i] = 0
        for p in range(QUAD):
            dose[i, p] = 0
    return row


@kernel  # type: ignore[untyped-decorator]
def _copy(
    marks: HaplotypeMarks, blocks: Blocks, states: States, weights: NDArray[np.float32],
    entropy: NDArray[np.float32], start: NDArray[np.int64], common: NDArray[np.int64],
    share: NDArray[np.float32], about: NDArray[np.float32], t: int, rows: Queries,
) -> int:  # fmt: skip
    """Fill the rows of target t with weights (A, K, H) and entropy (A, H), and return how many.

    Segments have bounds start (J + 1,) among all and common (J + 1,) among common variants. The first and the
    last one have one anchor, the others are between two.
    """
    pools, most = states.pools, states.weighs.shape[1]
    n_blocks, n_anchors = blocks.near.shape[0], blocks.edges[-1] + 1
    heads, longest, row = -(-weights.shape[2] // LANES) * LANES, 0, 0
    for j in range(start.shape[0] - 1):
        longest = max(longest, start[j + 1] - start[j])
    frequency, dose = np.zeros((longest, heads), np.float32), np.zeros((longest, QUAD), np.float32)
    asked, carried = np.zeros(longest, np.uint8), np.empty(longest, np.int32)
    here, there = np.empty(most, np.int16), np.empty(most, np.int16)
    for b in range(n_blocks):
        first = blocks.edges[b] + 1 if b > 0 else 0
        last = blocks.edges[b + 1] + 1 if b < n_blocks - 1 else n_anchors + 1
        pool = pools.haplotype[pools.start[b] : pools.start[b + 1]]
        reached = _reach(marks, pool, start[first])
        _seat(blocks, pools, b, max(first - 1, 0), there)
        for j in range(first, last):
            left, right = max(j - 1, 0), min(j, n_anchors - 1)
            here, there = there, here
            _seat(blocks, pools, b, right, there)
            if start[j + 1] > start[j]:
                _copy_segment(
                    marks, pool, states.probability, states.weighs, left + b, right + b,
                    weights[left], weights[right], here, there,
                    share, start[j : j + 2], common[j : j + 2], reached, carried, frequency, dose, asked,
                )  # fmt: skip
                bounds = start[j : j + 2]
                row = _ask(asked, frequency, dose, entropy, left, right, share, about, bounds, t, row, rows)
    return row


def copy_alleles(
    marks: HaplotypeMarks,
    segments: Segments,
    weights: NDArray[np.float32],
    entropy: NDArray[np.float32],
    chains: Chains,
) -> Queries:
    """Sum the copying weights, and what the chains' states are worth, of the carriers of every variant,
    blended between the anchors linearly in cM.

    weights (T, A, K, H) and entropy (T, A, H) of the contexts that the chains ran on.
    """
    common = np.searchsorted(marks.common, segments.start)
    return Queries.join(
        [
            _ask_target(t, marks, segments, common, weights[t], entropy[t], chains.blocks, chains.states[t])
            for t in range(len(weights))
        ]
    )


def _ask_target(
    t: int,
    marks: HaplotypeMarks,
    segments: Segments,
    common: NDArray[np.int64],
    weights: NDArray[np.float32],
    entropy: NDArray[np.float32],
    blocks: Blocks,
    states: States,
) -> Queries:
    n_variants, n_heads = len(segments.share), entropy.shape[1]
    n_chains, n_about = len(states.probability), segments.query.shape[1]
    # Only those pages of the room become memory that are filled.
    room = Queries(
        *np.empty((2, n_variants), np.int32),
        *(np.empty((n_variants, width), np.float32) for width in (n_heads, n_chains, n_heads, n_about)),
    )
    n = _copy(
        marks, blocks, states, weights, entropy,
        segments.start, common, segments.share, segments.query, t, room,
    )  # fmt: skip
    return Queries._make(column[:n] for column in room)
