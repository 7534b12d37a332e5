"""Record counts from indices and samples against those of files made here."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pysam
import pysam.bcftools
import pytest
from builders import Rec, phased_records, sample_names, vcf_text, write_vcf

from spinimpute.errors import SpinImputeError
from spinimpute.io import counts
from spinimpute.io.counts import extrapolated_records, indexed_records, indexed_share
from spinimpute.io.region import Region


def records(n: int, people: int, chrom: str = "20") -> list[Rec]:
    alleles = np.random.default_rng(1).integers(0, 2, (n, 2 * people)).astype(np.int8)
    return phased_records(100 * np.arange(1, n + 1), alleles, chrom)


@pytest.mark.parametrize("kind", ["tbi", "vcf csi", "bcf csi"])
def test_an_index_counts_records_by_chromosome(kind: str, tmp_path: Path) -> None:
    path = write_vcf(
        tmp_path / ("x.bcf" if "bcf" in kind else "x.vcf.gz"), records(7, 2) + records(5, 2, "21")
    )
    if "bcf" in kind:
        pysam.bcftools.index("-f", str(path), catch_stdout=False)
    else:
        pysam.tabix_index(str(path), preset="vcf", force=True, csi="csi" in kind)
    assert indexed_records(path, ["20", "21"]) == {"20": 7, "21": 5}


def test_an_index_tells_the_share_of_a_region(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "x.vcf.gz", records(6_000, 40) + records(50, 40, "21"), index=True)
    for start, end, share in ((1, 300_000, 0.5), (450_001, None, 0.25), (150_001, 450_000, 0.5)):
        region = Region("20", start, end)
        assert indexed_share(path, ["20", "21"], region) == pytest.approx(share, abs=0.05)
    assert indexed_share(path, ["20", "21"], Region("20", 700_000, 800_000)) == pytest.approx(0, abs=0.05)
    assert indexed_share(path, ["20", "21"], Region("22", 1, 5)) == 0


def test_no_count_without_a_sound_index(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "x.vcf.gz", records(7, 2))
    assert indexed_records(path, ["20", "21"]) is None
    path.with_name("x.vcf.gz.tbi").write_bytes(b"no index")
    assert indexed_records(path, ["20", "21"]) is None


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz", "x.bcf"])
def test_small_files_are_counted(name: str, tmp_path: Path) -> None:
    assert extrapolated_records(write_vcf(tmp_path / name, records(300, 3)), "panel x") == 300


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz", "gzip.vcf.gz", "x.bcf"])
def test_large_files_are_extrapolated(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_SAMPLE", 1 << 16)
    monkeypatch.setattr(counts, "_PIECE", 1 << 12)
    many, path = records(6_000, 80), tmp_path / name
    if name.startswith("gzip"):
        path.write_bytes(gzip.compress(vcf_text(many, sample_names(80)).encode()))
    else:
        write_vcf(path, many)
    assert path.stat().st_size > 2 << 16
    assert extrapolated_records(path, "panel x") == pytest.approx(6_000, rel=0.05)


def test_a_corrupt_file_is_refused(tmp_path: Path) -> None:
    path = write_vcf(tmp_path / "x.vcf.gz", records(300, 30))
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(SpinImputeError, match="panel x: the file is corrupt"):
        extrapolated_records(path, "panel x")
