"""What a network is made of, compiled for the CPU: maps, activations, norms and softmax over small blocks.

A block (R, K, GROUP) holds R numbers of K haplotypes at GROUP anchors, anchors last: sums over haplotypes are
then sums of whole vectors, and a linear map of a block is one of (R, K GROUP).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import exp, kernel, part
from spinimpute.lanes import LANES, add, multiply, raise_to, subtract, turn_rows

# Anchors side by side.
GROUP = LANES
# Numbers of inputs and outputs of `add_linear` are multiples of this; maps are filled up with zeros.
TILE = 4
_ONE = np.float32(1)
# Added to a variance, as torch does.
_EPSILON = np.float32(1e-5)


@kernel  # type: ignore[untyped-decorator]
def add_linear(weight: NDArray[np.float32], x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Add weight (R, D) times x (D, N) to out (R, N); R and D are multiples of TILE."""
    for r in range(0, weight.shape[0], TILE):
        o0, o1, o2, o3 = out[r], out[r + 1], out[r + 2], out[r + 3]
        a, b, c, e = weight[r], weight[r + 1], weight[r + 2], weight[r + 3]
        for d in range(0, weight.shape[1], TILE):
            x0, x1, x2, x3 = x[d], x[d + 1], x[d + 2], x[d + 3]
            a0, a1, a2, a3 = a[d], a[d + 1], a[d + 2], a[d + 3]
            b0, b1, b2, b3 = b[d], b[d + 1], b[d + 2], b[d + 3]
            c0, c1, c2, c3 = c[d], c[d + 1], c[d + 2], c[d + 3]
            e0, e1, e2, e3 = e[d], e[d + 1], e[d + 2], e[d + 3]
            for i in range(x.shape[1]):
                p, q, s, t = x0[i], x1[i], x2[i], x3[i]
                o0[i] = o0[i] + a0 * p + a1 * q + a2 * s + a3 * t
                o1[i] = o1[i] + b0 * p + b1 * q + b2 * s + b3 * t
                o2[i] = o2[i] + c0 * p + c1 * q + c2 * s + c3 * t
                o3[i] = o3[i] + e0 * p + e1 * q + e2 * s + e3 * t


@kernel  # type: ignore[untyped-decorator]
def add_bias(bias: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Add bias (R,) to out (R, N)."""
    for r in range(out.shape[0]):
        row, b = out[r], bias[r]
        for i in range(row.shape[0]):
            row[i] += b


@kernel  # type: ignore[untyped-decorator]
def linear(
    weight: NDArray[np.float32], bias: NDArray[np.float32], x: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Set out (R, N) to weight (R, D) times x (D, N) plus bias (R,)."""
    for r in range(out.shape[0]):
        row, b = out[r], bias[r]
        for i in range(row.shape[0]):
            row[i] = b
    add_linear(weight, x, out)


@kernel  # type: ignore[untyped-decorator]
def silu(x: NDArray[np.float32]) -> None:
    """Replace x (R, N) by x / (1 + e^-x)."""
    for r in range(x.shape[0]):
        row = x[r]
        for i in range(row.shape[0]):
            row[i] = row[i] / (_ONE + exp(-row[i]))


@kernel  # type: ignore[untyped-decorator]
def layer_norm(
    x: NDArray[np.float32], width: int, weight: NDArray[np.float32], bias: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:  # fmt: skip
    """Set out (E, N) to x (E, N), normalised over its first `width` rows, times weight plus bias (E,)."""
    n = x.shape[1]
    mean, scale = np.zeros(n, np.float32), np.zeros(n, np.float32)
    for r in range(width):
        row = x[r]
        for i in range(n):
            mean[i] += row[i]
    share = _ONE / np.float32(width)
    for i in range(n):
        mean[i] *= share
    for r in range(width):
        row = x[r]
        for i in range(n):
            scale[i] += (row[i] - mean[i]) * (row[i] - mean[i])
    for i in range(n):
        scale[i] = _ONE / np.sqrt(scale[i] * share + _EPSILON)
    for r in range(width):
        row, to, w, b = x[r], out[r], weight[r], bias[r]
        for i in range(n):
            to[i] = (row[i] - mean[i]) * scale[i] * w + b


@kernel  # type: ignore[untyped-decorator]
def exponential(x: NDArray[np.float32]) -> None:
    """Replace x (R, N) by e^x."""
    for r in range(x.shape[0]):
        row = x[r]
        for i in range(row.shape[0]):
            row[i] = exp(row[i])


@kernel  # type: ignore[untyped-decorator]
def softmax(block: NDArray[np.float32]) -> None:
    """Replace scores (R, K, GROUP) by e^score, scaled to sum to one over K."""
    n_rows, n = block.shape[0], block.shape[1] * GROUP
    most, total = np.empty((n_rows, GROUP), np.float32), np.zeros((n_rows, GROUP), np.float32)
    for r in range(n_rows):
        for g in range(GROUP):
            most[r, g] = block[r, 0, g]
        for i in range(r * n, (r + 1) * n, GROUP):
            raise_to(most, r * GROUP, block, i)
        for i in range(r * n, (r + 1) * n, GROUP):
            subtract(block, i, most, r * GROUP)
    exponential(block.reshape(n_rows, n))
    for r in range(n_rows):
        for i in range(r * n, (r + 1) * n, GROUP):
            add(total, r * GROUP, block, i)
        for g in range(GROUP):
            total[r, g] = _ONE / total[r, g]
        for i in range(r * n, (r + 1) * n, GROUP):
            multiply(block, i, total, r * GROUP)


@part  # type: ignore[untyped-decorator]
def turn_in(
    rows: NDArray[np.float32], places: NDArray[np.int64], first: int, block: NDArray[np.float32], k: int
) -> None:
    """Set column k of block (R, K, GROUP) to R numbers for each anchor, from places (GROUP,) + first on."""
    n, step = block.shape[0], block.shape[1] * GROUP
    for r in range(0, n - LANES + 1, LANES):
        turn_rows(block, r * step + k * GROUP, step, rows, places, first + r)
    if n > LANES and n % LANES:
        # The last ones are turned together with some once more.
        turn_rows(block, (n - LANES) * step + k * GROUP, step, rows, places, first + n - LANES)
    elif n < LANES:
        for r in range(n):
            for g in range(GROUP):
                block[r, k, g] = rows[places[g] + first + r]


@part  # type: ignore[untyped-decorator]
def turn_out(block: NDArray[np.float32], first: int, end: int, out: NDArray[np.float32]) -> None:
    """Set out (A, K, R), its numbers in a row, to block (R, K, GROUP) at the anchors from first to end."""
    n, n_context, places = block.shape[0], block.shape[1], np.empty(LANES, np.int64)
    for r in range(LANES):
        places[r] = r * n_context * GROUP
    for k in range(n_context):
        at = (first * n_context + k) * n
        if end - first == GROUP and n % LANES == 0:
            for r in range(0, n, LANES):
                turn_rows(out, at + r, n_context * n, block, places, (r * n_context + k) * GROUP)
        else:
            for g in range(end - first):
                for r in range(n):
                    out[at + g * n_context * n + r] = block[r, k, g]
