"""Haploid samples in panels and targets of every kind, and what may not change within a stretch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import Rec, rec, write_vcf, write_vcz

from spinimpute.errors import SpinImputeError
from spinimpute.io.inputs import open_variants, panel_blocks, read_panel, read_target
from spinimpute.io.ploidy import Haploids
from spinimpute.io.prepared import PreparedPanel
from spinimpute.prepare import build_panel, verify_panel

FILES = ["x.vcf", "x.vcf.gz", "x.bcf", "x.vcz"]
# s0 and s2 are haploid from 20 to 50, s1 is not; and not all ploidies are known.
ROWS = {
    10: ("0|1", "1|0", "1|1"),
    20: ("1", "0|1", "0"),
    30: ("0", "1|1", "1"),
    40: ("1", "0|0", "1"),
    50: ("0", "0|1", "0"),
    60: ("1|0", "0|0", "0|1"),
}
HAPLOID = [True, False, True]


def records(changes: dict[int, tuple[str, str, str]] | None = None) -> list[Rec]:
    return [rec(pos, "A", "C", *row) for pos, row in (ROWS | (changes or {})).items()]


def write(path: Path, rows: list[Rec]) -> Path:
    return write_vcz(path, rows) if path.suffix == ".vcz" else write_vcf(path, rows)


@pytest.mark.parametrize("name", FILES)
def test_panels_leave_absent_haplotypes_out(tmp_path: Path, name: str) -> None:
    first, middle, last = read_panel(write(tmp_path / name, records()))
    assert [part.sites.pos.tolist() for part in (first, middle, last)] == [[10], [20, 30, 40, 50], [60]]
    assert middle.alleles.tolist() == [[1, 0, 1, 0], [0, 1, 1, 1], [1, 0, 0, 1], [0, 0, 1, 0]]
    assert middle.haploid is not None
    assert middle.haploid.tolist() == HAPLOID
    assert first.alleles.tolist() == [[0, 1, 1, 0, 1, 1]]
    assert first.haploid is last.haploid is None


@pytest.mark.parametrize("name", FILES)
def test_panels_of_haploid_samples_alone(tmp_path: Path, name: str) -> None:
    rows = [rec(5, "A", "C", "0", "1"), rec(9, "A", "G", "1", "1")]
    (block,) = read_panel(write(tmp_path / name, rows))
    assert block.alleles.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize("excluded", [set(), {"s0"}, {"s1"}, {"s0", "s2"}])
def test_prepared_panels_keep_ploidy(tmp_path: Path, excluded: set[str]) -> None:
    source, prepared = write_vcf(tmp_path / "x.vcf", records()), tmp_path / "x.spanel"
    build_panel(source, prepared)
    assert verify_panel(prepared, source)
    with PreparedPanel(prepared, "panel", excluded) as panel, open_variants(source, "panel", excluded) as vcf:
        expected = [
            (pos, row.tolist(), None if block.haploid is None else block.haploid.tolist())
            for block in panel_blocks(vcf)
            for pos, row in zip(block.sites.pos.tolist(), block.alleles, strict=True)
        ]
        for blocks in (panel.blocks(), (block.dense() for block in panel.sparse_blocks())):
            found = [
                (pos, row.tolist(), None if block.haploid is None else block.haploid.tolist())
                for block in blocks
                for pos, row in zip(block.sites.pos.tolist(), block.alleles, strict=True)
            ]
            assert found == expected


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({30: ("0|1", "0|1", "1")}, "20:30 sample s0"),
        ({30: ("0", "1", "1")}, "20:30 sample s1"),
        ({30: ("0|1", "0|1", "0|1")}, "20:20 sample s0"),  # one alone between others
    ],
)
def test_ploidy_changes_within_a_panel(
    tmp_path: Path, changes: dict[int, tuple[str, str, str]], place: str
) -> None:
    with pytest.raises(SpinImputeError, match=f"{place}: samples must be haploid on one stretch"):
        list(read_panel(write_vcf(tmp_path / "x.vcf", records(changes))))


@pytest.mark.parametrize("name", FILES)
def test_targets_have_haploid_alleles_twice(tmp_path: Path, name: str) -> None:
    found = read_target(write(tmp_path / name, records({30: (".", "1/0", "1"), 40: ("./.", ".|.", "1")})))[
        "20"
    ]
    assert found.alleles[1].tolist() == [1, 1, 0, 1, 0, 0]
    assert found.alleles[2].tolist() == [-1, -1, 1, 0, 1, 1]
    assert found.unphased is not None
    assert np.argwhere(found.unphased).tolist() == [[2, 1]]
    assert found.haploid is not None
    assert found.haploid.samples.tolist() == HAPLOID
    assert (found.haploid.before, found.haploid.first) == (10, 20)
    assert (found.haploid.last, found.haploid.after) == (50, 60)


@pytest.mark.parametrize("row", [("0|1", "0|1", "1"), ("0/.", "0|1", "1"), ("./1", "0|1", "1")])
def test_ploidy_changes_within_a_target(tmp_path: Path, row: tuple[str, str, str]) -> None:
    with pytest.raises(SpinImputeError, match=r"20:30 sample s0: .*bcftools \+fixploidy"):
        read_target(write_vcf(tmp_path / "x.vcf", records({30: row})))


def inside(haploids: Haploids, length: int | None, panel: bool | None, *pos: int) -> list[bool]:
    return haploids.at(np.array(pos), length, panel).tolist()


def test_where_a_stretch_ends() -> None:
    samples = np.array(HAPLOID)
    whole = Haploids(samples, 20, 50, 0, np.iinfo(np.int64).max)
    assert inside(whole, None, None, 1, 20, 51, 10**9) == [True] * 4
    # The panel decides where the target does not say.
    assert inside(whole, None, True, 1, 51) == [True, True]
    assert inside(whole, None, False, 1, 19, 20, 50, 51) == [False, False, True, True, False]
    part = Haploids(samples, 20, 50, 10, 60)
    assert inside(part, None, None, 10, 14, 15, 55, 56, 60) == [False, False, True, True, False, False]
    assert inside(part, None, True, 10, 11, 59, 60) == [False, True, True, False]


@pytest.mark.parametrize(
    ("length", "begin", "end"),
    [(155_270_560, 2_699_521, 154_931_043), (156_040_895, 2_781_480, 155_701_382)],
)
def test_human_x(length: int, begin: int, end: int) -> None:
    haploids = Haploids(np.array(HAPLOID), 3_000_000, 154_000_000, 2_000_000, 154_999_999)
    if haploids.after > end:
        assert inside(haploids, length, None, begin - 1, begin, end, end + 1) == [False, True, True, False]
    # Records that contradict what is known of X prevail.
    early = Haploids(np.array(HAPLOID), 100, 200, 50, 300)
    assert inside(early, length, None, 74, 75, 250, 251) == [False, True, True, False]


def test_some_people_of_a_target_are_as_if_they_were_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "x.vcf", records({60: ("1|0", "0/1", "0|1")}))
    found = read_target(path)["20"].people(1, 3)
    alone = read_target(path, exclude_samples={"s0"})["20"]
    np.testing.assert_array_equal(found.alleles, alone.alleles)
    assert found.samples == alone.samples == ["s1", "s2"]
    assert found.unphased is not None
    assert alone.unphased is not None
    np.testing.assert_array_equal(found.unphased, alone.unphased)
    assert found.haploid is not None
    assert alone.haploid is not None
    np.testing.assert_array_equal(found.haploid.samples, alone.haploid.samples)
    assert found.haploid.between(None) == alone.haploid.between(None)
