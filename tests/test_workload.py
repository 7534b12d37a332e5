"""What a dry run counts, against the imputation itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam.bcftools
import pytest
import torch
from builders import Rec, phased_records, sample_names, write_vcf, write_vcz
from test_retrieval import mosaics

from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.inference import CHAIN_ANCHORS, SPARSE_CONTEXT
from spinimpute.io.contents import Kind
from spinimpute.pipeline import impute
from spinimpute.prepare import build_panel
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin
from spinimpute.workload import survey

N_RECORDS, N_PANEL, N_TARGET, LAYERS = 400, 40, 5, 1
TYPED = slice(None, None, 6)


def records() -> tuple[list[Rec], list[Rec]]:
    """Panel and target on chromosomes 20 and 21."""
    panel, target = [], []
    for seed, chrom in ((1, "20"), (2, "21")):
        rng = np.random.default_rng(seed)
        pos = np.cumsum(rng.integers(500, 9000, N_RECORDS))
        alleles = mosaics(rng, N_RECORDS, 2 * (N_PANEL + N_TARGET)).astype(np.int8)
        panel += phased_records(pos, alleles[:, : 2 * N_PANEL], chrom)
        target += phased_records(pos[TYPED], alleles[TYPED, 2 * N_PANEL :], chrom)
    return panel, target


@pytest.fixture(scope="module")
def fx_config(tmp_path_factory: pytest.TempPathFactory) -> ImputeConfig:
    """A panel without and a target with an index, on chromosomes 20 and 21."""
    folder = tmp_path_factory.mktemp("workload")
    torch.manual_seed(1)
    Spin(SpinConfig(width=8, layers=LAYERS, context=12, heads=4)).save(folder / "tiny")
    panel, target = records()
    write_vcf(folder / "panel.bcf", panel, sample_names(N_PANEL, "p"))
    write_vcf(folder / "target.vcf.gz", target, sample_names(N_TARGET, "t"), index=True)
    return ImputeConfig(
        ref=folder / "panel.bcf", gt=folder / "target.vcf.gz", out=str(folder / "out"),
        model=str(folder / "tiny"), window=1.0, overlap=0.4, nthreads=1, device="cpu",
    )  # fmt: skip


@pytest.fixture
def config(fx_config: ImputeConfig, tmp_path: Path) -> ImputeConfig:
    return replace(fx_config, out=str(tmp_path / "out"))


def test_counts_are_those_of_the_imputation(config: ImputeConfig) -> None:
    work, summary = survey(config), impute(config)
    assert (work.samples, work.panel_haplotypes) == (summary.samples, summary.panel_haplotypes)
    assert (work.records, work.windows.typed) == (summary.records, summary.typed)
    assert (work.threads, work.device, work.model) == (1, "cpu", "tiny")
    assert work.panel is Kind.BINARY
    assert 0 < work.minor_share < 0.5


def test_nothing_is_written(config: ImputeConfig, tmp_path: Path) -> None:
    before = sorted(config.ref.parent.iterdir())
    survey(config)
    assert sorted(config.ref.parent.iterdir()) == before
    assert not list(tmp_path.iterdir())


def test_windows_by_hand(config: ImputeConfig, tmp_path: Path) -> None:
    """41 typed records from 0.5 to 2.5 cM, one every 0.05: cores of 20, 20 and 1 with 8 before and
    9 after, where there are so many.
    """
    target = tmp_path / "target.vcf.gz"
    pos = 500_000 + 50_000 * np.arange(41)
    write_vcf(target, phased_records(pos, np.zeros((41, 2), np.int8)), ["t"])
    windows = survey(replace(config, gt=target, overlap=0.42)).windows
    halo = LAYERS + CHAIN_ANCHORS
    assert (windows.count, windows.typed) == (3, 41)
    assert windows.share == pytest.approx(20 / 41)
    assert windows.flanked_share == pytest.approx(29 / 41)
    # So far apart every second gap has an anchor, and the last one.
    sides = [min(n, halo) for n in (5, 4, 2, 4)]
    assert windows.tokens == SPARSE_CONTEXT * (sum(n + 2 for n in (10, 10, 2)) + sum(sides))


def test_an_index_narrows_to_shared_chromosomes_and_regions(config: ImputeConfig, tmp_path: Path) -> None:
    panel = tmp_path / "panel.bcf"
    panel.write_bytes(config.ref.read_bytes())
    pysam.bcftools.index("-f", str(panel), catch_stdout=False)
    indexed = replace(config, ref=panel)
    whole, one, part = (survey(replace(indexed, chrom=c)) for c in (None, "chr20", "20:1-900000"))
    assert whole.counted
    assert (whole.records, one.records) == (2 * N_RECORDS, N_RECORDS)
    exact = impute(replace(indexed, chrom="20:1-900000")).records
    assert part.records == pytest.approx(exact, rel=0.2)
    assert not part.counted
    assert part.read_records == part.records
    unindexed = survey(replace(config, chrom="20:1-900000"))
    assert unindexed.read_records == 2 * N_RECORDS
    assert unindexed.records == pytest.approx(2 * exact, rel=0.2)


@pytest.fixture(params=[Kind.PREPARED, Kind.ZARR])
def other_panel(request: pytest.FixtureRequest, config: ImputeConfig, tmp_path: Path) -> Path:
    """The panel as a file of another kind, whose name tells which."""
    kind: Kind = request.param
    panel = tmp_path / kind.value
    if kind is Kind.PREPARED:
        build_panel(config.ref, panel)
        return panel
    return write_vcz(panel, records()[0], sample_names(N_PANEL, "p"))


@pytest.mark.parametrize("chrom", [None, "chr21", "20:300000-900000"])
def test_prepared_panels_and_vcf_zarr_are_counted(
    config: ImputeConfig, other_panel: Path, chrom: str | None
) -> None:
    asked = replace(config, ref=other_panel, chrom=chrom)
    found, exact, same = survey(asked), impute(asked), survey(replace(config, chrom=chrom))
    assert found.panel is Kind(other_panel.name)
    assert (found.records, found.read_records, found.counted) == (exact.records, exact.records, True)
    assert found.windows == same.windows
    assert found.panel_haplotypes == same.panel_haplotypes
    assert 0 < found.minor_share < 0.5


def test_bad_panels_of_other_kinds_are_refused(
    config: ImputeConfig, other_panel: Path, tmp_path: Path
) -> None:
    shared, elsewhere = tmp_path / "shared.vcf.gz", tmp_path / "elsewhere.vcf"
    write_vcf(shared, phased_records([700], np.zeros((1, 2), np.int8)), ["p3"])
    with pytest.raises(SpinImputeError, match="must not share samples"):
        survey(replace(config, ref=other_panel, gt=shared))
    write_vcf(elsewhere, phased_records([700], np.zeros((1, 2), np.int8), "19"), ["t"])
    with pytest.raises(SpinImputeError, match="must share a chromosome"):
        survey(replace(config, ref=other_panel, gt=elsewhere))
    # A chunk that names the second contig, as one of zeros has no file.
    part = other_panel / "variant_contig" / "7" if other_panel.is_dir() else other_panel
    part.write_bytes(part.read_bytes()[:5] if other_panel.is_dir() else part.read_bytes()[:-10])
    with pytest.raises(SpinImputeError, match="damaged") as caught:
        survey(replace(config, ref=other_panel))
    assert "\n" not in str(caught.value)


def test_bad_input_is_refused_as_by_the_imputation(config: ImputeConfig, tmp_path: Path) -> None:
    with pytest.raises(SpinImputeError, match="does not exist"):
        survey(replace(config, ref=tmp_path / "absent"))
    with pytest.raises(SpinImputeError, match="output directory does not exist"):
        survey(replace(config, out=str(tmp_path / "no" / "out")))
    unphased = tmp_path / "unphased.vcf"
    unphased.write_text(pysam.bcftools.view(str(config.ref)).replace("|", "/"))
    with pytest.raises(SpinImputeError, match="panel genotypes must be phased"):
        survey(replace(config, ref=unphased))
    shared = tmp_path / "shared.vcf.gz"
    write_vcf(shared, phased_records([700], np.zeros((1, 2), np.int8)), ["p3"])
    with pytest.raises(SpinImputeError, match="must not share samples"):
        survey(replace(config, gt=shared))
    assert survey(replace(config, gt=shared, allow_overlap=True)).panel_haplotypes == 2 * N_PANEL - 2
