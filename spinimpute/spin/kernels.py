"""What a network is made of, compiled for the CPU: maps, activations, norms and softmax over small blocks.

A block (R, K, GROUP) holds R numbers of K haplotypes at GROUP anchors, anchors last: sums over haplotypes are
then sums of whole vectors, and a linear map of a block is one of (R, K GROUP). Sums are never put in another
order (no `reassoc`), so that it does not matter what a kernel is compiled with (tests/test_compilation.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from spinimpute.lanes import LANES, add, multiply, raise_to, subtract

# Anchors side by side.
GROUP = LANES
# Numbers of inputs and outputs of `add_linear` are multiples of this; maps are filled up with zeros.
TILE = 4
# Leaves products and sums free to become one instruction, and ignores signs of zeros, infinities and NaN.
_MATHS = {"contract", "nsz", "nnan", "ninf"}
kernel = njit(cache=True, nogil=True, fastmath=_MATHS, error_model="numpy")

_LOG2E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
# Added to a small number it leaves the nearest whole one in the lowest bits.
_ROUND = np.float32(12582912.0)
_LEAST, _MOST = np.float32(-87.0), np.float32(88.0)
_HALF, _ONE, _ROOT_HALF = np.float32(0.5), np.float32(1.0), np.float32(0.70710677)
_EPSILON = np.float32(1e-5)
# Cephes' single precision polynomials for exp and log.
_E0, _E1, _E2 = np.float32(1.9875691e-4), np.float32(1.3981999e-3), np.float32(8.3334519e-3)
_E3, _E4, _E5 = np.float32(4.1665796e-2), np.float32(1.6666665e-1), np.float32(5.0000001e-1)
_L0, _L1, _L2 = np.float32(7.0376836e-2), np.float32(-1.1514610e-1), np.float32(1.1676998e-1)
_L3, _L4, _L5 = np.float32(-1.2420141e-1), np.float32(1.4249323e-1), np.float32(-1.6668057e-1)
_L6, _L7, _L8 = np.float32(2.0000714e-1), np.float32(-2.4999994e-1), np.float32(3.3333331e-1)


@intrinsic  # type: ignore[untyped-decorator]
def _power_of_two(typingctx: Any, rounded: Any) -> Any:
    """Return 2^n for n + _ROUND."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(32)
        bits = builder.shl(builder.bitcast(args[0], word), ir.Constant(word, 23))
        return builder.bitcast(builder.add(bits, ir.Constant(word, 127 << 23)), ir.FloatType())

    return types.float32(types.float32), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _exponent(typingctx: Any, x: Any) -> Any:
    """Return the n for which x = m 2^n, m from .5 to 1, of a positive number."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(32)
        bits = builder.lshr(builder.bitcast(args[0], word), ir.Constant(word, 23))
        return builder.sitofp(builder.sub(bits, ir.Constant(word, 126)), ir.FloatType())

    return types.float32(types.float32), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _mantissa(typingctx: Any, x: Any) -> Any:
    """Return the m for which x = m 2^n, m from .5 to 1, of a positive number."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(32)
        bits = builder.and_(builder.bitcast(args[0], word), ir.Constant(word, 0x007FFFFF))
        return builder.bitcast(builder.or_(bits, ir.Constant(word, 0x3F000000)), ir.FloatType())

    return types.float32(types.float32), codegen


@kernel  # type: ignore[untyped-decorator]
def exp(x: Any) -> Any:
    """Return e^x, a float32, to about 1e-7 of itself for x up to 88; as a vector if called in a loop."""
    x = min(max(x, _LEAST), _MOST)
    rounded = x * _LOG2E + _ROUND
    n = rounded - _ROUND
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
    return (p * r * r + r + _ONE) * _power_of_two(rounded)


@kernel  # type: ignore[untyped-decorator]
def log(x: Any) -> Any:
    """Return ln x, a float32, to about 1e-7 for normal x > 0; as a vector if called in a loop."""
    n, m = _exponent(x), _mantissa(x)
    below = _ONE if m < _ROOT_HALF else np.float32(0)
    n -= below
    m += below * m - _ONE
    z = m * m
    p = (((((((_L0 * m + _L1) * m + _L2) * m + _L3) * m + _L4) * m + _L5) * m + _L6) * m + _L7) * m + _L8
    return p * m * z + n * _LN2_LOW - _HALF * z + m + n * _LN2_HIGH


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
