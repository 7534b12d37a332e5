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

from spinimpute.bits import masked, trailing_zeros
from spinimpute.copying import Segments
from spinimpute.left_out import leave_one_out
from spinimpute.marks import HaplotypeMarks, skip_before
from spinimpute.mismatches import list_mismatches
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _pool(haplotype: NDArray[np.int32], seat: NDArray[np.int32], pool: NDArray[np.int32]) -> int:
    """List the distinct haplotypes of all contexts (A, K); seat gives each its place, -1 elsewhere. Return
    how many.
    """
    n = 0
    for a in range(haplotype.shape[0]):
        for k in range(haplotype.shape[1]):
            if seat[haplotype[a, k]] < 0:
                seat[haplotype[a, k]] = n
                pool[n] = haplotype[a, k]
                n += 1
    return n


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
    out: NDArray[np.float32],
) -> None:
    """Fill out (A, S): the probability of each state at the gaps given the typed variants on one side of
    them.

    jump (M + 1,) is the probability of a jump across each gap, from the variant before it; 0 at either end.
    """
    (n_typed, n), n_anchors = differs.shape, gap.shape[0]
    state = np.empty(n, np.float32)
    for s in range(n):
        state[s] = np.float32(1)
    total = np.float32(n)
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
def _add(
    base: NDArray[np.float32], rise: NDArray[np.float32], share: np.float32, dose: NDArray[np.float32]
) -> None:
    for i in range(N_CHAINS):
        dose[i] += base[i] + share * rise[i]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _copy_segment(
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
    """Add to dose (V, P) what the states of posterior (P, A, S) that weigh (A, S) at either anchor carry in a
    segment, whose bounds (2,) are given among all and among common variants.

    Segments come one after the other: reached (S,) is how far each state's list of rare variants was read.
    """
    base, rise = np.empty(N_CHAINS, np.float32), np.empty(N_CHAINS, np.float32)
    for s in range(pool.shape[0]):
        if not (weighs[left, s] or weighs[right, s]):
            continue
        for i in range(N_CHAINS):
            base[i] = posterior[i, left, s]
            rise[i] = posterior[i, right, s] - base[i]
        end = marks.starts[pool[s] + 1]
        at = skip_before(marks.rare, reached[s], end, bounds[0])
        while at < end and marks.rare[at] < bounds[1]:
            _add(base, rise, share[marks.rare[at]], dose[marks.rare[at]])
            at += 1
        reached[s] = at
        if common[0] == common[1]:
            continue
        for w in range(common[0] >> 6, ((common[1] - 1) >> 6) + 1):
            word = masked(marks.words[pool[s], w], w, common[0], common[1])
            while word != 0:
                v = marks.common[(w << 6) + trailing_zeros(word)]
                word &= word - np.uint64(1)
                _add(base, rise, share[v], dose[v])


@njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _weigh(
    differs: NDArray[np.uint8],
    gap: NDArray[np.int64],
    jump: NDArray[np.float32],
    odds: NDArray[np.float32],
    seat: NDArray[np.int32],
    haplotype: NDArray[np.int32],
    first: int,
    states: NDArray[np.float32],
    weighs: NDArray[np.uint8],
    posterior: NDArray[np.float32],
    agreement: NDArray[np.float32],
) -> None:
    """Fill, for one target, states (P, A, S) and weighs (A, S) for copying, posterior (A, K, P) of its
    context haplotype (A, K), and agreement (M,) from the typed variant `first` on.
    """
    beyond = np.empty(states.shape[1:], np.float32)
    for i in range(states.shape[0]):
        _sweep(differs, gap, jump[i], odds[i], False, states[i])
        _sweep(differs, gap, jump[i], odds[i], True, beyond)
        if i == LEFT_OUT:
            leave_one_out(differs, gap, jump[i], odds[i], states[i], beyond, first, agreement)
        _combine(states[i], beyond, gap, jump[i])
        for a in range(haplotype.shape[0]):
            for k in range(haplotype.shape[1]):
                posterior[a, k, i] = states[i, a, seat[haplotype[a, k]]]
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
    marks: HaplotypeMarks,
    start: NDArray[np.int64],
    common: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    share: NDArray[np.float32],
    first: int,
    posterior: NDArray[np.float32],
    dose: NDArray[np.float32],
    agreement: NDArray[np.float32],
) -> None:
    """Fill posterior (T, A, K, P), dose (T, V, P) and agreement (T, M); target is typed at panel variants
    from low on, and left out from first on.
    """
    n_target, n_anchors, _ = haplotype.shape
    n_chains = jump.shape[0]
    seat = np.full(panel.shape[0], -1, np.int32)
    pool = np.empty(panel.shape[0], np.int32)
    for t in range(n_target):
        n = _pool(haplotype[t], seat, pool)
        states = np.empty((n_chains, n_anchors, n), np.float32)
        differs = np.empty((target.shape[0], n), np.uint8)
        list_mismatches(panel, target[:, t], low, pool[:n], differs)
        weighs = np.zeros((n_anchors, n), np.uint8)
        _weigh(
            differs, gap, jump, odds, seat, haplotype[t], first, states, weighs, posterior[t], agreement[t]
        )
        reached = marks.starts[pool[:n]]
        for j in range(left.shape[0]):
            if start[j + 1] > start[j]:
                _copy_segment(
                    marks, pool[:n], states, weighs, left[j], right[j], share,
                    start[j : j + 2], common[j : j + 2], reached, dose[t],
                )  # fmt: skip
        for s in range(n):
            seat[pool[s]] = -1


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
    dose = np.zeros((target.shape[1], len(segments.share), n_chains), np.float32)
    agreement = np.zeros((target.shape[1], left_out.stop - left_out.start), np.float32)
    _run(
        window.panel_words, target, low, anchors.gap - low,
        jump_probability(window.cm[low:high]), (ERRORS / (1 - ERRORS)).astype(np.float32),
        context.haplotype, marks, segments.start, np.searchsorted(marks.common, segments.start),
        segments.left, segments.right, segments.share, left_out.start - low,
        posterior, dose, agreement,
    )  # fmt: skip
    return Chains(posterior, dose, agreement)
