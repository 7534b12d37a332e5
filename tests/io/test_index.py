"""Regions through an index against a filter of all records."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pysam
import pysam.bcftools
import pytest
from builders import CONTIGS, Rec, rec, write_vcf

from spinimpute.errors import SpinImputeError
from spinimpute.io.index import find_start, usable_index
from spinimpute.io.inflate import Offset
from spinimpute.io.inputs import read_panel
from spinimpute.io.region import Region

KINDS = ["tbi", "vcf csi", "bcf csi", "bcf csi 11"]


def noise(rng: np.random.Generator) -> list[str]:
    """Genotypes that compress badly, so that the file has many blocks."""
    return [f"{a}|{b}" for a, b in rng.integers(0, 2, (1500, 2)).tolist()]


def records() -> list[Rec]:
    """Clusters and deserts on three chromosomes, with deletions across the borders of an index's windows."""
    rng = np.random.default_rng(3)
    found = []
    for chrom, last in (("7", 3_000_000), ("20", 500_000), ("21", 40_000)):
        pos = np.unique(
            np.concatenate([rng.integers(1, last, 200), rng.integers(last // 2, last // 2 + 500, 100)])
        )
        borders = np.arange(1 << 14, last, 1 << 14)
        for p in np.unique(np.concatenate([pos, borders - 2])).tolist():
            ref = "ACGTACGTAC" if p + 2 in borders else "A"
            found.append(rec(p, ref, "T", "0|1", *noise(rng), chrom=chrom))
    return found


RECORDS = records()
ALL = {chrom: [r.pos for r in RECORDS if r.chrom == chrom] for chrom in ("7", "20", "21")}


@pytest.fixture(scope="module", params=KINDS)
def fx_indexed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("indexed")
    contigs = {"1": None, "7": None, **CONTIGS}
    path = write_vcf(folder / ("x.bcf" if "bcf" in request.param else "x.vcf.gz"), RECORDS, contigs=contigs)
    if request.param == "bcf csi 11":
        pysam.bcftools.index("-f", "-m", "11", str(path), catch_stdout=False)
    elif "bcf" in request.param:
        pysam.bcftools.index("-f", str(path), catch_stdout=False)
    else:
        pysam.tabix_index(str(path), preset="vcf", force=True, csi="csi" in request.param)
    return path


def test_regions(fx_indexed: Path) -> None:
    rng = np.random.default_rng(5)
    assert usable_index(fx_indexed) is not None
    for chrom, positions in ALL.items():
        bounds = rng.choice([*positions, *rng.integers(1, 3_200_000, 30).tolist()], (12, 2))
        for low, high in [(1, 1), (1, 4_000_000), *np.sort(bounds, axis=1).tolist()]:
            found = read_panel(fx_indexed, Region(chrom, low, high))
            assert [p for block in found for p in block.sites.pos.tolist()] == [
                p for p in positions if low <= p <= high
            ]


def test_most_of_the_file_is_skipped(fx_indexed: Path) -> None:
    index = usable_index(fx_indexed)
    assert index is not None
    contigs = ["1", "7", *CONTIGS]
    first, late = (find_start(index, contigs, "7", start) for start in (1, 2_900_000))
    assert first is not None
    assert late is not None
    assert late > first
    last = find_start(index, contigs, "21", 1)
    assert last is not None
    assert last > first
    assert find_start(index, contigs, "1", 1) is None
    assert find_start(index, contigs, "22", 1) is None


def test_malformed_index(tmp_path: Path) -> None:
    index = tmp_path / "x.tbi"
    deep = struct.pack("<4s3i", b"CSI\x01", 14, 1 << 30, 0) + struct.pack("<i", 1)
    backwards = struct.pack("<4s3i2i", b"CSI\x01", 14, 5, 0, 1, 1) + struct.pack("<IQi", 1, 0, -1)
    for content in (b"hello", b"TBI\x01", b"CSI\x01\x0e\0\0\0", deep, backwards):
        index.write_bytes(content)
        with pytest.raises(SpinImputeError, match=r"index .*x\.tbi: the index is malformed; index it again"):
            find_start(index, ["20"], "20", 1)


def test_no_index(tmp_path: Path) -> None:
    assert usable_index(tmp_path / "x.vcf.gz") is None
    assert Offset(1, 5) < Offset(2, 0)
