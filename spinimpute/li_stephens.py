"""Li-Stephens chains on the haplotypes that were retrieved: what each context haplotype is worth by them, and
what alleles they copy.

They carry evidence across recombinations, further than the runs around one anchor tell. States are the
haplotypes of a target's contexts nearby (`pools`); at every typed variant a target copies on or jumps to any
of them (Li and Stephens 2003). What the whole panel would say beyond is hardly more, at a cost that does not
grow with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import kernel, part
from spinimpute.left_out import leave_one_out
from spinimpute.mismatches import list_mismatches
from spinimpute.pools import Blocks, Pools, cut_blocks, gather_pools
from spinimpute.retrieval import Anchors, Context
from spinimpute.sweeps import (
    BEYOND,
    combine,
    drop_negligible,
    enter_left,
    enter_right,
    filled,
    sweep_left,
    sweep_right,
)
from spinimpute.typed import TypedWindow

# Jumps per cM. Chains with rates per cM fit panels of all sizes better than ones with an effective population
# size; which rate fits depends on the density of the array, so the network sees several.
JUMPS_PER_CM = np.array([1.0, 3.0, 10.0])
# Probability that a typed allele differs from the copied one, for each chain.
ERRORS = np.array([1e-3, 3e-3, 1e-2])
_ODDS = (ERRORS / (1 - ERRORS)).astype(np.float32)
# The chain that is asked for typed alleles left out.
LEFT_OUT = 1
# Chains begin this far from the outermost anchors; what lies beyond they would have forgotten by there.
WARM_UP_CM = 1.0


@dataclass(frozen=True)
class Track:
    """What P chains run over: those of a window's typed variants, anchors before gap (A,) of them, the
    probability of a jump (P, M + 1) across each gap, blocks, and which of them are also left out one by one.
    """

    typed: slice
    gap: NDArray[np.int64]
    jump: NDArray[np.float32]
    blocks: Blocks
    left_out: slice


class States(NamedTuple):
    """What P chains say of the states of one target, anchor by anchor and block by block: probability (P, A +
    B - 1, S), 0 where negligible, and whether one of the chains counts on them, weighs (A + B - 1, S).
    """

    pools: Pools
    probability: NDArray[np.float32]
    weighs: NDArray[np.uint8]


@dataclass(frozen=True)
class Chains:
    """What P chains say: posterior (T, A, K, P) of each context haplotype, and of all states of each target.

    agreement (T, M) is the probability, by one of the chains, of the target's own allele at each typed
    variant left out, if that allele was not known; it means nothing where the allele is missing.
    """

    posterior: NDArray[np.float32]
    agreement: NDArray[np.float32]
    blocks: Blocks
    states: list[States]


@part  # type: ignore[untyped-decorator]
def _listen_left(
    blocks: Blocks, pools: Pools, gap: NDArray[np.int64], jump: NDArray[np.float32],
    odds: NDArray[np.float32], differs: NDArray[np.uint8], states: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill states (P, A + B - 1, S), anchor by anchor and block by block: what the typed variants left of an
    anchor say.
    """
    n_chains, _, most = states.shape
    old, new = np.empty((n_chains, most), np.float32), np.zeros((n_chains, most), np.float32)
    moved = np.empty(most, np.float32)
    n_old = 0
    for b in range(blocks.near.shape[0]):
        n, before = pools.start[b + 1] - pools.start[b], pools.before[pools.start[b] : pools.start[b + 1]]
        (first, last), (low, high) = blocks.edges[b : b + 2], blocks.typed[b : b + 2]
        for i in range(n_chains):
            if b == 0:
                new[i, :n] = 1
            else:
                enter_right(old[i], n_old, before, new[i])
            sweep_right(
                differs[low:high], gap[first : last + 1] - low, jump[i, low : high + 1], odds[i], n,
                new[i], moved, states[i, first + b : last + b + 1],
            )  # fmt: skip
        old, new, n_old = new, old, n


@part  # type: ignore[untyped-decorator]
def _listen_right(
    blocks: Blocks, pools: Pools, gap: NDArray[np.int64], jump: NDArray[np.float32],
    odds: NDArray[np.float32], differs: NDArray[np.uint8], left_out: int, states: NDArray[np.float32],
    weighs: NDArray[np.uint8], posterior: NDArray[np.float32], agreement: NDArray[np.float32],
) -> None:  # fmt: skip
    """Turn states (P, A + B - 1, S) into what is copied, where weighs (A + B - 1, S), and fill posterior
    (A, K, P) and agreement (M',), from the typed variant left_out on.
    """
    n_chains, _, most = states.shape
    old, new = np.empty((n_chains, most), np.float32), np.zeros((n_chains, most), np.float32)
    moved = np.empty(most, np.float32)
    n_blocks = blocks.near.shape[0]
    for b in range(n_blocks - 1, -1, -1):
        n, end = pools.start[b + 1] - pools.start[b], pools.start[min(b + 2, n_blocks)]
        (first, last), (low, high) = blocks.edges[b : b + 2], blocks.typed[b : b + 2]
        here = slice(first + b, last + b + 1)
        local, unlike = gap[first : last + 1] - low, differs[low:high]
        right = np.empty((last - first + 1, most), np.float32)
        for i in range(n_chains):
            if b == n_blocks - 1:
                new[i, :n] = 1
            else:
                enter_left(old[i], n, pools.before[pools.start[b + 1] : end], new[i])
            left, across = states[i, here], jump[i, low : high + 1]
            sweep_left(unlike, local, across, odds[i], n, new[i], moved, right)
            if i == LEFT_OUT:
                leave_one_out(unlike, local, across, odds[i], n, left, right, left_out - low, agreement)
            combine(left, right, local, across, n)
            for a in range(first, last + (b == n_blocks - 1)):
                for k in range(posterior.shape[1]):
                    posterior[a, k, i] = states[i, a + b, pools.place[a, k]]
            drop_negligible(left, n, weighs[here])
        old, new = new, old


@part  # type: ignore[untyped-decorator]
def _widest(pools: Pools) -> int:
    most = 0
    for b in range(pools.start.shape[0] - 1):
        most = max(most, pools.start[b + 1] - pools.start[b])
    return most


@kernel  # type: ignore[untyped-decorator]
def _run(
    panel: NDArray[np.uint64], target: NDArray[np.int8], low: int, gap: NDArray[np.int64],
    jump: NDArray[np.float32], odds: NDArray[np.float32], haplotype: NDArray[np.int32], blocks: Blocks,
    left_out: int, posterior: NDArray[np.float32], agreement: NDArray[np.float32],
) -> States:  # fmt: skip
    """Fill posterior (A, K, P) and agreement (M',) of one target, whose contexts are haplotype (A, K); target
    (M,) is typed at panel variants from low on, and left out from left_out on.
    """
    pools = gather_pools(haplotype, blocks, np.full((2, panel.shape[0]), -1, np.int32))
    most = filled(_widest(pools))
    differs = np.full((target.shape[0], most), BEYOND, np.uint8)
    for b in range(len(blocks.near)):
        first, last = blocks.typed[b : b + 2]
        pool = pools.haplotype[pools.start[b] : pools.start[b + 1]]
        list_mismatches(panel, target[first:last], low + first, pool, differs[first:last])
    n_places = haplotype.shape[0] + len(blocks.near) - 1
    states = np.empty((jump.shape[0], n_places, most), np.float32)
    weighs = np.zeros((n_places, most), np.uint8)
    _listen_left(blocks, pools, gap, jump, odds, differs, states)
    _listen_right(blocks, pools, gap, jump, odds, differs, left_out, states, weighs, posterior, agreement)
    return States(pools, states, weighs)


def jump_probability(cm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (P, M + 1), the probability of a jump across each gap between typed variants at cm (M,) by each
    chain; nothing is jumped before the first and after the last.
    """
    length = np.concatenate([[0.0], np.maximum(np.diff(cm), 1e-6), [0.0]])
    return np.asarray(-np.expm1(-JUMPS_PER_CM[:, None] * length), np.float32)


def lay_track(
    window: TypedWindow, anchors: Anchors, first_typed: int, left_out: slice = slice(0, 0)
) -> Track:
    """Lay the track of all targets' chains in a window.

    first_typed of the chromosome's typed variants come before the window's. Of those between anchors, those
    of left_out are also left out one by one.
    """
    low, high = np.searchsorted(window.cm, [anchors.cm[0] - WARM_UP_CM, anchors.cm[-1] + WARM_UP_CM]).tolist()
    gap = anchors.gap - low
    blocks = cut_blocks(anchors.cm, gap, high - low, first_typed + low)
    left_out = slice(left_out.start - low, left_out.stop - low)
    return Track(slice(low, high), gap, jump_probability(window.cm[low:high]), blocks, left_out)


def run_chains(window: TypedWindow, track: Track, context: Context, targets: slice) -> Chains:
    """Run the chains of some targets, whose context this is."""
    target = np.ascontiguousarray(window.target[track.typed, targets].T)
    posterior = np.empty((*context.haplotype.shape, len(JUMPS_PER_CM)), np.float32)
    agreement = np.zeros((len(target), track.left_out.stop - track.left_out.start), np.float32)
    states = [
        _run(
            window.panel_words, target[t], track.typed.start, track.gap, track.jump, _ODDS,
            context.haplotype[t], track.blocks, track.left_out.start, posterior[t], agreement[t],
        )
        for t in range(len(target))
    ]  # fmt: skip
    return Chains(posterior, agreement, track.blocks, states)
