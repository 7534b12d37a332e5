"""Marks by variant and by haplotype against the matrix that they stand for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spinimpute.marks import HaplotypeMarks, VariantMarks, skip_before, skip_far


def random_marks(seed: int, variants: int, haplotypes: int) -> NDArray[np.bool_]:
    """Rare and common variants, and some that nobody carries."""
    rng = np.random.default_rng(seed)
    return rng.random((variants, haplotypes)) < rng.choice([0, 0.01, 0.05, 0.4], (variants, 1))


matrices = st.builds(
    random_marks, st.integers(0, 1000), st.integers(0, 150), st.sampled_from([1, 7, 64, 201])
)


@given(matrices)
@settings(deadline=None, max_examples=60)
def test_by_variant(matrix: NDArray[np.bool_]) -> None:
    marks = VariantMarks.of(matrix)
    np.testing.assert_array_equal(marks.dense(), matrix)
    np.testing.assert_array_equal(marks.count, matrix.sum(axis=1))
    np.testing.assert_array_equal(marks.row < 0, 32 * matrix.sum(axis=1) <= matrix.shape[1])
    for v in np.flatnonzero(marks.row < 0):
        listed = marks.carriers[marks.starts[v] : marks.starts[v + 1]]
        assert listed.tolist() == np.flatnonzero(matrix[v]).tolist()


@given(matrices, st.data())
@settings(deadline=None, max_examples=60)
def test_some_variants_and_haplotypes(matrix: NDArray[np.bool_], data: st.DataObject) -> None:
    marks = VariantMarks.of(matrix)
    n_variants, n = matrix.shape
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, n_variants)] * 2)))
    np.testing.assert_array_equal(marks.part(first, last).dense(), matrix[first:last])
    chosen = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=n_variants, max_size=n_variants)))
    np.testing.assert_array_equal(marks.take(chosen).dense(), matrix[chosen])
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)
    np.testing.assert_array_equal(marks.keep(kept).dense(), matrix[:, kept])


@given(matrices, st.lists(st.integers(0, 150), max_size=3))
@settings(deadline=None, max_examples=60)
def test_by_haplotype(matrix: NDArray[np.bool_], cuts: list[int]) -> None:
    """However the variants are spread over parts."""
    bounds = [0, *sorted(min(cut, len(matrix)) for cut in cuts), len(matrix)]
    whole = VariantMarks.of(matrix)
    parts = [whole.part(low, high) for low, high in pairwise(bounds)]
    marks = HaplotypeMarks.join(parts)
    np.testing.assert_array_equal(marks.dense(len(matrix)), matrix)
    rare = 32 * matrix.sum(axis=1) <= matrix.shape[1]
    np.testing.assert_array_equal(marks.common, np.flatnonzero(~rare))
    for n in range(matrix.shape[1]):
        listed = marks.rare[marks.starts[n] : marks.starts[n + 1]]
        assert listed.tolist() == np.flatnonzero(matrix[:, n] & rare).tolist()


@given(st.lists(st.integers(0, 30), unique=True), st.integers(-1, 31), st.data())
@settings(deadline=None)
def test_skipping(variants: list[int], variant: int, data: st.DataObject) -> None:
    """Step by step and by bisection, from any place in the list to any other."""
    rare = np.array(sorted(variants), np.int32)
    at, end = sorted(data.draw(st.tuples(*[st.integers(0, len(rare))] * 2)))
    expected = at + int((rare[at:end] < variant).sum())
    assert skip_before(rare, at, end, variant) == expected
    assert skip_far(rare, at, end, variant) == expected


def test_a_haplotype_that_carries_nothing_takes_the_place_of_a_number() -> None:
    def size(haplotypes: int) -> int:
        matrix = np.zeros((200, haplotypes), np.bool_)
        matrix[:, 3:6] = True
        return sum(array.nbytes for array in HaplotypeMarks.of(matrix))

    assert size(10_000) - size(1_000) == 9_000 * np.int64().nbytes
