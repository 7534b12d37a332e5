"""Outputs that are no VCF hold what the VCF of the same blocks does."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cyvcf2
import numpy as np
import pytest
from builders import CONTIGS, imputed_block, sample_names
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.formats import open_writer
from spinimpute.io.inputs import open_variants
from spinimpute.io.outputs import OutputNames
from spinimpute.io.rows import ImputedBlock, LeftOutBlock, RowFormat, TargetOnlyBlock
from spinimpute.sites import Sites

needs_bgen = pytest.mark.skipif(importlib.util.find_spec("bgen") is None, reason="needs the package bgen")
needs_plink2 = pytest.mark.skipif(shutil.which("plink2") is None, reason="needs plink2")
needs_vcztools = pytest.mark.skipif(importlib.util.find_spec("vcztools") is None, reason="needs vcztools")
SAMPLES = 4
Cells = dict[str, NDArray[np.float64]]


def blocks(n_alts: Sequence[int] = (1, 1, 2, 1, 3, 1)) -> list[ImputedBlock]:
    """Blocks on two chromosomes, the second one with more ALTs, haploid samples and target-only records."""
    first = imputed_block(list(n_alts[:2]) * 5, SAMPLES, 1)
    typed = np.flatnonzero(first.typed[first.record])
    seen = first.observed[first.record[typed]] >= 0
    doses = np.random.default_rng(5).random(seen.shape).astype(np.float32)
    left_out = LeftOutBlock(typed, doses, first.dosages[typed], seen)
    second = imputed_block(list(n_alts) * 300, SAMPLES, 2, chrom="21")
    haploid = np.arange(SAMPLES) == 2
    return [replace(first, left_out=left_out), replace(second, haploid=haploid)]


def with_target_only(block: ImputedBlock) -> ImputedBlock:
    sites = Sites(block.sites.chrom, np.array([3, 4]), ["T", "T"], [("G",), ("G", "A")], [".", "t1"])
    alleles = np.array([[0, 1, 1, 0, 1, 1, -1, -1], [2, 0, 0, 0, 1, 1, 0, -1]], np.int8)
    unphased = np.array([[True, False, False, False], [False] * 4])
    haploid = None if block.haploid is None else np.tile(block.haploid, (2, 1))
    return replace(block, target_only=TargetOnlyBlock(sites, alleles, unphased, haploid))


def write(out: Path, given: Sequence[ImputedBlock], kept: bool = False) -> Path:
    meta = ["##source=spinimpute", "##panel=sha256:1"]
    names = OutputNames.from_out(str(out))
    writer = open_writer(names, sample_names(SAMPLES), CONTIGS, RowFormat(True, True), meta, kept)
    with writer:
        for block in given:
            writer.write(block)
    return out


def numbers(path: Path) -> list[tuple[object, Cells]]:
    """Sites, genotypes and numbers of each record of a VCF."""
    found: list[tuple[object, Cells]] = []
    for record in cyvcf2.VCF(str(path)):
        # A field that is missing throughout may be left out.
        fields = {name: record.format(name) for name in ("DS", "AP1", "AP2", "GP")}
        cells = {name: np.float64(v) for name, v in fields.items() if v is not None and np.isfinite(v).any()}
        cells |= {"GT": record.genotype.array().astype(np.float64)}
        cells |= {
            name: np.atleast_1d(np.array(record.INFO.get(name, np.nan), np.float64))
            for name in ("AF", "DR2", "ER2")
        }
        site = record.CHROM, record.POS, record.ID, record.REF, record.ALT, record.INFO.get("IMP") is not None
        found.append((site, cells))
    return found


@needs_vcztools
@pytest.mark.parametrize("kept", [False, True])
def test_vcf_zarr_holds_what_the_vcf_does(tmp_path: Path, kept: bool) -> None:
    given = [with_target_only(block) for block in blocks()] if kept else blocks()
    vcf = write(tmp_path / "x.vcf.gz", given, kept)
    vcz = write(tmp_path / "x.vcz", given, kept)
    back = tmp_path / "back.vcf"
    with back.open("w") as file:
        subprocess.run([sys.executable, "-m", "vcztools", "view", str(vcz)], check=True, stdout=file)
    ours, theirs = numbers(vcf), numbers(back)
    assert [site for site, _ in ours] == [site for site, _ in theirs]
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        assert set(a) == set(b)
        for name in a:
            np.testing.assert_allclose(b[name], a[name], atol=6e-4, err_msg=name)


@pytest.mark.parametrize("kept", [False, True])
def test_our_reader_reads_vcf_zarr_and_vcf_alike(tmp_path: Path, kept: bool) -> None:
    given = [with_target_only(block) for block in blocks()] if kept else blocks()
    with (
        open_variants(write(tmp_path / "x.vcz", given, kept), "target") as ours,
        open_variants(write(tmp_path / "x.bcf", given, kept), "target") as theirs,
    ):
        assert (ours.samples, ours.contigs) == (theirs.samples, theirs.contigs)
        for a, b in zip(ours.blocks(50), theirs.blocks(50), strict=True):
            assert a.sites.pos.tolist() == b.sites.pos.tolist()
            assert (a.sites.chrom, a.sites.alts, a.sites.ids) == (b.sites.chrom, b.sites.alts, b.sites.ids)
            np.testing.assert_array_equal(a.alleles, b.alleles)
            het = a.alleles[:, 0::2] != a.alleles[:, 1::2]
            np.testing.assert_array_equal(a.phased[het], b.phased[het])


def test_nothing_is_left_of_a_store_that_failed(tmp_path: Path) -> None:
    names = OutputNames.from_out(str(tmp_path / "x.vcz"))
    writer = open_writer(names, sample_names(SAMPLES), CONTIGS, RowFormat())

    def fail() -> None:
        with writer:
            writer.write(blocks()[1])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


@needs_bgen
def test_bgen_holds_the_haplotype_doses(tmp_path: Path) -> None:
    from bgen import BgenReader

    given = blocks()
    with BgenReader(str(write(tmp_path / "x.bgen", given))) as file:
        assert file.samples == sample_names(SAMPLES)
        variants = iter(file)
        for block in given:
            present = block.present
            for r in range(len(block.sites)):
                variant = next(variants)
                assert (variant.chrom, variant.pos) == (block.sites.chrom, int(block.sites.pos[r]))
                assert variant.alleles == [block.sites.ref[r], *block.sites.alts[r]]
                doses = block.dosages[block.record == r]
                expected = np.concatenate([1 - doses.sum(axis=0, keepdims=True), doses]).T
                expected[~present] = np.nan
                found = np.asarray(variant.probabilities).reshape(expected.shape)
                np.testing.assert_allclose(found, expected, atol=2e-5)
        assert next(variants, None) is None


@needs_bgen
@needs_plink2
def test_plink2_reads_the_same_doses_from_bgen_and_vcf(tmp_path: Path) -> None:
    given = [imputed_block([1] * 40, SAMPLES, 3)]
    write(tmp_path / "x.bgen", given)
    write(tmp_path / "x.vcf.gz", given)
    exported = []
    for name, options in (
        ("x.bgen", ["--bgen", "x.bgen", "ref-first"]),
        ("x.vcf", ["--vcf", "x.vcf.gz", "dosage=DS"]),
    ):
        command = ["plink2", *options, "--export", "A", "--out", name, "--threads", "1"]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
        exported.append(np.loadtxt(tmp_path / f"{name}.raw", skiprows=1, usecols=range(6, 46)))
    np.testing.assert_allclose(exported[0], exported[1], atol=1e-3)


@needs_bgen
@needs_plink2
def test_plink2_makes_pgen_of_bgen_with_the_doses(tmp_path: Path) -> None:
    (given,) = [imputed_block([1] * 40, SAMPLES, 3)]
    write(tmp_path / "x.bgen", [given])
    for command in (
        ["--bgen", "x.bgen", "ref-first", "--make-pgen", "--out", "p"],
        ["--pfile", "p", "--export", "vcf", "vcf-dosage=HDS-force", "--out", "back"],
    ):
        subprocess.run(["plink2", *command, "--threads", "1"], check=True, capture_output=True, cwd=tmp_path)
    found = np.stack([record.format("HDS") for record in cyvcf2.VCF(str(tmp_path / "back.vcf"))])
    # How plink2 splits doses between haplotypes is its own affair.
    expected = given.dosages[:, 0::2] + given.dosages[:, 1::2]
    np.testing.assert_allclose(found.reshape(40, -1, 2).sum(axis=2), expected, atol=4e-4)


@needs_bgen
def test_bgen_has_no_place_for_target_only_records(tmp_path: Path) -> None:
    with pytest.raises(SpinImputeError, match="BGEN output has no place for --keep-target-only"):
        write(tmp_path / "x.bgen", blocks(), kept=True)
    assert not list(tmp_path.iterdir())
