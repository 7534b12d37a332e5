"""Whole imputations of input at the edge of what there is: few sites, samples, haplotypes, chromosomes."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cyvcf2
import numpy as np
import pytest
import torch
from builders import Rec, phased_records, sample_names, write_vcf
from numpy.typing import NDArray
from test_retrieval import mosaics

from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.pipeline import impute
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin
from spinimpute.tally import ImputeSummary

N_RECORDS, N_PANEL, N_TARGET = 240, 20, 3  # records of a chromosome, people


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    Spin(SpinConfig(width=8, layers=1, context=12, heads=4)).save(folder)
    return str(folder)


@pytest.fixture
def config(model: str, tmp_path: Path) -> ImputeConfig:
    return ImputeConfig(
        ref=tmp_path / "panel.vcf.gz", gt=tmp_path / "target.vcf.gz", out=str(tmp_path / "out"), model=model,
        window=0.2, overlap=0.2, ap=True,
    )  # fmt: skip


def haplotypes(seed: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Positions (R,) in 1.2 cM and alleles (R, N + T), the target's last."""
    rng = np.random.default_rng(seed)
    pos = np.cumsum(rng.integers(2000, 8000, N_RECORDS))
    return pos, mosaics(rng, N_RECORDS, 2 * (N_PANEL + N_TARGET)).astype(np.int8)


def panel(seed: int = 1, chrom: str = "20", people: int = N_PANEL) -> list[Rec]:
    pos, alleles = haplotypes(seed)
    return phased_records(pos, alleles[:, : 2 * people], chrom)


def target(
    seed: int = 1, chrom: str = "20", rows: slice | list[int] = slice(None, None, 4), people: int = N_TARGET
) -> list[Rec]:
    pos, alleles = haplotypes(seed)
    return phased_records(pos[rows], alleles[rows, 2 * N_PANEL :][:, : 2 * people], chrom)


def run(config: ImputeConfig, ref: Sequence[Rec], gt: Sequence[Rec]) -> ImputeSummary:
    """Write the files and impute."""
    contigs = {each.chrom: None for each in [*ref, *gt]}
    write_vcf(config.ref, ref, sample_names(len(ref[0].columns), "p"), contigs=contigs)
    write_vcf(config.gt, gt, sample_names(len(gt[0].columns), "t"), contigs=contigs)
    return impute(config)


def rows(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt") as file:
        return [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]


def fates(config: ImputeConfig) -> list[list[str]]:
    """Position, fate and detail of each target record."""
    with gzip.open(f"{config.out}.variants.tsv.gz", "rt") as file:
        columns = [line.rstrip("\n").split("\t") for line in file][1:]
    return [[row[1], *row[5:]] for row in columns]


def test_a_window_without_typed_sites(config: ImputeConfig, caplog: pytest.LogCaptureFixture) -> None:
    ref = panel()
    typed = [each for each in target() if each.pos < 300_000]
    done = run(config, ref, typed)
    assert done.records == N_RECORDS
    (warning,) = [text for text in caplog.messages if "without a typed record" in text]
    assert "window(s) without a typed record that varies in the panel" in warning
    assert "DR2 is 0" in warning
    _, alleles = haplotypes()
    for number, record in enumerate(cyvcf2.VCF(str(done.output))):
        if record.POS > 900_000:
            # (k + 1/2) / (n + 1), the panel's frequency of the rarer allele, or of the commoner one.
            share = (alleles[number, : 2 * N_PANEL].sum() + 0.5) / (2 * N_PANEL + 1)
            np.testing.assert_allclose(record.format("AP1"), share, atol=1e-3)
            np.testing.assert_allclose(record.format("DS"), 2 * share, atol=2e-3)
            assert record.INFO["DR2"] == 0


def test_one_typed_site(config: ImputeConfig, caplog: pytest.LogCaptureFixture) -> None:
    done = run(config, panel(), target(rows=[120]))
    assert (done.records, done.typed) == (N_RECORDS, 1)
    assert any("without a typed record" in text for text in caplog.messages)


def test_one_sample(config: ImputeConfig, caplog: pytest.LogCaptureFixture) -> None:
    done = run(config, panel(), target(people=1))
    assert (done.samples, done.records) == (1, N_RECORDS)
    assert any("with one sample it is undefined" in text for text in caplog.messages)
    caplog.clear()
    run(config, panel(), target())
    assert not caplog.messages


def test_a_sample_without_any_genotype(config: ImputeConfig) -> None:
    gt = target()
    bare = [replace(each, columns=(*each.columns[:-1], ".|.")) for each in gt]
    done = run(config, panel(), bare)
    for row in rows(done.output):
        genotype, dose = row[-1].split(":")[:2]
        assert "." not in genotype
        assert 0 <= float(dose) <= 2
    # Nor does it change what is found for the others.
    others = [row[9:11] for row in rows(done.output)]
    assert others == [row[9:11] for row in rows(run(config, panel(), gt).output)]


def test_a_target_without_any_genotype(config: ImputeConfig) -> None:
    bare = [replace(each, columns=(".|.",) * N_TARGET) for each in target()]
    assert run(config, panel(), bare).records == N_RECORDS


def test_a_panel_of_two_haplotypes(config: ImputeConfig) -> None:
    done = run(config, panel(people=1), target())
    assert (done.panel_haplotypes, done.records) == (2, N_RECORDS)


def test_a_panel_that_never_varies(config: ImputeConfig) -> None:
    flat = [replace(each, columns=("0|0",) * N_PANEL) for each in panel()]
    done = run(config, flat, target())
    assert done.records == N_RECORDS
    assert [row[9].split(":")[0] for row in rows(done.output)][::4] == [r.columns[0] for r in target()]


def test_unphased_where_the_panel_has_nothing(config: ImputeConfig) -> None:
    """Then there is nothing to phase by, and nothing that needs it."""
    gt = target()
    gt[5] = replace(gt[5], pos=gt[5].pos + 1, columns=("0/1",) * N_TARGET)
    done = run(config, panel(), gt)
    assert (done.records, done.fates) == (N_RECORDS, {"used": len(gt) - 1, "target-only": 1})


def test_nothing_to_impute(config: ImputeConfig) -> None:
    gt = target(rows=slice(None))
    done = run(config, panel(), gt)
    assert (done.typed, done.imputed, done.mean_dr2) == (N_RECORDS, 0, 0)
    assert [[cell.split(":")[0] for cell in row[9:]] for row in rows(done.output)] == [
        list(each.columns) for each in gt
    ]


def test_one_record_in_all(config: ImputeConfig) -> None:
    done = run(config, panel()[5:6], target(rows=[5]))
    assert (done.records, done.typed) == (1, 1)


def test_more_target_sites_than_panel_sites(config: ImputeConfig) -> None:
    ref = panel()[::4]
    gt = target(rows=slice(None))
    done = run(config, ref, gt)
    assert (done.records, done.typed) == (len(ref), len(ref))
    assert done.fates == {"used": len(ref), "target-only": len(gt) - len(ref)}
    assert [fate for _, fate, _ in fates(config)][:4] == ["used", *["target-only"] * 3]


def test_files_without_genotypes(config: ImputeConfig) -> None:
    write_vcf(config.ref, panel(), sample_names(N_PANEL, "p"))
    write_vcf(config.gt, [replace(each, columns=()) for each in target()], [])
    with pytest.raises(SpinImputeError, match="must have samples"):
        impute(config)


@pytest.mark.parametrize("prefix", ["", "chr"])
def test_chromosomes_in_other_orders(
    config: ImputeConfig, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    ref = [*panel(2, "21"), *panel(1, "20"), *panel(3, "1")]
    gt = [*target(4, f"{prefix}22"), *target(1, f"{prefix}20"), *target(2, f"{prefix}21")]
    done = run(config, ref, gt)
    assert list(dict.fromkeys(row[0] for row in rows(done.output))) == ["21", "20"]
    assert done.records == 2 * N_RECORDS
    assert "chromosome 1 is only in the panel and is left out" in caplog.messages
    assert f"chromosome {prefix}22 is only in the target and is not imputed" in caplog.messages
    alone = run(config, panel(1, "20"), target(1, "20"))
    assert rows(alone.output) == [row for row in rows(done.output) if row[0] == "20"]


@pytest.mark.parametrize("spelling", ["20", "chr20"])
@pytest.mark.parametrize("names", [("20", "20"), ("chr20", "20"), ("20", "chr20"), ("chr20", "chr20")])
@pytest.mark.parametrize("form", ["{}", "{}:{}-{}", "{}:-{}", "{}:{}-"])
def test_regions(config: ImputeConfig, form: str, names: tuple[str, str], spelling: str) -> None:
    pos, _ = haplotypes()
    low, high = int(pos[60]), int(pos[179])
    bounds = {"{}": (0, N_RECORDS), "{}:{}-{}": (60, 180), "{}:-{}": (0, 180), "{}:{}-": (60, N_RECORDS)}
    given = (high,) if form == "{}:-{}" else (low, high)
    config = replace(config, chrom=form.format(spelling, *given), window=2)
    ref = [*panel(2, "1"), *panel(1, names[0])]
    done = run(config, ref, [*target(1, names[1]), *target(2, "1")])
    first, last = bounds[form]
    assert [(row[0], int(row[1])) for row in rows(done.output)] == [(names[0], p) for p in pos[first:last]]


@pytest.mark.parametrize(
    ("chrom", "ref", "gt"),
    [("21", "20", "21"), ("20", "20", "21"), ("22", "20", "20"), ("20:1-5", "20", "20")],
)
def test_a_region_that_a_file_lacks(config: ImputeConfig, chrom: str, ref: str, gt: str) -> None:
    with pytest.raises(SpinImputeError, match=r"must share a chromosome|must have records"):
        run(replace(config, chrom=chrom), panel(1, ref), target(1, gt))
    assert not [path for path in config.ref.parent.iterdir() if path.name.startswith("out")]
