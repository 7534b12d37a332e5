"""A Li-Stephens chain in one block of anchors.

Its n states are the first of S in every array; what is beyond them, up to the next multiple of LANES, weighs
nothing. differs (M, S) is 1 where a state's allele is not the target's at a typed variant, 0 where it is, and
BEYOND beyond the states.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from spinimpute.elementary import part
from spinimpute.lanes import CONTRACT, LANES, spread, sum_of, total, vector_at, zeros

# States this much less likely than all being equal copy nothing: they are many and weigh little.
NEGLIGIBLE = 0.1
_ONE = np.float32(1)
BEYOND = 2


@part  # type: ignore[untyped-decorator]
def filled(n: int) -> int:
    """The next multiple of LANES."""
    return -(-n // LANES) * LANES


@intrinsic  # type: ignore[untyped-decorator]
def _move(
    typingctx: Any, state: Any, differs: Any, stay: Any, base: Any, odds: Any, moved: Any, n: Any
) -> Any:
    """Set moved (S,) to stay x state + base, 0 beyond the states, and state (S,) to that, times odds where it
    differs; return its sum over the first n, a multiple of LANES.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        sums = cgutils.alloca_once_value(builder, zeros())
        stays, bases, penalties = (spread(builder, number, zeros().type) for number in args[2:5])
        with cgutils.for_range(builder, builder.sdiv(args[6], ir.Constant(args[6].type, LANES))) as loop:
            at = builder.mul(loop.index, ir.Constant(args[6].type, LANES))
            to, by = (vector_at(context, builder, kinds[i], args[i], at) for i in (0, 5))
            unlike = builder.load(vector_at(context, builder, kinds[1], args[1], at), align=1)
            beyond, differing = (
                builder.icmp_unsigned("==", unlike, ir.Constant(unlike.type, [kind] * LANES))
                for kind in (BEYOND, 1)
            )
            product = builder.fmul(builder.load(to, align=4), stays, flags=CONTRACT)
            here = builder.select(beyond, zeros(), builder.fadd(product, bases, flags=CONTRACT))
            builder.store(here, by, align=4)
            told = builder.select(differing, builder.fmul(here, penalties), here)
            builder.store(told, to, align=4)
            builder.store(builder.fadd(builder.load(sums), told), sums)
        return sum_of(builder, builder.load(sums))

    number = types.float32
    return number(state, differs, number, number, number, moved, types.int64), codegen


@part  # type: ignore[untyped-decorator]
def step(
    state: NDArray[np.float32], scale: np.float32, differs: NDArray[np.uint8], odds: np.float32,
    jump: np.float32, n: int, moved: NDArray[np.float32],
) -> np.float32:  # fmt: skip
    """Move (S,) weights of n states, which sum to scale, across a jump and over one typed variant; return
    their new sum.

    They are divided by the old sum on the way. moved (S,) becomes the weights between jump and variant.
    """
    stay, base = (_ONE - jump) / scale, jump / np.float32(n)
    return np.float32(_move(state, differs, stay, base, odds, moved, filled(n)))


@part  # type: ignore[untyped-decorator]
def sweep_right(
    differs: NDArray[np.uint8], gap: NDArray[np.int64], jump: NDArray[np.float32], odds: np.float32, n: int,
    state: NDArray[np.float32], moved: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill out (A, S): the probability of each state at the gaps given the typed variants left of them, from
    weights state (S,) on, which become those of the last gap.

    jump (M + 1,) is the probability of a jump across each gap, from the variant before it.
    """
    size = filled(n)
    scale, at = total(state, size), 0
    for a in range(gap.shape[0]):
        for m in range(at, gap[a]):
            scale = step(state, scale, differs[m], odds, jump[m], n, moved)
        at = gap[a]
        for s in range(size):
            out[a, s] = state[s] / scale


@part  # type: ignore[untyped-decorator]
def sweep_left(
    differs: NDArray[np.uint8], gap: NDArray[np.int64], jump: NDArray[np.float32], odds: np.float32, n: int,
    state: NDArray[np.float32], moved: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:  # fmt: skip
    """The same given what lies right of the gaps, from the weights at the right end on."""
    size = filled(n)
    scale, at = total(state, size), differs.shape[0]
    for a in range(gap.shape[0] - 1, -1, -1):
        for m in range(at - 1, gap[a] - 1, -1):
            scale = step(state, scale, differs[m], odds, jump[m + 1], n, moved)
        at = gap[a]
        for s in range(size):
            out[a, s] = state[s] / scale


@part  # type: ignore[untyped-decorator]
def combine(
    left: NDArray[np.float32], right: NDArray[np.float32], gap: NDArray[np.int64], jump: NDArray[np.float32],
    n: int,
) -> None:  # fmt: skip
    """Turn left (A, S) into the posterior of each state, given what lies left and right of each gap."""
    size = filled(n)
    for a in range(left.shape[0]):
        before, after = left[a], right[a]
        # The jump across the anchor's own gap lies between the two sides.
        stay = _ONE - jump[gap[a]]
        base = jump[gap[a]] / np.float32(n)
        for s in range(size):
            before[s] *= stay * after[s] + base
        scale = _ONE / total(before, size)
        for s in range(size):
            before[s] *= scale


@part  # type: ignore[untyped-decorator]
def drop_negligible(posterior: NDArray[np.float32], n: int, weighs: NDArray[np.uint8]) -> None:
    """Set small ones of (A, S) probabilities to zero and mark the others in weighs; they sum to one again."""
    size, least = filled(n), np.float32(NEGLIGIBLE / n)
    for a in range(posterior.shape[0]):
        row, marked = posterior[a], weighs[a]
        for s in range(size):
            marked[s] |= np.uint8(row[s] >= least)
            row[s] = row[s] if row[s] >= least else np.float32(0)
        scale = _ONE / total(row, size)
        for s in range(size):
            row[s] *= scale


@part  # type: ignore[untyped-decorator]
def enter_right(
    old: NDArray[np.float32], n_old: int, before: NDArray[np.int32], state: NDArray[np.float32]
) -> None:
    """Set state (S,) to the weights of a block's states, which were before (n,) in the block on the left, or
    -1, and had weights old (S,) there. Who is not in this block jumps to any state of it.
    """
    gone, n = total(old, filled(n_old)), before.shape[0]
    for s in range(n):
        if before[s] >= 0:
            gone -= old[before[s]]
    gone = max(gone, np.float32(0)) / np.float32(n)
    state[:] = 0
    for s in range(n):
        state[s] = gone + (old[before[s]] if before[s] >= 0 else np.float32(0))


@part  # type: ignore[untyped-decorator]
def enter_left(
    old: NDArray[np.float32], n: int, before: NDArray[np.int32], state: NDArray[np.float32]
) -> None:
    """Set state (S,) to what the n states of a block are worth by what lies right of it, where the states of
    the block on the right are worth old (S,) and were before in this one, or -1.
    """
    mean = total(old, filled(before.shape[0])) / np.float32(before.shape[0])
    state[:] = 0
    for s in range(n):
        state[s] = mean
    for s in range(before.shape[0]):
        if before[s] >= 0:
            state[before[s]] = old[s]
