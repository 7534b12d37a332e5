"""Dosages of imputed files of several kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import Rec, rec, write_vcf, write_vcz
from evaluation_sets import IMP, META

from spinimpute.errors import SpinImputeError
from spinimpute.io.dosage_file import CallFile, DosageBlock, DosageFile, open_dosages

NAN = float("nan")


def rows() -> list[Rec]:
    return [
        rec(5, "A", "C", "0|1:0.9", "./.:.", fmt="GT:DS", info="DR2=0.5;AF=0.2"),
        rec(6, "A", "C,G", "1|2:1,0.8", ".|1:0.1,1.2", fmt="GT:DS", info="DR2=0.25,0.75;IMP"),
        rec(7, "A", ".", "0|0:.", "0|0:.", fmt="GT:DS"),
        rec(8, "A", "C,G", "1|2:.", "0|0:.", fmt="GT:DS"),
        rec(9, "A", "C", "0|1:0.25", "1|1:2", fmt="GT:DS", chrom="21"),
    ]


def joined(blocks: list[DosageBlock], name: str) -> list[list[float]]:
    return np.concatenate([getattr(block, name) for block in blocks]).tolist()


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz", ".bcf"])
@pytest.mark.parametrize("size", [1, 1000])
def test_fields(tmp_path: Path, suffix: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spinimpute.io.dosage_file.block_records", lambda samples: size)
    reader = open_dosages(write_vcf(tmp_path / f"x{suffix}", rows(), meta=(*META, IMP)))
    assert isinstance(reader, DosageFile)
    assert (reader.has_dosages, reader.marks_typed, reader.estimate) == (True, True, "DR2")
    blocks = list(reader.blocks())
    assert [block.sites.chrom for block in blocks] == ["20"] * (4 if size == 1 else 1) + ["21"]
    expected = [[0.9, NAN], [1, 0.1], [0.8, 1.2], [NAN, NAN], [NAN, NAN], [0.25, 2]]
    np.testing.assert_allclose(joined(blocks, "dosages"), expected, rtol=1e-6)
    assert joined(blocks, "calls") == [[1, -1], [1, -1], [1, -1], [1, 0], [1, 0], [1, 2]]
    np.testing.assert_allclose(joined(blocks, "estimated"), [0.5, 0.25, 0.75, NAN, NAN, NAN])
    np.testing.assert_allclose(joined(blocks, "frequency"), [0.2, NAN, NAN, NAN, NAN, NAN], rtol=1e-6)
    assert joined(blocks, "typed") == [True, False, False, True, True, True]


def test_flags_of_minimac(tmp_path: Path) -> None:
    flags = [IMP.replace("=IMP,", f"={name},") for name in ("TYPED", "IMPUTED")]
    lines = [rec(p, "A", "C", "0|1", info=info) for p, info in ((5, "IMPUTED"), (6, "TYPED;IMPUTED"))]
    reader = open_dosages(write_vcf(tmp_path / "x.vcf", lines, meta=flags))
    assert reader.marks_typed
    assert joined(list(reader.blocks()), "typed") == [False, True]


@pytest.mark.parametrize("index", [True, False])
def test_one_chromosome(tmp_path: Path, index: bool) -> None:
    reader = open_dosages(write_vcf(tmp_path / "x.vcf.gz", rows(), index=index, meta=(*META, IMP)))
    assert [block.sites.pos.tolist() for block in reader.blocks("chr20")] == [[5, 6, 7, 8]]
    assert [block.sites.pos.tolist() for block in reader.blocks("21")] == [[9]]
    assert list(reader.blocks("7")) == []


def test_calls_stand_in_for_dosages(tmp_path: Path) -> None:
    calls = [rec(5, "A", "C", "0|1", ".|."), rec(6, "A", "C,G", "1|2", "2|2")]
    plain = open_dosages(write_vcf(tmp_path / "x.vcf", calls))
    zarr = open_dosages(write_vcz(tmp_path / "x.vcz", calls))
    assert isinstance(zarr, CallFile)
    for reader in (plain, zarr):
        assert (reader.has_dosages, reader.marks_typed, reader.estimate) == (False, False, "")
        blocks = list(reader.blocks("20"))
        np.testing.assert_array_equal(joined(blocks, "dosages"), [[1, NAN], [1, 0], [1, 2]])
        assert joined(blocks, "calls") == [[1, -1], [1, 0], [1, 2]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (rec(5, "A", "C", "0|1", "0|0"), "20:5: no DS field"),
        (
            rec(5, "A", "C,G", "0|1:0.5", "0|0:0", fmt="GT:DS"),
            "a number for each ALT allele; found 1",
        ),
    ],
)
def test_bad_records(tmp_path: Path, row: Rec, message: str) -> None:
    reader = open_dosages(write_vcf(tmp_path / "x.vcf", [row], meta=META))
    with pytest.raises(SpinImputeError, match=message):
        list(reader.blocks())


def test_a_record_without_genotypes(tmp_path: Path) -> None:
    only_doses = rec(5, "A", "C", "0.5", "2", fmt="DS")
    (block,) = open_dosages(write_vcf(tmp_path / "x.vcf", [only_doses], meta=META)).blocks()
    assert block.dosages.tolist() == [[0.5, 2]]
    assert block.calls.tolist() == [[-1, -1]]
    neither = open_dosages(write_vcf(tmp_path / "y.vcf", [rec(5, "A", "C", "3", "2", fmt="DP")]))
    with pytest.raises(SpinImputeError, match="needs DS or GT"):
        list(neither.blocks())
