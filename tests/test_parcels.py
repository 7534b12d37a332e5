"""Structures come back from archives as they were, and damage is noticed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.parcels import ParcelFile, ParcelWriter
from spinimpute.io.structures import from_plain, to_plain
from spinimpute.sites import Sites


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Leaf:
    name: str
    numbers: NDArray[np.int64]
    rest: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Tree:
    leaves: list[Leaf]
    path: Path
    sizes: dict[str, int]
    pairs: tuple[str, ...]
    colour: Colour
    share: float


def _tree(numbers: NDArray[np.int64]) -> Tree:
    rest = np.array([[0.5, np.nan]], np.float32)
    return Tree(
        [Leaf("a\n", numbers), Leaf("ü", numbers[::-1], rest)], Path("x y"), {"n": 1}, ("p",), Colour.RED, 0.1
    )


@given(hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(-(2**63), 2**63 - 1)))
def test_structures_come_back(tmp_path_factory: pytest.TempPathFactory, numbers: NDArray[np.int64]) -> None:
    path, tree = tmp_path_factory.mktemp("parcels") / "a.zip", _tree(numbers)
    with ParcelWriter(path) as writer:
        writer.add("one", tree)
        writer.add("two", tree.leaves[1])
    with ParcelFile(path, "") as file:
        found = file.read("one", Tree)
        assert (found.path, found.sizes, found.pairs) == (tree.path, tree.sizes, tree.pairs)
        assert (found.colour, found.share, found.leaves[0].rest) == (Colour.RED, 0.1, None)
        for one, other in zip(
            [*found.leaves, file.read("two", Leaf)], [*tree.leaves, tree.leaves[1]], strict=True
        ):
            assert one.name == other.name
            np.testing.assert_array_equal(one.numbers, other.numbers)
            assert one.numbers.dtype == np.int64
        np.testing.assert_array_equal(found.leaves[1].rest, tree.leaves[1].rest)


def test_sites_come_back(tmp_path: Path) -> None:
    sites = Sites("20", np.array([5, 9]), ["A", "AT"], [(), ("C", "<DEL>")], [".", "rs1"])
    with ParcelWriter(tmp_path / "s") as writer:
        writer.add("sites", sites)
    with ParcelFile(tmp_path / "s", "") as file:
        found = file.read("sites", Sites)
    assert (found.chrom, found.ref, found.alts, found.ids) == (sites.chrom, sites.ref, sites.alts, sites.ids)
    np.testing.assert_array_equal(found.pos, sites.pos)


def test_a_value_of_another_kind_is_refused() -> None:
    plain = json.loads(json.dumps({"name": 3, "sizes": {}}))
    with pytest.raises((ValueError, TypeError)):
        from_plain(Leaf, plain)
    with pytest.raises(TypeError):
        to_plain(np.zeros(2))


def test_every_damaged_byte_or_cut_is_noticed_or_harmless(tmp_path: Path) -> None:
    """Zip checks a sum over each entry; a change of what it ignores leaves the value as it was."""
    path = tmp_path / "p"
    numbers = np.arange(50)
    with ParcelWriter(path) as writer:
        writer.add("one", Leaf("leaf", numbers))
    good = path.read_bytes()
    noticed = 0
    for at in range(len(good)):
        for bad in (good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :], good[:at]):
            path.write_bytes(bad)
            try:
                with ParcelFile(path, "run it again") as file:
                    np.testing.assert_array_equal(file.read("one", Leaf).numbers, numbers)
            except SpinImputeError as error:
                noticed += error.remedy == "run it again"
    assert noticed > len(good)
