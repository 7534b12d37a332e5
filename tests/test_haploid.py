"""Whole imputations of chromosomes with haploid samples in panel, target or both."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cyvcf2
import numpy as np
import pytest
from builders import Rec, rec, sample_names, write_vcf
from numpy.typing import NDArray
from test_edge_cases import N_PANEL, N_RECORDS, config, haplotypes, model, rows

from spinimpute.config import ImputeConfig
from spinimpute.pipeline import impute
from spinimpute.prepare import build_panel

__all__ = ["config", "model"]

BEGIN, END = 80, 200  # records of the haploid stretch
TYPED = range(0, N_RECORDS, 4)
TARGET = 2 * N_PANEL  # the target's first haplotype; it has 6


def lines(
    alleles: NDArray[np.int8], chosen: Sequence[int], haploid: Sequence[int], stretch: tuple[int, int]
) -> list[Rec]:
    """Records of alleles (R, 2 S), on the stretch with the first alleles only of some samples."""
    pos, _ = haplotypes()
    found = []
    for r in chosen:
        one = haploid if stretch[0] <= r < stretch[1] else ()
        columns = [
            f"{alleles[r, 2 * s]}" if s in one else f"{alleles[r, 2 * s]}|{alleles[r, 2 * s + 1]}"
            for s in range(alleles.shape[1] // 2)
        ]
        found.append(rec(int(pos[r]), "A", "C", *columns, chrom="X"))
    return found


def run(config: ImputeConfig, name: str, ref: list[Rec], gt: list[Rec], **options: object) -> Path:
    folder = config.ref.parent / name
    folder.mkdir()
    contigs = {"X": None}
    ref_file = write_vcf(folder / "panel.vcf.gz", ref, sample_names(len(ref[0].columns), "p"), contigs)
    gt_file = write_vcf(folder / "target.vcf.gz", gt, sample_names(len(gt[0].columns), "t"), contigs)
    given = replace(config, ref=ref_file, gt=gt_file, out=str(folder / "out"), **options)
    return impute(given).output


def fields(row: list[str], sample: int) -> list[str]:
    return row[9 + sample].split(":")


def test_haploid_targets_get_what_their_haplotype_would_in_a_diploid(config: ImputeConfig) -> None:
    _, alleles = haplotypes()
    ref = lines(alleles[:, :TARGET], range(N_RECORDS), (), (0, 0))
    doubled = alleles[:, TARGET:].copy()
    doubled[:, 3] = doubled[:, 2]
    whole = (0, N_RECORDS)
    one = rows(run(config, "one", ref, lines(doubled, TYPED, (1,), whole), gp=True))
    two = rows(run(config, "two", ref, lines(doubled, TYPED, (), whole), gp=True))
    assert len(one) == len(two) == N_RECORDS
    for a, b in zip(one, two, strict=True):
        assert a[8] == "GT:DS:AP1:AP2:GP"
        assert a[9] == b[9]
        assert a[11] == b[11]
        gt, ds, ap1 = fields(a, 1)
        assert [gt, ap1] == [fields(b, 1)[0][0], fields(b, 1)[2]]
        assert ds == ap1
        present = [float(fields(b, s)[2 + h]) for s, h in ((0, 0), (0, 1), (1, 0), (2, 0), (2, 1))]
        assert float(a[7].split("AF=")[1].split(";")[0]) == pytest.approx(np.mean(present), abs=6e-4)


def test_fields_of_haploid_samples_without_ap(config: ImputeConfig) -> None:
    _, alleles = haplotypes()
    ref = lines(alleles[:, :TARGET], range(N_RECORDS), (), (0, 0))
    gt = lines(alleles[:, TARGET:], TYPED, (0, 1, 2), (0, N_RECORDS))
    for row in rows(run(config, "all", ref, gt, ap=False, gp=True)):
        assert row[8] == "GT:DS:GP"
        assert all(cell.count(":") == 1 and "|" not in cell for cell in row[9:])


def test_haploid_panel_samples_count_once(config: ImputeConfig) -> None:
    _, alleles = haplotypes()
    men = alleles[:, :TARGET]
    whole = (0, N_RECORDS)
    gt = lines(alleles[:, TARGET:], TYPED, (), whole)
    pairs = rows(run(config, "pairs", lines(men, range(N_RECORDS), (), whole), gt))
    # The same haplotypes in the same order: the last two people become four men.
    apart = np.concatenate([men[:, :-4], np.repeat(men[:, -4:], 2, axis=1)], axis=1)
    n = apart.shape[1] // 2
    single = rows(run(config, "single", lines(apart, range(N_RECORDS), range(n - 4, n), whole), gt))
    assert [row[4:] for row in single] == [row[4:] for row in pairs]


@pytest.mark.parametrize("panel_men", [(), (2, 5)])
def test_par_and_mixed_cohort(config: ImputeConfig, panel_men: tuple[int, ...]) -> None:
    pos, alleles = haplotypes()
    stretch = (BEGIN, END)
    ref = lines(alleles[:, :TARGET], range(N_RECORDS), panel_men, stretch)
    gt = lines(alleles[:, TARGET:], TYPED, (1,), stretch)
    output = run(config, "par", ref, gt)
    found = rows(output)
    assert [int(row[1]) for row in found] == pos.tolist()
    one = [r for r, row in enumerate(found) if "|" not in fields(row, 1)[0]]
    assert one == list(range(one[0], one[-1] + 1))
    if panel_men:
        assert (one[0], one[-1] + 1) == stretch
    else:
        # Halfway between typed records of either kind.
        assert BEGIN - 4 < one[0] <= BEGIN
        assert END - 4 <= one[-1] < END
    typed = {
        rec.POS: rec.genotype.array() for rec in cyvcf2.VCF(str(config.ref.parent / "par/target.vcf.gz"))
    }
    for record in cyvcf2.VCF(str(output)):
        if record.POS in typed:
            np.testing.assert_array_equal(record.genotype.array()[:, :2], typed[record.POS][:, :2])


def test_prepared_panels_give_the_same(config: ImputeConfig) -> None:
    _, alleles = haplotypes()
    ref = lines(alleles[:, :TARGET], range(N_RECORDS), (2, 5), (BEGIN, END))
    gt = lines(alleles[:, TARGET:], TYPED, (1,), (BEGIN, END))
    expected = rows(run(config, "a", ref, gt))
    folder = config.ref.parent / "a"
    build_panel(folder / "panel.vcf.gz", folder / "p.spanel")
    again = replace(config, ref=folder / "p.spanel", gt=folder / "target.vcf.gz", out=str(folder / "again"))
    assert rows(impute(again).output) == expected


def test_phasing_alone_and_target_only_records(config: ImputeConfig) -> None:
    pos, alleles = haplotypes()
    ref = lines(alleles[:, :TARGET], range(N_RECORDS), (), (0, 0))
    gt = lines(alleles[:, TARGET:], TYPED, (1,), (BEGIN, END))
    middle = next(i for i, each in enumerate(gt) if each.pos > pos[BEGIN + 20])
    gt.insert(middle, rec(gt[middle].pos - 1, "A", "G", "0/1", "1", "1|0", chrom="X"))
    gt[middle + 1] = replace(gt[middle + 1], columns=("1/0", ".", "0|1"))
    found = rows(run(config, "kept", ref, gt, impute=False, keep_target_only=True, ap=False))
    kept = next(row for row in found if row[7] == "TYPED_ONLY")
    assert kept[9:] == ["0/1:.", "1:.", "1|0:."]
    filled = found[found.index(kept) + 1]
    gt_, ds = fields(filled, 1)
    assert gt_ in {"0", "1"}
    assert 0 <= float(ds) <= 1
    assert "|" in filled[9]


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools")
def test_bcftools_sees_the_ploidy(config: ImputeConfig) -> None:
    _, alleles = haplotypes()
    ref = lines(alleles[:, :TARGET], range(N_RECORDS), (2, 5), (BEGIN, END))
    output = run(config, "b", ref, lines(alleles[:, TARGET:], TYPED, (1,), (BEGIN, END)), gp=True)
    packed = output.with_name("again.bcf")
    subprocess.run(["bcftools", "view", "-Ob", "-o", packed, output], check=True)
    command = ["bcftools", "+check-ploidy", packed]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    man = [line.split("\t") for line in text.splitlines() if line.startswith("t1")]
    assert [line[-1] for line in man] == ["2", "1", "2"]
    tags = ["bcftools", "+fill-tags", packed, "--", "-t", "AN"]
    filled = subprocess.run(tags, check=True, capture_output=True, text=True).stdout
    counts = {
        line.split("AN=")[1].split("\t")[0].split(";")[0]
        for line in filled.splitlines()
        if "AN=" in line and line[0] != "#"
    }
    assert counts == {"5", "6"}
