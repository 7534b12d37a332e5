from __future__ import annotations

import numpy as np
import pytest
from builders import assert_same, random_block
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spinimpute.io.records import RecordBlock
from spinimpute.io.sparse import SparseBlock
from spinimpute.sites import Sites


def marked(block: SparseBlock, variant: int) -> list[int]:
    """The haplotypes that a variant marks, one by one."""
    marks = block.marks
    row = marks.row[variant]
    if row < 0:
        return marks.carriers[marks.starts[variant] : marks.starts[variant + 1]].tolist()
    return [h for h in range(marks.haplotypes) if marks.packed[row, h // 8] >> (h % 8) & 1]


def rows(block: RecordBlock, begin: int, end: int) -> RecordBlock:
    chosen = slice(begin, end)
    return RecordBlock(block.sites.take(chosen), block.alleles[chosen], block.phased[chosen])


blocks = st.builds(random_block, st.integers(0, 1000), st.integers(1, 60), st.sampled_from([1, 3, 20, 70]))


@given(blocks)
@settings(deadline=None, max_examples=60)
def test_dense_undoes_sparse(block: RecordBlock) -> None:
    assert_same(SparseBlock.from_block(block).dense(), block)


@given(blocks)
@settings(deadline=None, max_examples=30)
def test_marks_are_the_rarer_half_and_rare_ones_are_listed(block: RecordBlock) -> None:
    sparse = SparseBlock.from_block(block)
    for v, (r, k) in enumerate((r, k) for r, alts in enumerate(block.sites.alts) for k in range(len(alts))):
        carries: NDArray[np.bool_] = block.alleles[r] == k + 1
        marks = carries ^ sparse.flip[v]
        assert marked(sparse, v) == np.flatnonzero(marks).tolist()
        assert 2 * marks.sum() <= sparse.marks.haplotypes
        assert (sparse.marks.row[v] < 0) == (32 * marks.sum() <= sparse.marks.haplotypes)


@given(blocks, st.data())
@settings(deadline=None, max_examples=60)
def test_some_records_of_some_haplotypes(block: RecordBlock, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(block.sites) - 1))
    end = data.draw(st.integers(begin + 1, len(block.sites)))
    samples = block.phased.shape[1]
    people = data.draw(st.lists(st.booleans(), min_size=samples, max_size=samples).filter(any))
    kept = np.repeat(people, 2)
    expected = rows(block, begin, end)
    expected = RecordBlock(expected.sites, expected.alleles[:, kept], expected.phased[:, people])
    sparse = SparseBlock.from_block(block)
    afresh = SparseBlock.from_block(expected)
    inside = np.zeros(len(block.sites), np.bool_)
    inside[begin:end] = True
    for found in (
        sparse.records(begin, end).keep(kept),
        sparse.keep(kept).records(begin, end),
        sparse.choose(inside).keep(kept),
    ):
        assert_same(found.dense(), expected)
        np.testing.assert_array_equal(found.flip, afresh.flip)
        np.testing.assert_array_equal(found.marks.row, afresh.marks.row)
        np.testing.assert_array_equal(found.marks.dense(), afresh.marks.dense())


def test_haplotypes_that_carry_nothing_take_no_memory() -> None:
    def size(samples: int) -> int:
        alleles = np.zeros((50, 2 * samples), np.int8)
        alleles[:, 3:5] = 1
        sites = Sites("20", np.arange(1, 51), ["A"] * 50, [("C",)] * 50, ["."] * 50)
        block = RecordBlock(sites, alleles, np.ones((50, samples), np.bool_))
        marks = SparseBlock.from_block(block).marks
        return sum(array.nbytes for array in (marks.carriers, marks.starts, marks.row, marks.packed))

    assert size(100) == size(10_000)


def test_no_variants() -> None:
    sites = Sites("20", np.array([5]), ["A"], [()], ["."])
    block = RecordBlock(sites, np.zeros((1, 6), np.int8), np.ones((1, 3), np.bool_))
    assert_same(SparseBlock.from_block(block).dense(), block)


@pytest.mark.parametrize("n", [1, 2])
def test_a_tie_marks_the_alt(n: int) -> None:
    sites = Sites("20", np.array([5]), ["A"], [("C",)], ["."])
    block = RecordBlock(sites, np.array([[0, 1] * n], np.int8), np.ones((1, n), np.bool_))
    assert not SparseBlock.from_block(block).flip.any()
