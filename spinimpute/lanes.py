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
CONTRACT = ("contract",)


def vector_at(context: Any, builder: Any, kind: Any, array: Any, at: Any, lanes: int = LANES) -> Any:
    """A pointer to the numbers of an array from element `at` on, as many as there are lanes."""
    data = context.make_array(kind)(context, builder, array).data
    vector = ir.VectorType(context.get_data_type(kind.dtype), lanes)
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


def _in_place(combine: Any) -> Any:
    """Make a function (out, i, x, j) that combines out[i : i + LANES] with x[j : j + LANES]."""

    @intrinsic  # type: ignore[untyped-decorator]
    def call(typingctx: Any, out: Any, i: Any, x: Any, j: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            to = vector_at(context, builder, signature.args[0], args[0], args[1])
            source = vector_at(context, builder, signature.args[2], args[2], args[3])
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


def spread(builder: Any, number: Any, vector: Any) -> Any:
    """A vector, of that type, of one number."""
    word, none = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(none, number, ir.Constant(word, 0))
    return builder.shuffle_vector(
        first, none, ir.Constant(ir.VectorType(word, vector.count), [0] * vector.count)
    )


def zeros() -> Any:
    """A vector of zeros."""
    return ir.Constant(ir.VectorType(ir.FloatType(), LANES), [0.0] * LANES)


def sum_of(builder: Any, vector: Any) -> Any:
    """The sum of a vector's numbers, whose count is a power of two."""
    word = ir.IntType(32)
    while (lanes := vector.type.count) > 1:
        low, high = (
            builder.shuffle_vector(
                vector, ir.Constant(vector.type, ir.Undefined),
                ir.Constant(ir.VectorType(word, lanes // 2), list(range(first, first + lanes // 2))),
            )
            for first in (0, lanes // 2)
        )  # fmt: skip
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.Constant(word, 0))


@intrinsic  # type: ignore[untyped-decorator]
def add_products(
    typingctx: Any, out: Any, i: Any, x: Any, j: Any, x_step: Any, y: Any, k: Any, y_step: Any, n: Any
) -> Any:
    """Add to out[i : i + LANES] the sum of n products x[j : j + LANES] y[k : k + LANES], from one to the next
    of which j grows by x_step and k by y_step.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        to = vector_at(context, builder, kinds[0], args[0], args[1])
        total = cgutils.alloca_once_value(builder, builder.load(to, align=4))
        with cgutils.for_range(builder, args[8]) as loop:
            at_x = builder.add(args[3], builder.mul(loop.index, args[4]))
            at_y = builder.add(args[6], builder.mul(loop.index, args[7]))
            a = builder.load(vector_at(context, builder, kinds[2], args[2], at_x), align=4)
            b = builder.load(vector_at(context, builder, kinds[5], args[5], at_y), align=4)
            product = builder.fmul(a, b, flags=CONTRACT)
            builder.store(builder.fadd(builder.load(total), product, flags=CONTRACT), total)
        builder.store(builder.load(total), to, align=4)
        return context.get_dummy_value()

    size = types.int64
    return types.void(out, size, x, size, size, y, size, size, size), codegen


def _between(lanes: int) -> Any:
    """Make a function (out, i, x, j, y, k, share) that adds x + share (y - x), of as many numbers of x from j
    and of y from k on, to those of out from i on.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def call(typingctx: Any, out: Any, i: Any, x: Any, j: Any, y: Any, k: Any, share: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            to = vector_at(context, builder, kinds[0], args[0], args[1], lanes)
            a = builder.load(vector_at(context, builder, kinds[2], args[2], args[3], lanes), align=4)
            b = builder.load(vector_at(context, builder, kinds[4], args[4], args[5], lanes), align=4)
            risen = builder.fmul(builder.fsub(b, a), spread(builder, args[6], a.type), flags=CONTRACT)
            between = builder.fadd(a, risen, flags=CONTRACT)
            builder.store(builder.fadd(builder.load(to, align=4), between), to, align=4)
            return context.get_dummy_value()

        size = types.int64
        return types.void(out, size, x, size, y, size, types.float32), codegen

    return call


add_between = _between(LANES)
add_few_between = _between(QUAD)


@intrinsic  # type: ignore[untyped-decorator]
def subtract_set(typingctx: Any, out: Any, i: Any, x: Any, word: Any) -> Any:
    """Subtract x[s * LANES : (s + 1) * LANES] from out[i : i + LANES] for every bit s that is set in a
    uint32.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        to = vector_at(context, builder, kinds[0], args[0], args[1])
        total = cgutils.alloca_once_value(builder, builder.load(to, align=4))
        rest = cgutils.alloca_once_value(builder, args[3])
        with cgutils.for_range(builder, builder.ctpop(args[3])):
            word = builder.load(rest)
            lowest = builder.cttz(word, ir.Constant(ir.IntType(1), 1))
            at = builder.mul(builder.zext(lowest, ir.IntType(64)), ir.Constant(ir.IntType(64), LANES))
            row = builder.load(vector_at(context, builder, kinds[2], args[2], at), align=4)
            builder.store(builder.fsub(builder.load(total), row), total)
            builder.store(builder.and_(word, builder.sub(word, ir.Constant(word.type, 1))), rest)
        builder.store(builder.load(total), to, align=4)
        return context.get_dummy_value()

    return types.void(out, types.int64, x, types.uint32), codegen


def _swap(builder: Any, rows: list[Any]) -> list[Any]:
    """Turn LANES vectors of LANES numbers around, exchanging blocks of half of them, a quarter and so on."""
    size = LANES
    while (size := size // 2) > 0:
        lanes = range(LANES)
        upper = [lane if not lane & size else LANES + lane - size for lane in lanes]
        lower = [lane + size if not lane & size else LANES + lane for lane in lanes]
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), LANES), mask) for mask in (upper, lower)]
        for r in (r for r in lanes if not r & size):
            pair = rows[r], rows[r + size]
            rows[r], rows[r + size] = (builder.shuffle_vector(*pair, mask) for mask in masks)
    return rows


@intrinsic  # type: ignore[untyped-decorator]
def turn_rows(typingctx: Any, out: Any, i: Any, step: Any, x: Any, places: Any, j: Any) -> Any:
    """Set the LANES rows of out that begin at i, i + step, ... to the columns of rows of x: LANES numbers
    from places[r] + j on each, of places (LANES,) int64.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds, size = signature.args, ir.IntType(64)
        places = context.make_array(kinds[4])(context, builder, args[4]).data
        rows = []
        for r in range(LANES):
            place = builder.load(builder.gep(places, [ir.Constant(size, r)]))
            at = builder.add(place, args[5])
            rows.append(builder.load(vector_at(context, builder, kinds[3], args[3], at), align=4))
        at = args[1]
        for column in _swap(builder, rows):
            builder.store(column, vector_at(context, builder, kinds[0], args[0], at), align=4)
            at = builder.add(at, args[2])
        return context.get_dummy_value()

    return types.void(out, types.int64, types.int64, x, places, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def any_above(typingctx: Any, x: Any, i: Any, least: Any) -> Any:
    """Whether one of x[i : i + QUAD] is greater than least."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        numbers = builder.load(
            vector_at(context, builder, signature.args[0], args[0], args[1], QUAD), align=4
        )
        above = builder.fcmp_ordered(">", numbers, spread(builder, args[2], numbers.type))
        mask = builder.bitcast(above, ir.IntType(QUAD))
        return builder.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0))

    return types.boolean(x, types.int64, types.float32), codegen


@intrinsic  # type: ignore[untyped-decorator]
def total(typingctx: Any, x: Any, n: Any) -> Any:
    """The sum of x[:n], where n is a multiple of LANES."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sums = cgutils.alloca_once_value(builder, zeros())
        steps = ir.Constant(args[1].type, LANES)
        with cgutils.for_range(builder, builder.sdiv(args[1], steps)) as loop:
            at = builder.mul(loop.index, steps)
            more = builder.load(vector_at(context, builder, signature.args[0], args[0], at), align=4)
            builder.store(builder.fadd(builder.load(sums), more), sums)
        return sum_of(builder, builder.load(sums))

    return types.float32(x, types.int64), codegen
