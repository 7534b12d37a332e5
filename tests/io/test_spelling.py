from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spinimpute.io.spelling import join_texts, spell_numbers, to_ticks

# Halves of the last decimal that a float holds exactly, and the numbers beside them.
HALVES = [1 / 128, 3 / 128, 5 / 32, 0.5, 0.00005, 0.00015, 0.0000005, 0.1234565, 0.9999995, 0.99995]
NEAR = [float(np.nextafter(half, side)) for half in HALVES for side in (0, 1)]
shares = st.one_of(
    st.floats(0, 1),
    st.sampled_from(HALVES + NEAR),
    st.integers(0, 10**7).map(lambda n: n / 10**7),
    st.integers(0, 4096).map(lambda n: n / 4096),
)


@given(st.lists(shares, max_size=30), st.sampled_from([4, 6]))
@example([*HALVES, *NEAR, 0.0, 1.0], 4)
@example([*HALVES, *NEAR, 0.0, 1.0], 6)
def test_rounding_is_that_of_formatting(values: list[float], decimals: int) -> None:
    found = to_ticks(np.array(values, np.float64), decimals)
    assert found.tolist() == [int(f"{value:.{decimals}f}".replace(".", "")) for value in values]


def text(row: np.ndarray) -> str:
    return bytes(row[row != 0]).decode()


@given(st.lists(st.one_of(shares, st.just(np.nan)), max_size=12), st.sampled_from([4, 6]))
def test_numbers(values: list[float], decimals: int) -> None:
    is_first = np.arange(len(values)) % 3 == 0
    rows = spell_numbers(b";DR2=", np.array(values, np.float64), decimals, is_first)
    for value, first, row in zip(values, is_first, rows, strict=True):
        number = "." if np.isnan(value) else f"{value:.{decimals}f}"
        assert text(row) == (";DR2=" if first else ",") + number


def test_texts_are_joined_by_record() -> None:
    def rows(*words: str) -> np.ndarray:
        return np.array([word.encode() for word in words]).view(np.uint8).reshape(len(words), -1)

    texts = [rows("a", "bcd", "e"), rows("F", "G"), rows("1", "", "345")]
    joined, ends = join_texts(texts, [np.array([0, 0, 2]), np.array([2, 0]), np.arange(3)])
    assert bytes(joined) == b"abcdG1" + b"eF345"
    assert ends.tolist() == [6, 6, 11]


@pytest.mark.parametrize("decimals", [4, 6])
def test_nan_is_no_number(decimals: int) -> None:
    assert to_ticks(np.array([np.nan, 0.25]), decimals).tolist() == [-1, 25 * 10 ** (decimals - 2)]
