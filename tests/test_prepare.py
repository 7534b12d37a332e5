"""Prepared panels are built whole or not at all, described, and compared with their source."""

from __future__ import annotations

import hashlib
import resource
from pathlib import Path

import numpy as np
import pytest
from builders import Rec, mixed_records, phased_records, rec, write_vcf, write_vcz

from spinimpute.errors import SpinImputeError
from spinimpute.io.prepared import PreparedPanel
from spinimpute.io.region import Region
from spinimpute.prepare import build_panel, summarise, verify_panel


def built(folder: Path, records: list[Rec], region: Region | None = None) -> tuple[Path, Path]:
    source, path = write_vcf(folder / "x.bcf", records), folder / "x.spanel"
    build_panel(source, path, region)
    return source, path


def test_summary(tmp_path: Path) -> None:
    rows = np.zeros((40, 200), np.int8)
    rows[:30, 7] = 1  # sparse
    rows[30:, ::2] = 1  # common
    records = phased_records(range(100, 120), rows[:20]) + phased_records(range(5, 25), rows[20:], "21")
    source, path = built(tmp_path, records)
    with PreparedPanel(path) as panel:
        summary = summarise(panel)
    assert summary.records == {"20": 20, "21": 20}
    assert summary.span == {"20": (100, 119), "21": (5, 24)}
    assert summary.sparse == 0.75
    assert summary.size == path.stat().st_size
    assert summary.bits == pytest.approx(8 * summary.size / (40 * 100))
    assert summary.details.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert summary.details.source == "x.bcf"


def test_smaller_than_bcf(tmp_path: Path) -> None:
    """Most variants of a large panel are rare."""
    rng = np.random.default_rng(0)
    share = rng.beta(0.1, 3, (1000, 1))
    alleles = (rng.random((1000, 1000)) < share).astype(np.int8)
    source, path = built(tmp_path, phased_records(range(1, 1001), alleles))
    assert path.stat().st_size < source.stat().st_size


def test_verify_tells_whether_it_is_the_source(tmp_path: Path) -> None:
    source, path = built(tmp_path, mixed_records())
    other = write_vcz(tmp_path / "x.vcz", mixed_records())
    assert verify_panel(path) is False
    assert verify_panel(path, source) is True
    assert verify_panel(path, other) is False


def test_verify_a_region(tmp_path: Path) -> None:
    source, path = built(tmp_path, mixed_records(), Region("20", 100, 300))
    assert verify_panel(path, source)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ([rec(5, "A", "C", "0|1"), rec(7, "A", "G", "1|1")], "x.spanel 20:7: .* found another genotype"),
        ([rec(5, "A", "C", "0|1"), rec(8, "A", "G", "0|1")], "x.spanel 20:7: .* found 20:8 in the source"),
        ([rec(5, "A", "C", "0|1"), rec(7, "A", "T", "0|1")], "x.spanel 20:7: .* found 20:7 in the source"),
        ([rec(5, "A", "C", "0|1")], "20:7: .* in the panel alone"),
        ([rec(p, "A", "C" if p < 7 else "G", "0|1") for p in (5, 7, 9)], "20:9: .* in the source alone"),
        ([rec(5, "A", "C", "0|1", "0|1")], "1 in the panel, 2 in source"),
    ],
)
def test_verify_finds_what_differs(tmp_path: Path, other: list[Rec], found: str) -> None:
    _, path = built(tmp_path, [rec(5, "A", "C", "0|1"), rec(7, "A", "G", "0|1")])
    with pytest.raises(SpinImputeError, match=found):
        verify_panel(path, write_vcf(tmp_path / "other.vcf", other))


def test_verify_needs_a_prepared_panel(tmp_path: Path) -> None:
    source = write_vcf(tmp_path / "x.vcf.gz", mixed_records())
    with pytest.raises(SpinImputeError, match="not a prepared panel"):
        verify_panel(source)


class TestNothingIsLeft:
    @pytest.mark.parametrize("column", ["0/1", ".|1"])
    def test_of_a_panel_that_cannot_be_used(self, tmp_path: Path, column: str) -> None:
        source = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0|1"), rec(7, "A", "C", column)])
        with pytest.raises(SpinImputeError, match="20:7 sample s0"):
            build_panel(source, tmp_path / "x.spanel")
        assert sorted(tmp_path.iterdir()) == [source]

    def test_of_a_region_without_records(self, tmp_path: Path) -> None:
        source = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0|1")])
        with pytest.raises(SpinImputeError, match="none in 20:7-"):
            build_panel(source, tmp_path / "x.spanel", Region("20", 7))
        assert sorted(tmp_path.iterdir()) == [source]

    def test_over_the_source(self, tmp_path: Path) -> None:
        source = write_vcf(tmp_path / "x.vcf", [rec(5, "A", "C", "0|1")])
        with pytest.raises(SpinImputeError, match="must not be an input"):
            build_panel(source, source)

    def test_on_a_full_disk(self, tmp_path: Path) -> None:
        alleles = np.random.default_rng(0).integers(0, 2, (2000, 400), np.int8)
        source = write_vcf(tmp_path / "x.bcf", phased_records(range(1, 2001), alleles))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with pytest.raises(SpinImputeError, match="cannot be written"):
                build_panel(source, tmp_path / "x.spanel")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert sorted(tmp_path.iterdir()) == [source]
