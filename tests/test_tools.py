"""Every kind of output is read by what reads imputed files: bcftools, plink2, cyvcf2, pysam, vcztools."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cyvcf2
import numpy as np
import pysam
import pytest
from numpy.typing import NDArray
from test_edge_cases import N_PANEL, N_RECORDS, config, haplotypes, model, panel, target
from test_haploid import lines, run

from spinimpute.config import ImputeConfig
from spinimpute.io.inputs import open_variants

__all__ = ["config", "model"]

KINDS = {
    "plain": {},
    "fields": {"ap": True, "gp": True},
    "kept": {"keep_target_only": True},
    "phased": {"impute": False},
    "bare": {"no_version": True},
    "haploid": {"gp": True},
}
FORMATS = ["vcf.gz", "bcf"]
needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools")
needs_plink2 = pytest.mark.skipif(shutil.which("plink2") is None, reason="needs plink2")


@pytest.fixture(scope="module")
def module_config(model: str, tmp_path_factory: pytest.TempPathFactory) -> ImputeConfig:
    folder = tmp_path_factory.mktemp("tools")
    return ImputeConfig(ref=folder / "p", gt=folder / "t", out="", model=model, window=0.2, overlap=0.2)


@pytest.fixture(scope="module")
def outputs(module_config: ImputeConfig) -> dict[tuple[str, str], Path]:
    """An output of each kind in each format."""
    found = {}
    for kind, options in KINDS.items():
        for form in [*FORMATS, "vcz", "bgen"]:
            if form == "bgen" and (kind == "kept" or importlib.util.find_spec("bgen") is None):
                continue
            given = options | {"out_format": form}
            if kind == "haploid":
                _, alleles = haplotypes()
                ref = lines(alleles[:, : 2 * N_PANEL], range(N_RECORDS), (2, 5), (80, 200))
                gt = lines(alleles[:, 2 * N_PANEL :], range(0, N_RECORDS, 4), (1,), (80, 200))
            else:
                ref, gt = panel(), target()
                gt[7] = replace(gt[7], pos=gt[7].pos + 1)  # the panel has no such record
            found[kind, form] = run(module_config, f"{kind}.{form}", ref, gt, **given)
    return found


def doses(path: Path) -> NDArray[np.float64]:
    """(R, S) the DS of every record that has one."""
    records = [record.format("DS") for record in cyvcf2.VCF(str(path))]
    kept = [ds[:, 0] for ds in records if ds is not None and not np.isnan(ds).all()]
    return np.array(kept, np.float64)


def call(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


@needs_bcftools
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_bcftools(outputs: dict[tuple[str, str], Path], kind: str, form: str, tmp_path: Path) -> None:
    output = outputs[kind, form]
    said = call("bcftools", "view", "-Ob", "-o", tmp_path / "again.bcf", output)
    said += call("bcftools", "index", tmp_path / "again.bcf")
    assert "warning" not in said.lower()
    assert not re.search(r"\[[EW]::", said)
    np.testing.assert_array_equal(doses(tmp_path / "again.bcf"), doses(output))


@needs_bcftools
@pytest.mark.parametrize("form", FORMATS)
def test_impute_info_agrees_with_dr2(outputs: dict[tuple[str, str], Path], form: str, tmp_path: Path) -> None:
    """IMPUTE2's information of independent haplotypes is the same as DR2."""
    call("bcftools", "+impute-info", outputs["fields", form], "-Oz", "-o", tmp_path / "info.vcf.gz")
    compared = 0
    for record in cyvcf2.VCF(str(tmp_path / "info.vcf.gz")):
        if 0.05 < record.INFO["AF"] < 0.95:
            assert record.INFO["INFO"] == pytest.approx(record.INFO["DR2"], abs=0.02)
            compared += 1
    assert compared > 50


@needs_plink2
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_plink2(outputs: dict[tuple[str, str], Path], kind: str, form: str, tmp_path: Path) -> None:
    option = "--bcf" if form == "bcf" else "--vcf"
    output = outputs[kind, form]
    sex = []
    if kind == "haploid":
        (tmp_path / "sex.txt").write_text("#IID\tSEX\nt0\t2\nt1\t1\nt2\t2\n")
        sex = ["--update-sex", tmp_path / "sex.txt"]
    call(
        "plink2",
        option,
        output,
        "dosage=DS",
        *sex,
        "--export",
        "A",
        "--threads",
        "1",
        "--out",
        tmp_path / "p",
    )
    table = [line.split() for line in (tmp_path / "p.raw").read_text().splitlines()[1:]]
    # What is exported counts REF.
    found = 2 - np.array([[float(x) if x != "NA" else np.nan for x in row[6:]] for row in table]).T
    expected = doses(output)
    if kind == "kept":
        found = found[[i for i, rec in enumerate(cyvcf2.VCF(str(output))) if not rec.INFO.get("TYPED_ONLY")]]
    if kind == "haploid":
        # plink2 counts a haploid dose on X twice, and knows the regions by itself: none of them here.
        found[:, 1] /= 2
        diploid = [r for r, rec in enumerate(cyvcf2.VCF(str(output))) if rec.genotype.array()[1, 1] >= 0]
        found, expected = np.delete(found, diploid, 0), np.delete(expected, diploid, 0)
    np.testing.assert_allclose(found, expected, atol=1.1e-3)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_cyvcf2_and_pysam(outputs: dict[tuple[str, str], Path], kind: str, form: str) -> None:
    output = outputs[kind, form]
    found = doses(output)
    with pysam.VariantFile(str(output)) as file:
        records = [rec for rec in file if "TYPED_ONLY" not in rec.info]
        by_pysam = [[rec.samples[s]["DS"][0] for s in range(3)] for rec in records]
        assert all(contig.name for contig in file.header.contigs.values())
    np.testing.assert_allclose(by_pysam, found, atol=1e-6)
    with pysam.VariantFile(str(output)) as file:  # by the index
        chrom = next(iter(file)).chrom
        assert len(list(file.fetch(chrom))) >= len(found)


@pytest.mark.skipif(importlib.util.find_spec("vcztools") is None, reason="needs vcztools")
@pytest.mark.parametrize("kind", KINDS)
def test_vcztools(outputs: dict[tuple[str, str], Path], kind: str, tmp_path: Path) -> None:
    back = tmp_path / "back.vcf"
    back.write_text(
        subprocess.run(
            [sys.executable, "-m", "vcztools", "view", str(outputs[kind, "vcz"])],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    np.testing.assert_allclose(doses(back), doses(outputs[kind, "vcf.gz"]), atol=1.1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [*FORMATS, "vcz"])
def test_our_own_reader(outputs: dict[tuple[str, str], Path], kind: str, form: str) -> None:
    with open_variants(outputs[kind, form], "target") as file:
        assert file.samples == ["t0", "t1", "t2"]
        assert sum(len(block.sites) for block in file.blocks()) >= len(doses(outputs[kind, "bcf"]))


@needs_plink2
@pytest.mark.skipif(importlib.util.find_spec("bgen") is None, reason="needs the package bgen")
@pytest.mark.parametrize("kind", ["plain", "fields", "phased", "bare"])
def test_bgen(outputs: dict[tuple[str, str], Path], kind: str, tmp_path: Path) -> None:
    call(
        "plink2", "--bgen", outputs[kind, "bgen"], "ref-first", "--export", "A", "--threads", "1",
        "--out", tmp_path / "p",
    )  # fmt: skip
    table = [line.split() for line in (tmp_path / "p.raw").read_text().splitlines()[1:]]
    # What is exported counts REF.
    found = 2 - np.array([[float(x) for x in row[6:]] for row in table]).T
    np.testing.assert_allclose(found, doses(outputs[kind, "vcf.gz"]), atol=1.1e-3)
