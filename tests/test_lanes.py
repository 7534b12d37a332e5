"""Sums and products of a few numbers against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from spinimpute import lanes
from spinimpute.lanes import LANES, QUAD

IN_PLACE = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply,
    "raise_to": np.maximum, "lower_to": np.minimum,
}  # fmt: skip


def arrays() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    out, x, y = (rng.normal(size=(5, 3, LANES)).astype(np.float32) for _ in range(3))
    return out, x, y


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name: str) -> None:
    call = getattr(lanes, name)

    @njit  # type: ignore[untyped-decorator]
    def run(out: Any, i: int, x: Any, j: int) -> None:
        call(out, i, x, j)

    out, x, _ = arrays()
    expected = out.copy().ravel()
    expected[7 : 7 + LANES] = IN_PLACE[name](expected[7 : 7 + LANES], x.ravel()[40 : 40 + LANES])
    run(out, 7, x, 40)
    np.testing.assert_array_equal(out.ravel(), expected)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_products(n: int) -> None:
    @njit  # type: ignore[untyped-decorator]
    def run(out: Any, x: Any, y: Any, n: int) -> None:
        lanes.add_products(out, LANES, x, 2, LANES, y, 1, 3 * LANES, n)

    out, x, y = arrays()
    expected = out.copy().ravel()
    for p in range(n):
        first = x.ravel()[2 + p * LANES :][:LANES]
        expected[LANES : 2 * LANES] += first * y.ravel()[1 + p * 3 * LANES :][:LANES]
    run(out, x, y, n)
    np.testing.assert_allclose(out.ravel(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "count"), [("add_between", LANES), ("add_few_between", QUAD)])
def test_between(name: str, count: int) -> None:
    call = getattr(lanes, name)

    @njit  # type: ignore[untyped-decorator]
    def run(out: Any, x: Any, y: Any, share: Any) -> None:
        call(out, 5, x, 9, y, 2, share)

    out, x, y = arrays()
    expected, a, b = out.copy().ravel(), x.ravel()[9 : 9 + count], y.ravel()[2 : 2 + count]
    expected[5 : 5 + count] += a + np.float32(0.3) * (b - a)
    run(out, x, y, np.float32(0.3))
    np.testing.assert_allclose(out.ravel(), expected, rtol=1e-5)


@pytest.mark.parametrize("bits", [[], [0], [3, 17, 31]])
def test_subtract_set(bits: list[int]) -> None:
    @njit  # type: ignore[untyped-decorator]
    def run(out: Any, x: Any, word: Any) -> None:
        lanes.subtract_set(out, 3, x, word)

    out, *_ = arrays()
    x = np.random.default_rng(2).random((32, LANES), np.float32)
    expected = out.copy().ravel()
    expected[3 : 3 + LANES] -= x[bits].sum(axis=0)
    run(out, x, np.uint32(sum(1 << bit for bit in bits)))
    np.testing.assert_allclose(out.ravel(), expected, rtol=1e-5, atol=1e-6)


def test_turn_rows() -> None:
    @njit  # type: ignore[untyped-decorator]
    def run(out: Any, x: Any, places: Any) -> None:
        lanes.turn_rows(out, 2, 20, x, places, 5)

    rng = np.random.default_rng(3)
    x, places = rng.random(400, np.float32), rng.integers(0, 400 - LANES - 5, LANES)
    out = np.zeros(20 * LANES, np.float32)
    run(out, x, places)
    expected = np.zeros((LANES, 20), np.float32)
    expected[:, 2 : 2 + LANES] = np.array([x[place + 5 :][:LANES] for place in places]).T
    np.testing.assert_array_equal(out, expected.ravel())


def test_any_above() -> None:
    @njit  # type: ignore[untyped-decorator]
    def run(x: Any, i: int, least: Any) -> Any:
        return lanes.any_above(x, i, least)

    x = np.zeros(3 * QUAD, np.float32)
    x[QUAD + 2] = 0.5
    least = np.float32(0.4)
    assert [run(x, i, least) for i in range(len(x) - QUAD + 1)] == [
        i <= QUAD + 2 < i + QUAD for i in range(len(x) - QUAD + 1)
    ]
    assert not run(x, QUAD, np.float32(0.5))


@pytest.mark.parametrize("n", [0, LANES, 3 * LANES])
def test_total(n: int) -> None:
    @njit  # type: ignore[untyped-decorator]
    def run(x: Any, n: int) -> Any:
        return lanes.total(x, n)

    _, x, _ = arrays()
    assert run(x.ravel(), n) == pytest.approx(x.ravel()[:n].sum(dtype=np.float64), abs=1e-5)
