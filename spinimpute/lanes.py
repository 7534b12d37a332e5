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
# Few numbers that are always used together lie in so many.
QUAD = 4
# Leaves a product and a sum free to become one instruction.
_FAST = ("contract",)


def _vector(context: Any, builder: Any, kind: Any, array: Any, at: Any, lanes: int = LANES) -> Any:
    """A pointer to the numbers of an array from element `at` on, as many as there are lanes."""
    data = context.make_array(kind)(context, builder, array).data
    vector = ir.VectorType(ir.FloatType(), lanes)
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


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """A vector of one number."""
    word, none = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(none, number, ir.Constant(word, 0))
    return builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(word, vector.count), [0] * vector.count))


@intrinsic  # type: ignore[untyped-decorator]
def add_scaled(typingctx: Any, out: Any, i: Any, x: Any, j: Any, factor: Any) -> Any:
    """Add factor times x[j : j + LANES] to out[i : i + LANES]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to = _vector(context, builder, signature.args[0], args[0], args[1])
        source = builder.load(_vector(context, builder, signature.args[2], args[2], args[3]), align=4)
        product = builder.fmul(source, _spread(builder, args[4], source.type), flags=_FAST)
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


@intrinsic  # type: ignore[untyped-decorator]
def add_between(typingctx: Any, out: Any, i: Any, x: Any, y: Any, j: Any, share: Any) -> Any:
    """Add x + share (y - x), of x[j : j + QUAD] and y[j : j + QUAD], to out[i : i + QUAD]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        to = _vector(context, builder, kinds[0], args[0], args[1], QUAD)
        a = builder.load(_vector(context, builder, kinds[2], args[2], args[4], QUAD), align=4)
        b = builder.load(_vector(context, builder, kinds[3], args[3], args[4], QUAD), align=4)
        risen = builder.fmul(builder.fsub(b, a), _spread(builder, args[5], a.type), flags=_FAST)
        between = builder.fadd(a, risen, flags=_FAST)
        builder.store(builder.fadd(builder.load(to, align=4), between), to, align=4)
        return context.get_dummy_value()

    return types.void(out, types.int64, x, y, types.int64, types.float32), codegen
