"""Variants of several files side by side."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinimpute.evaluation.variants import KINDS, Cursor, Variants
from spinimpute.sites import Sites


@pytest.mark.parametrize(
    ("ref", "alt", "kind"),
    [
        ("A", "C", "SNP"),
        ("a", "g", "SNP"),
        ("A", "AT", "indel"),
        ("ATG", "A", "indel"),
        ("ATG", "TC", "indel"),
        ("AT", "GC", "other"),
        ("A", "*", "other"),
        ("A", "<DEL>", "other"),
        ("G", "G]17:198982]", "other"),
    ],
)
def test_kinds(ref: str, alt: str, kind: str) -> None:
    variants = Variants.of(Sites("1", np.array([5]), [ref], [(alt,)], ["."]), {})
    assert [KINDS[code] for code in variants.kinds] == [kind]


def of(positions: list[int], alts: str = "C") -> Variants:
    keys = [(pos, "A", alts[i % len(alts)]) for i, pos in enumerate(positions)]
    return Variants(keys, {"row": np.arange(len(keys))})


def test_find_gives_the_first_of_equal_ones() -> None:
    held = of([3, 5, 5, 8])
    assert held.find(of([8, 5, 4])).tolist() == [3, 1, -1]
    assert held.first_ones().tolist() == [True, True, False, True]
    assert held.find(of([])).tolist() == []


@given(st.data())
def test_a_cursor_parts_blocks_at_positions(data: st.DataObject) -> None:
    positions = sorted(data.draw(st.lists(st.integers(1, 30), max_size=25)))
    whole = of(positions, "CGT")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(positions)), max_size=6)))
    bounds = [0, *cuts, len(positions)]
    cursor = Cursor(whole.take(slice(a, b)) for a, b in pairwise(bounds))
    last = 0
    for stop in sorted(data.draw(st.lists(st.integers(0, 31), max_size=8))):
        expected = [i for i, pos in enumerate(positions) if last < pos <= stop]
        found = cursor.through(stop)
        assert (found.columns["row"].tolist() if found else []) == expected
        last = max(last, stop)
    rest = cursor.through(100)
    assert (rest.columns["row"].tolist() if rest else []) == [i for i, p in enumerate(positions) if p > last]
