"""Evaluations against other programs: the project's own meter, and bcftools stats."""

from __future__ import annotations

import importlib.util
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from builders import phased_records, rec, sample_names, write_vcf
from evaluation_sets import META

from spinimpute.config import MAF_EDGES
from spinimpute.evaluation.comparison import Fate, Files
from spinimpute.evaluation.run import evaluate

METER = Path(__file__).parents[2].parent / "shared" / "tools" / "score.py"


def test_agrees_with_the_projects_meter(tmp_path: Path) -> None:
    if not METER.exists():
        pytest.skip(f"{METER.name} is not beside this checkout")
    spec = importlib.util.spec_from_file_location("meter", METER)
    assert spec is not None
    assert spec.loader is not None
    meter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(meter)
    # The meter knows positions alone, and one ALT: one chromosome, and no multiallelic record.
    rng = np.random.default_rng(4)
    share = rng.choice([0.002, 0.01, 0.3], (300, 1))
    alleles = (rng.random((300, 2 * 400)) < share).astype(np.int8)
    pos = np.arange(1, 301) * 10
    panel = write_vcf(tmp_path / "panel.vcf", phased_records(pos, alleles[:, 80:]), sample_names(360, "p"))
    truth = write_vcf(tmp_path / "truth.vcf", phased_records(pos, alleles[:, :80]), sample_names(40))
    typed = write_vcf(tmp_path / "typed.vcf", phased_records(pos[::5], alleles[::5, :80]), sample_names(40))
    doses = alleles[:, 0:80:2] + alleles[:, 1:80:2] + rng.normal(0, 0.3, (300, 40))
    rows = [
        rec(int(p), "A", "C", *[f"0|0:{max(0, min(2, dose)):.3f}" for dose in row], fmt="GT:DS")
        for p, row in zip(pos[:-20], doses, strict=False)
    ]
    imputed = write_vcf(tmp_path / "imputed.vcf", rows, sample_names(40), meta=META)
    scores, missing = meter.score(str(truth), str(panel), str(typed), [str(imputed)], quiet=True)[
        str(imputed)
    ]
    found = evaluate(Files(truth, imputed, panel, typed))
    ours = [row.r2 for row in found.by_maf if "-" in row.name]
    assert len(ours) == len(MAF_EDGES) - 1
    assert [*ours, found.overall.r2] == pytest.approx(scores, rel=1e-5, nan_ok=True)
    assert found.fates[Fate.PRIOR] == missing == 16


def bcftools_stats(*words: object) -> list[list[str]]:
    output = subprocess.run(
        ["bcftools", "stats", *map(str, words)], check=True, capture_output=True, text=True
    )
    return [line.split("\t") for line in output.stdout.splitlines() if not line.startswith("#")]


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Truth and calls without DS, SNPs and indels, ALT always minor and carried at least twice."""
    folder, rng = tmp_path_factory.mktemp("called"), np.random.default_rng(6)
    share = rng.choice([0.04, 0.12, 0.35], 150)
    alleles = (rng.random((150, 60)) < share[:, None]).astype(np.int8)
    alleles[:, :2] = 1
    alleles = alleles[alleles.sum(axis=1) < 30]
    wrong = np.where(rng.random(alleles.shape) < 0.15, 1 - alleles, alleles)
    paths = []
    for name, values in (("truth", alleles), ("calls", wrong)):
        records = phased_records(np.arange(len(values)) * 10 + 1, values)
        records = [rec(r.pos, r.ref, "AC" if i % 3 == 0 else "C", *r.columns) for i, r in enumerate(records)]
        paths.append(write_vcf(folder / f"{name}.vcf.gz", records, index=True))
    return paths[0], paths[1]


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_agrees_with_bcftools_stats(called: tuple[Path, Path]) -> None:
    inner = (0.08, 0.21)  # no frequency k / 60 is an edge: bcftools has the lower edge, we the upper
    found = evaluate(Files(*called), (0.0, *inner, 0.5))
    assert any("no DS" in note for note in found.notes)
    rows = bcftools_stats("-s", "-", "--af-bins", "0.08,0.21,0.5", *called)
    measured = {row.name: row for row in found.by_maf_and_type}
    compared = 0
    for tag, kind_name in (("GCsAF", "SNP"), ("GCiAF", "indel")):
        for row in (row for row in rows if row[0] == tag):
            middle, counts, theirs, genotypes = (
                float(row[2]),
                list(map(int, row[3:9])),
                float(row[9]),
                int(row[10]),
            )
            low, high = next((a, b) for a, b in ((0, 0.08), (0.08, 0.21), (0.21, 0.5)) if a <= middle <= b)
            ours = measured[f"{low:g}-{high:g} {kind_name}"]
            assert ours.genotypes == genotypes == sum(counts)
            assert ours.r2 == pytest.approx(theirs, abs=2e-6)
            assert ours.concordance.all == pytest.approx(sum(counts[:3]) / sum(counts))
            compared += 1
    assert compared == 6
    types = {row.name: row for row in found.by_type}
    for tag, kind_name in (("NRDs", "SNP"), ("NRDi", "indel")):
        (row,) = [row for row in rows if row[0] == tag]
        assert 100 * (1 - types[kind_name].concordance.non_reference) == pytest.approx(
            float(row[2]), abs=1e-5
        )


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_samples_agree_with_bcftools_stats(called: tuple[Path, Path], tmp_path: Path) -> None:
    snps = []
    for path in called:
        snps.append(tmp_path / path.name)
        subprocess.run(["bcftools", "view", "-v", "snps", "-Oz", "-o", snps[-1], path], check=True)
        subprocess.run(["bcftools", "index", snps[-1]], check=True)
    found = evaluate(Files(*snps))
    rows = [row for row in bcftools_stats("-s", "-", *snps) if row[0] == "GCsS"]
    assert len(rows) == len(found.by_sample) == 30
    for row, ours in zip(rows, found.by_sample, strict=True):
        assert row[2] == ours.name
        assert 100 * (1 - ours.concordance.non_reference) == pytest.approx(float(row[3]), abs=1e-3)
        # The truth of the first sample is constant, which bcftools calls 0.
        assert (0.0 if math.isnan(ours.r2) else ours.r2) == pytest.approx(float(row[10]), abs=2e-6)
    assert [math.isnan(ours.r2) for ours in found.by_sample] == [True] + 29 * [False]
