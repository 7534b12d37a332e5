"""Sums and products of a few float32 side by side, as vector instructions in compiled kernels.

Arrays are contiguous, of any number of axes; places in them are those of their flat elements. The compiler
does not make such short loops vectors by itself, as the arrays might overlap.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
# Leaves a product and a sum free to become one instruction.
_FAST = ("contract",)


def _vector(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """A pointer to the LANES numbers of an array from element `at` on."""
    data = context.make_array(kind)(context, builder, array).data
    vector = ir.VectorType(ir.FloatType(), LANES)
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


def _in_place(combine: Any) -> Any:
    """Make a function (out, i, x, j) that combines out[i : i + LANES] with x[j : j + LANES]."""

    @intrinsic  # type: ignore[untyped-decorator]
    def call(typingctx: Any, out: Any, i: Any, x: Any, j: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            to = _vector(context, builder, signature.args[0], args[0], args[1])
            source = _vector(context, builder, signature.args[2], args[2], args[3])
            old, new = builder.load(to, align=4), builder.load(source, align=4)
            builder.store(combine(builder, old, new), to, align=4)
            return context.get_dummy_value()

        return types.void(out, types.int64, x, types.int64), codegen

    return call


add = _in_place(lambda builder, a, b: builder.fadd(a, b))
subtract = _in_place(lambda builder, a, b: builder.fsub(a, b))
multiply = _in_place(lambda builder, a, b: builder.fmul(a, b))
lower_to = _in_place(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))
raise_to = _in_place(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))


@intrinsic  # type: ignore[untyped-decorator]
def add_scaled(typingctx: Any, out: Any, i: Any, x: Any, j: Any, factor: Any) -> Any:
    """Add factor times x[j : j + LANES] to out[i : i + LANES]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to = _vector(context, builder, signature.args[0], args[0], args[1])
        source = builder.load(_vector(context, builder, signature.args[2], args[2], args[3]), align=4)
        vector, word = source.type, ir.IntType(32)
        first = builder.insert_element(ir.Constant(vector, ir.Undefined), args[4], ir.Constant(word, 0))
        lanes = ir.Constant(ir.VectorType(word, LANES), [0] * LANES)
        factors = builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), lanes)
        product = builder.fmul(source, factors, flags=_FAST)
        builder.store(builder.fadd(builder.load(to, align=4), product, flags=_FAST), to, align=4)
        return context.get_dummy_value()

    return types.void(out, types.int64, x, types.int64, types.float32), codegen


@intrinsic  # type: ignore[untyped-decorator]
def add_products(
    typingctx: Any, out: Any, i: Any, x: Any, j: Any, x_step: Any, y: Any, k: Any, y_step: Any, n: Any
) -> Any:
    """Add to out[i : i + LANES] the sum of n products x[j : j + LANES] y[k : k + LANES], from one to the next
    of which j grows by x_step and k by y_step.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        to = _vector(context, builder, kinds[0], args[0], args[1])
        total = cgutils.alloca_once_value(builder, builder.load(to, align=4))
        with cgutils.for_range(builder, args[8]) as loop:
            at_x = builder.add(args[3], builder.mul(loop.index, args[4]))
            at_y = builder.add(args[6], builder.mul(loop.index, args[7]))
            a = builder.load(_vector(context, builder, kinds[2], args[2], at_x), align=4)
            b = builder.load(_vector(context, builder, kinds[5], args[5], at_y), align=4)
            product = builder.fmul(a, b, flags=_FAST)
            builder.store(builder.fadd(builder.load(total), product, flags=_FAST), total)
        builder.store(builder.load(total), to, align=4)
        return context.get_dummy_value()

    size = types.int64
    return types.void(out, size, x, size, size, y, size, size, size), codegen
