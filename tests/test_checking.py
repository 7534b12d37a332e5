"""A check reads what an imputation reads, and says of every target record what the imputation would."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pysam
import pytest
from typer.testing import CliRunner

from benchmarks.reliability.data import map_text
from benchmarks.reliability.spoiling import Files, write
from spinimpute.checking import check
from spinimpute.cli import app
from spinimpute.config import ImputeConfig, InputConfig
from spinimpute.errors import SpinImputeError
from spinimpute.io.inputs import VariantReader
from spinimpute.io.outputs import OutputNames
from spinimpute.io.vcf import VariantFile
from spinimpute.pipeline import impute


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A target with a swapped, a shifted, a duplicate and an unphased record."""

    def spoil(rows: list[list[str]]) -> None:
        rows[3][3], rows[3][4] = rows[3][4], rows[3][3]
        rows[5][1] = str(int(rows[5][1]) + 1)
        rows.insert(8, list(rows[8]))
        rows[9][9] = "0/1"
        rows[20][10] = "1/0"

    return write(tmp_path, target=lambda table: table.edit(spoil), map=map_text())


def test_fates_are_those_of_the_imputation(files: Files, tmp_path: Path) -> None:
    names = OutputNames.from_out(str(tmp_path / "checked"))
    found = check(InputConfig(ref=files.panel, gt=files.target, map=files.map), names)
    config = ImputeConfig(
        ref=files.panel, gt=files.target, map=files.map, out=str(tmp_path / "out"), nthreads=1
    )
    done = impute(config)
    assert found.fates == done.fates == {"used": 58, "swapped": 1, "target-only": 1, "duplicate": 1}
    checked, imputed = (tmp_path / f"{name}.variants.tsv.gz" for name in ("checked", "out"))
    assert gzip.decompress(checked.read_bytes()) == gzip.decompress(imputed.read_bytes())
    assert (found.samples, found.panel_haplotypes, found.records) == (3, 40, 240)
    assert (found.chromosomes, found.unphased) == (["20"], 2)


def test_nothing_is_written_without_a_name(files: Files, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    words = ["check", f"ref={files.panel}", f"gt={files.target}", "--fix", "swap"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    for text in ("panel records       240", "  target-only       1", "unphased genotypes  2", "used"):
        assert text in result.stdout
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("fault", ["map", "chromosome"])
def test_an_index_tells_before_the_panel_is_read(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an index says is checked before any panel record is read or anything is written."""
    files = write(tmp_path, map=map_text("21" if fault == "map" else "20"))
    pysam.tabix_index(str(files.panel), preset="vcf", force=True)
    monkeypatch.setattr(VariantFile, "blocks", _only_target(VariantFile.blocks))
    chrom = "the map lacks chromosome 20" if fault == "map" else "panel and target must share a chromosome"
    if fault == "chromosome":
        text = files.target.read_bytes()
        files = replace(files, target=tmp_path / "other.vcf")
        files.target.write_text(gzip.decompress(text).decode().replace("\n20\t", "\n21\t"))
    config = ImputeConfig(ref=files.panel, gt=files.target, map=files.map, out=str(tmp_path / "out"))
    with pytest.raises(SpinImputeError, match=chrom):
        impute(config)
    assert not list(tmp_path.glob("out*"))


def _only_target(read):  # type: ignore[no-untyped-def]
    def blocks(file: VariantReader, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]
        assert file.where.startswith("target")
        return read(file, *args, **kwargs)

    return blocks


def test_the_panel_is_read_once(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking costs no reading of its own: phased input takes one pass, unphased input two."""
    passes: list[str] = []
    read = VariantFile.blocks

    def blocks(file: VariantFile, *args, **kwargs):  # type: ignore[no-untyped-def]
        passes.append(file.where.split()[0])
        return read(file, *args, **kwargs)

    monkeypatch.setattr(VariantFile, "blocks", blocks)
    monkeypatch.setattr("spinimpute.pipeline.hard_limit", lambda: None)
    good = write(tmp_path)
    impute(ImputeConfig(ref=good.panel, gt=good.target, out=str(tmp_path / "out"), nthreads=1))
    assert passes == ["target", "panel"]
