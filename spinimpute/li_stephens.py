"""Li-Stephens chains on the haplotypes that were retrieved anywhere in a window: what each context haplotype
is worth by them, and what alleles they copy.

They carry evidence across recombinations, further than the runs around one anchor tell. States are all
haplotypes of a target's contexts (its pool); at every typed variant a target copies on or jumps to any of the
pool (Li and Stephens 2003). What the whole panel would say beyond the pool is hardly more, at a cost that
does not grow with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.chain_doses import copy_segment, reach
from spinimpute.copying import Segments
from spinimpute.lanes import QUAD
from spinimpute.left_out import leave_one_out
from spinimpute.marks import HaplotypeMarks
from spinimpute.mismatches import list_mismatches
from spinimpute.pools import Blocks, gather_pools
from spinimpute.retrieval import Anchors, Context
from spinimpute.typed import TypedWindow

# Jumps per cM. Chains with rates per cM fit panels of all sizes better than ones with an effective population
# size; which rate fits depends on the density of the array, so the network sees several.
JUMPS_PER_CM = np.array([1.0, 3.0, 10.0])
# Probability that a typed allele differs from the copied one, for each chain.
ERRORS = np.array([1e-3, 3e-3, 1e-2])
# A constant, so that loops over the chains become straight code.
N_CHAINS = len(JUMPS_PER_CM)
# The chain that is asked for typed alleles left out.
LEFT_OUT = 1
# Chains begin this far from the outermost anchors; what lies beyond they would have forgotten by there.
WARM_UP_CM = 1.0
# States this much less likely than all being equal copy nothing: they are many and weigh little.
NEGLIGIBLE = 0.1


@dataclass(frozen=True)
class Chains:
    """What P chains say: posterior (T, A, K, P) of each context haplotype, dose (T, V, P) of each marked
    allele.

    agreement (T, M) is the probability, by one of the chains, of the target's own allele at each typed
    variant left out, if that allele was not known; it means nothing where the allele is missing.
    """

    posterior: NDArray[np.float32]
    dose: NDArray[np.float32]
    agreement: NDArray[np.float32]


# Kernels with fast sums are inlined: compiled by themselves as well, they would add in another order in the
# first run, which compiles, than in later ones (tests/test_compilation.py).
@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _step(
    state: NDArray[np.float32],
    total: np.float32,
    differs: NDArray[np.uint8],
    odds: np.float32,
    jump: np.float32,
) -> np.float32:
    """Move (S,) weights, which sum to total, across a jump and over one typed variant; return their new sum.

    They are divided by the old sum on the way: a pass of its own would take as long again.
    """
    base = jump / np.float32(state.shape[0])
    stay = (np.float32(1) - jump) / total
    penalty = odds - np.float32(1)
    moved = np.float32(0)
    for s in range(state.shape[0]):
        state[s] = (stay * state[s] + base) * (np.float32(1) + penalty * np.float32(differs[s]))
        moved += state[s]
    return moved


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _sweep(
    differs: NDArray[np.uint8],
    gap: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: np.float32,
    backward: bool,
    state: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Fill out (A, S): the probability of each state at the gaps given the typed variants on one side of
    them, from weights state (S,) on, which become those at the other end.

    jump (M + 1,) is the probability of a jump across each gap, from the variant before it.
    """
    (n_typed, n), n_anchors = differs.shape, gap.shape[0]
    total = np.float32(0)
    for s in range(n):
        total += state[s]
    for i in range(n_anchors):
        a = n_anchors - 1 - i if backward else i
        if backward:
            start = n_typed if i == 0 else gap[a + 1]
            for m in range(start - 1, gap[a] - 1, -1):
                total = _step(state, total, differs[m], odds, jump[m + 1])
        else:
            start = 0 if i == 0 else gap[a - 1]
            for m in range(start, gap[a]):
                total = _step(state, total, differs[m], odds, jump[m])
        for s in range(n):
            out[a, s] = state[s] / total


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _combine(
    left: NDArray[np.float32], right: NDArray[np.float32], gap: NDArray[np.int64], jump: NDArray[np.float32]
) -> None:
    """Turn left (A, S) into the posterior of each state, given what lies left and right of each gap."""
    n = left.shape[1]
    for a in range(left.shape[0]):
        before, after = left[a], right[a]
        # The jump across the anchor's own gap lies between the two sides.
        stay = np.float32(1) - jump[gap[a]]
        base = jump[gap[a]] / np.float32(n)
        total = np.float32(0)
        for s in range(n):
            before[s] *= stay * after[s] + base
            total += before[s]
        scale = np.float32(1) / total
        for s in range(n):
            before[s] *= scale


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _drop_negligible(posterior: NDArray[np.float32], weighs: NDArray[np.uint8]) -> None:
    """Set small ones of (A, S) probabilities to zero and mark the others in weighs; they sum to one again."""
    n = posterior.shape[1]
    least = np.float32(NEGLIGIBLE / n)
    for a in range(posterior.shape[0]):
        row = posterior[a]
        total = np.float32(0)
        for s in range(n):
            total += row[s] if row[s] >= least else np.float32(0)
        scale = np.float32(1) / total
        for s in range(n):
            weighs[a, s] |= row[s] >= least
            row[s] = row[s] * scale if row[s] >= least else np.float32(0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _enter(
    state: NDArray[np.float32], before: NDArray[np.int32], n_old: int, old: NDArray[np.float32]
) -> None:
    """Turn the weights of a block's n_old states, state (S,), into those of the next block's, whose states were
    before (S',) in it or not: who leaves jumps to any state of the next one. old (S,) is for use in here.
    """
    n = before.shape[0]
    gone = np.float32(0)
    for s in range(n_old):
        old[s] = state[s]
        gone += state[s]
    for s in range(n):
        if before[s] >= 0:
            gone -= old[before[s]]
    gone = max(gone, np.float32(0)) / np.float32(n)
    for s in range(n):
        state[s] = gone + (old[before[s]] if before[s] >= 0 else np.float32(0))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _enter_back(
    state: NDArray[np.float32], before: NDArray[np.int32], n_old: int, old: NDArray[np.float32]
) -> None:
    """The same against the direction: turn the state of a block, whose states were before (S,) in the previous
    one, into one of n_old states of that.
    """
    n = before.shape[0]
    mean = np.float32(0)
    for s in range(n):
        old[s] = state[s]
        mean += state[s]
    mean /= np.float32(n)
    for s in range(n_old):
        state[s] = mean
    for s in range(n):
        if before[s] >= 0:
            state[before[s]] = old[s]


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _forward(
    panel: NDArray[np.uint64],
    target: NDArray[np.int8],
    low: int,
    local: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: NDArray[np.float32],
    pool: NDArray[np.int32],
    carried: NDArray[np.float32],
    differs: NDArray[np.uint8],
    states: NDArray[np.float32],
) -> None:
    """Fill, for one block, differs (M, S) and states (P, A, S): the probability of each state given the typed
    variants left of the anchor; carried (P, S) are weights at the block's beginning, and then at its end.
    """
    list_mismatches(panel, target, low, pool, differs)
    for i in range(states.shape[0]):
        _sweep(differs, local, jump[i], odds[i], False, carried[i, : pool.shape[0]], states[i])


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _backward(
    differs: NDArray[np.uint8],
    local: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: NDArray[np.float32],
    first: int,
    carried: NDArray[np.float32],
    states: NDArray[np.float32],
    place: NDArray[np.int32],
    weighs: NDArray[np.uint8],
    posterior: NDArray[np.float32],
    agreement: NDArray[np.float32],
) -> None:
    """Turn states into what is copied, weighing where weighs (A, S), and fill posterior (A, K, P) of the
    context haplotypes, whose states are place (A, K), and agreement (M',) from the typed variant `first` on.
    """
    beyond = np.empty(states.shape[1:], np.float32)
    for i in range(states.shape[0]):
        _sweep(differs, local, jump[i], odds[i], True, carried[i, : states.shape[2]], beyond)
        if i == LEFT_OUT:
            leave_one_out(differs, local, jump[i], odds[i], states[i], beyond, first, agreement)
        _combine(states[i], beyond, local, jump[i])
        for a in range(place.shape[0]):
            for k in range(place.shape[1]):
                posterior[a, k, i] = states[i, a, place[a, k]]
        _drop_negligible(states[i], weighs)


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _run(
    panel: NDArray[np.uint64],
    target: NDArray[np.int8],
    low: int,
    gap: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: NDArray[np.float32],
    haplotype: NDArray[np.int32],
    edges: NDArray[np.int64],
    near: NDArray[np.int64],
    marks: HaplotypeMarks,
    start: NDArray[np.int64],
    common: NDArray[np.int64],
    share: NDArray[np.float32],
    first: int,
    posterior: NDArray[np.float32],
    dose: NDArray[np.float32],
    agreement: NDArray[np.float32],
) -> None:
    """Fill posterior (T, A, K, P), dose (T, V, P) and agreement (T, M'); target is typed at panel variants
    from low on, and left out from first on.
    """
    n_target, n_anchors, n_context = haplotype.shape
    n_chains, n_blocks = jump.shape[0], near.shape[0]
    seat = np.full((2, panel.shape[0]), -1, np.int32)
    most = (near[:, 1] - near[:, 0]).sum() * n_context
    pool, before, bounds = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(n_blocks + 1, np.int64)
    place = np.empty((n_anchors, n_context), np.int32)
    last = n_blocks - 1
    typed = np.empty(n_blocks + 1, np.int64)  # where each block begins
    typed[0], typed[n_blocks] = 0, target.shape[0]
    for b in range(1, n_blocks):
        typed[b] = gap[edges[b]]
    at_state, at_differs = np.zeros(n_blocks + 1, np.int64), np.zeros(n_blocks + 1, np.int64)
    for t in range(n_target):
        gather_pools(haplotype[t], edges, near, seat, bounds, pool, before, place)
        widest = 0
        for b in range(n_blocks):
            n = bounds[b + 1] - bounds[b]
            at_state[b + 1] = at_state[b] + n_chains * (edges[b + 1] + 1 - edges[b]) * n
            at_differs[b + 1] = at_differs[b] + (typed[b + 1] - typed[b]) * n
            widest = max(widest, n)
        states, differs = np.empty(at_state[n_blocks], np.float32), np.empty(at_differs[n_blocks], np.uint8)
        carried, spare = np.ones((n_chains, widest), np.float32), np.empty(widest, np.float32)
        for b in range(n_blocks):
            n = bounds[b + 1] - bounds[b]
            if b > 0:
                for i in range(n_chains):
                    _enter(carried[i], before[bounds[b] : bounds[b + 1]], bounds[b] - bounds[b - 1], spare)
            block_differs = differs[at_differs[b] : at_differs[b + 1]].reshape(typed[b + 1] - typed[b], n)
            _forward(
                panel, target[typed[b] : typed[b + 1], t], low + typed[b],
                gap[edges[b] : edges[b + 1] + 1] - typed[b], jump[:, typed[b] : typed[b + 1] + 1], odds,
                pool[bounds[b] : bounds[b + 1]], carried, block_differs,
                states[at_state[b] : at_state[b + 1]].reshape(n_chains, edges[b + 1] + 1 - edges[b], n),
            )  # fmt: skip
        carried[:] = 1
        for b in range(last, -1, -1):
            n, n_here = bounds[b + 1] - bounds[b], edges[b + 1] + 1 - edges[b]
            if b < last:
                for i in range(n_chains):
                    _enter_back(carried[i], before[bounds[b + 1] : bounds[b + 2]], n, spare)
            block_states = states[at_state[b] : at_state[b + 1]].reshape(n_chains, n_here, n)
            weighs = np.zeros((n_here, n), np.uint8)
            own = slice(edges[b], edges[b + 1] + (b == last))
            _backward(
                differs[at_differs[b] : at_differs[b + 1]].reshape(typed[b + 1] - typed[b], n),
                gap[edges[b] : edges[b + 1] + 1] - typed[b], jump[:, typed[b] : typed[b + 1] + 1], odds,
                first - typed[b], carried, block_states, place[own], weighs, posterior[t, own], agreement[t],
            )  # fmt: skip
            begin = edges[b] + 1 if b > 0 else 0
            states_pool = pool[bounds[b] : bounds[b + 1]]
            reached = reach(marks, states_pool, start[begin])
            for j in range(begin, edges[b + 1] + 1 + (b == last)):
                if start[j + 1] > start[j]:
                    copy_segment(
                        marks, states_pool, block_states, weighs, max(j - 1 - edges[b], 0),
                        min(j - edges[b], n_here - 1), share,
                        start[j : j + 2], common[j : j + 2], reached, dose[t],
                    )  # fmt: skip


def jump_probability(cm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (P, M + 1), the probability of a jump across each gap between typed variants at cm (M,) by each
    chain; nothing is jumped before the first and after the last.
    """
    length = np.concatenate([[0.0], np.maximum(np.diff(cm), 1e-6), [0.0]])
    return np.asarray(-np.expm1(-JUMPS_PER_CM[:, None] * length), np.float32)


def run_chains(
    window: TypedWindow,
    anchors: Anchors,
    context: Context,
    targets: slice,
    marks: HaplotypeMarks,
    segments: Segments,
    left_out: slice = slice(0, 0),
) -> Chains:
    """Run the chains over the typed variants of some targets, whose context this is, and copy what is marked
    at the variants that the segments cut. Of typed variants between anchors, those of left_out are also left
    out one by one.
    """
    n_chains = len(JUMPS_PER_CM)
    low, high = np.searchsorted(window.cm, [anchors.cm[0] - WARM_UP_CM, anchors.cm[-1] + WARM_UP_CM])
    target = np.ascontiguousarray(window.target[low:high, targets])
    posterior = np.empty((*context.haplotype.shape, n_chains), np.float32)
    dose = np.zeros((target.shape[1], len(segments.share), QUAD), np.float32)
    agreement = np.zeros((target.shape[1], left_out.stop - left_out.start), np.float32)
    blocks = Blocks.of(anchors.cm)
    _run(
        window.panel_words, target, low, anchors.gap - low,
        jump_probability(window.cm[low:high]), (ERRORS / (1 - ERRORS)).astype(np.float32),
        context.haplotype, blocks.edges, blocks.near,
        marks, segments.start, np.searchsorted(marks.common, segments.start), segments.share,
        left_out.start - low, posterior, dose, agreement,
    )  # fmt: skip
    return Chains(posterior, dose[:, :, :n_chains], agreement)
