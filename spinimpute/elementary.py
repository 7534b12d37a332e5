"""exp and log of float32 to about 1e-7, of which the compiler makes vectors in loops: those of the system it
would call one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Leaves products and sums free to become one instruction, and ignores signs of zeros, infinities and NaN.
# Sums are never put in another order (no `reassoc`), so that it does not matter what a kernel is compiled
# with (tests/test_compilation.py). Checks of division would keep loops from becoming vectors.
_FLAGS = {
    "cache": True,
    "nogil": True,
    "fastmath": {"contract", "nsz", "nnan", "ninf"},
    "error_model": "numpy",
}
kernel = njit(**_FLAGS)
# Only for other kernels: what would let Python call it takes as long to compile as the kernel itself.
part = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_FLAGS)

_LOG2E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
# Added to a small number it leaves the nearest whole one in the lowest bits.
_ROUND = np.float32(12582912.0)
_LEAST, _MOST = np.float32(-87.0), np.float32(88.0)
_HALF, _ONE, _ROOT_HALF = np.float32(0.5), np.float32(1.0), np.float32(0.70710677)
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
    """Return e^x, a float32, to about 1e-7 of itself for x up to 88."""
    x = min(max(x, _LEAST), _MOST)
    rounded = x * _LOG2E + _ROUND
    n = rounded - _ROUND
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
    return (p * r * r + r + _ONE) * _power_of_two(rounded)


@kernel  # type: ignore[untyped-decorator]
def log(x: Any) -> Any:
    """Return ln x, a float32, to about 1e-7 for normal x > 0."""
    n, m = _exponent(x), _mantissa(x)
    below = _ONE if m < _ROOT_HALF else np.float32(0)
    n -= below
    m += below * m - _ONE
    z = m * m
    p = (((((((_L0 * m + _L1) * m + _L2) * m + _L3) * m + _L4) * m + _L5) * m + _L6) * m + _L7) * m + _L8
    return p * m * z + n * _LN2_LOW - _HALF * z + m + n * _LN2_HIGH
