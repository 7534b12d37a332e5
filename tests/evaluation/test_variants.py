"""Variants of several files side by side."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
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
def test_a_cursor_gives_what_is_wanted_whatever_the_blocks(data: st.DataObject) -> None:
    positions = sorted(data.draw(st.lists(st.integers(1, 30), max_size=25)))
    whole = of(positions, "CGT")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(positions)), max_size=6)))
    cursor = Cursor(whole.take(slice(a, b)) for a, b in pairwise([0, *cuts, len(positions)]))
    wanted = sorted(data.draw(st.lists(st.integers(1, 31), unique=True, max_size=12)))
    given = 0
    for some in (wanted[:4], wanted[4:5], wanted[5:]):
        asked = of(some, "CG")
        expected = [row for row, key in enumerate(whole.keys) if key in asked.keys]
        found = cursor.through(asked)
        assert (found.columns["row"].tolist() if found else []) == expected
        given += len(expected)
    cursor.finish()
    assert cursor.passed == len(positions) - given
    assert cursor.through(of([40])) is None


def test_a_cursor_holds_only_what_is_wanted() -> None:
    """Between two variants of a sparse truth may lie a whole chromosome."""
    alive: list[weakref.ref[Variants]] = []
    most = 0

    def blocks() -> Iterator[Variants]:
        nonlocal most
        for i in range(200):
            block = of([5 * i + 1, 5 * i + 2])
            alive.append(weakref.ref(block))
            most = max(most, sum(each() is not None for each in alive))
            yield block

    found = Cursor(blocks()).through(of([1, 996]))
    assert found is not None
    assert len(found.keys) == 2
    assert most < 5
