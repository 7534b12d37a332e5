"""benchmarks/scaling: exponents, and points that are measured in their own process."""

from __future__ import annotations

import math

import pytest
import torch

from benchmarks.scaling.point import encoder
from benchmarks.scaling.run import METHODS, Point, Sizes, curve, measure, slope, table


def test_slope_is_the_exponent_of_the_largest_sizes() -> None:
    sizes = [1, 10, 20, 40, 80]
    assert slope(sizes, [7.0, *(3.0 * size**2 for size in sizes[1:])]) == pytest.approx(2)
    assert math.isnan(slope([3], [1.0]))


@pytest.mark.parametrize("method", METHODS)
def test_encoders_take_tables_of_any_size(method: str) -> None:
    _, encode = encoder(method, attributes=12)
    encoded = encode(torch.randn(6, 12, 8))
    assert encoded.shape[0] in (6, 10)  # datapoints, or inducing points


def test_a_point_is_measured_and_tabulated() -> None:
    point = measure("spin", "datapoints", 16, Sizes((16,), 12, (12,), 16, 12), "cpu", repeats=1)
    assert point.seconds is not None
    assert point.seconds > 0
    lacking = Point("npt", "datapoints", 16, None, None)
    assert curve([point, lacking], "npt", "datapoints", "seconds") == ([], [])
    text = table([point, Point("spin", "datapoints", 32, 2 * point.seconds, 5.0), lacking])
    assert "| SPIN encoder | datapoints | 1.00 |" in text


def test_only_the_encoder_whose_weights_stay_small_gets_wide_tables() -> None:
    points = list(Sizes((16, 32), 12, (12, 24), 16, 12).points())
    assert {method for axis, size, method in points if (axis, size) == ("attributes", 12)} == set(METHODS)
    assert {method for axis, size, method in points if (axis, size) == ("attributes", 24)} == {"spin"}
    assert len(points) == 3 * len(METHODS) + 1
