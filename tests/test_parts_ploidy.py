"""Divided jobs with haploid samples and with records that the panel lacks: the bytes of the undivided job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import Rec, phased_records, rec, sample_names, write_vcf
from numpy.typing import NDArray
from test_retrieval import mosaics

from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.merge import PART_SUFFIX, merge
from spinimpute.part import run_part
from spinimpute.pipeline import impute
from spinimpute.plan import Plan, make_plan
from spinimpute.prepare import build_panel
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin

N_RECORDS, N_PANEL, N_TARGET = 240, 20, 5
STRETCH = range(70, 170)  # records on which men are haploid
MEN = (1, 3)
CONTIGS = {"X": None, "21": None}


def _column(pair: NDArray[np.int8], haploid: bool, mark: str = "|") -> str:
    codes = ["." if code < 0 else str(code) for code in pair.tolist()]
    return codes[0] if haploid else mark.join(codes)


def _lines(alleles: NDArray[np.int8], chosen: Sequence[int], men: Sequence[int], mark: str) -> list[Rec]:
    """Records of X of alleles (R, 2 S)."""
    found = []
    for r in chosen:
        pairs = alleles[r].reshape(-1, 2)
        columns = [_column(pair, r in STRETCH and s in men, mark) for s, pair in enumerate(pairs)]
        found.append(rec(1000 * (r + 1), "A", "C", *columns, chrom="X"))
    return found


def _lacking(rng: np.random.Generator, mark: str) -> list[Rec]:
    """Records of X that the panel lacks: before, amid, beside and after its own ones."""
    places = [500, 1500, 40_500, 71_000, 90_500, 120_500, 120_501, 200_500, 1000 * N_RECORDS + 7]
    found = []
    for place in places:
        pairs = rng.integers(-1, 2, (N_TARGET, 2))
        haploid = place // 1000 - 1 in STRETCH
        columns = [_column(pair, haploid and s in MEN, mark) for s, pair in enumerate(pairs)]
        found.append(rec(place, "G", "T", *columns, chrom="X", id=f"rs{place}"))
    return found


def _cohort(panel_men: Sequence[int], mark: str) -> tuple[list[Rec], list[Rec]]:
    """Panel and target on X with both pseudoautosomal regions, and on a chromosome without haploid samples.

    One man's genotypes are known at one haploid record alone.
    """
    rng = np.random.default_rng(5)
    alleles = mosaics(rng, N_RECORDS, 2 * (N_PANEL + N_TARGET)).astype(np.int8)
    typed = range(0, N_RECORDS, 5)
    given = alleles[:, 2 * N_PANEL :].copy()
    given[rng.random(given.shape) < 0.02] = -1
    given[[r for r in STRETCH if r != 100], 2 * MEN[1]] = -1
    panel = _lines(alleles[:, : 2 * N_PANEL], range(N_RECORDS), panel_men, "|")
    target = [*_lines(given, typed, MEN, mark), *_lacking(rng, mark)]
    target.sort(key=lambda each: each.pos)
    pos = 1500 * np.arange(1, 61)
    panel += phased_records(pos, alleles[:60, : 2 * N_PANEL], "21")
    target += phased_records(pos[::4] + np.arange(15) // 14, alleles[:60:4, 2 * N_PANEL :], "21")
    return panel, target


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    Spin(SpinConfig(width=8, layers=1, context=12, heads=4)).save(folder)
    return str(folder)


def _config(folder: Path, model: str, panel: list[Rec], target: list[Rec]) -> ImputeConfig:
    return ImputeConfig(
        ref=write_vcf(folder / "panel.bcf", panel, sample_names(N_PANEL, "p"), CONTIGS, index=True),
        gt=write_vcf(folder / "target.vcf.gz", target, sample_names(N_TARGET, "t"), CONTIGS, index=True),
        out=str(folder / "whole.vcf.gz"), model=model, window=0.03, overlap=0.03, ap=True, gp=True,
        no_version=True, keep_target_only=True, device="cpu",
    )  # fmt: skip


def _divided(config: ImputeConfig, folder: Path, n_windows: int, n_samples: int) -> tuple[Plan, Path]:
    folder.mkdir()
    make_plan(config, folder / "plan.json", n_windows, n_samples)
    plan = Plan.load(folder / "plan.json")
    for part in reversed(plan.parts()):
        run_part(plan, part.number, folder / f"{part.number}{PART_SUFFIX}", nthreads=1)
    return plan, merge(plan, [folder], str(folder / "merged.vcf.gz")).output


@pytest.mark.parametrize(("n_windows", "n_samples"), [(1, 2), (3, 1)])
@pytest.mark.parametrize("mark", ["|", "/"])
@pytest.mark.parametrize("panel_men", [(), (2, 6)], ids=["women in the panel", "men too"])
def test_haploid_samples_and_records_that_the_panel_lacks(
    tmp_path: Path, model: str, panel_men: Sequence[int], mark: str, n_windows: int, n_samples: int
) -> None:
    config = _config(tmp_path, model, *_cohort(panel_men, mark))
    whole = impute(config)
    plan, merged = _divided(config, tmp_path / "parts", n_windows, n_samples)
    assert plan.ploidy["X"].samples == ["t1", "t3"]
    assert set(plan.ploidy) == {"X"}
    assert plan.windows > 9
    assert merged.read_bytes() == whole.output.read_bytes()
    for suffix in ("vcf.gz.tbi", "variants.tsv.gz"):
        assert (tmp_path / f"parts/merged.{suffix}").read_bytes() == (
            tmp_path / f"whole.{suffix}"
        ).read_bytes()


@pytest.mark.parametrize("men", [(), (2, 6)])
def test_a_region_of_a_prepared_panel(tmp_path: Path, model: str, men: Sequence[int]) -> None:
    config = replace(_config(tmp_path, model, *_cohort(men, "|")), chrom="X:40000-150000")
    build_panel(config.ref, tmp_path / "panel.spanel")
    config = replace(config, ref=tmp_path / "panel.spanel")
    whole = impute(config)
    plan, merged = _divided(config, tmp_path / "parts", 1, 2)
    assert merged.read_bytes() == whole.output.read_bytes()
    text = merge(plan, [merged.parent], str(tmp_path / "one.vcf.gz"), "X").output.read_bytes()
    assert text == merged.read_bytes()


def test_a_chromosome_of_haploid_samples_alone(tmp_path: Path, model: str) -> None:
    panel, target = _cohort((), "|")
    panel = [replace(each, columns=tuple(c[0] for c in each.columns)) for each in panel]
    target = [replace(each, columns=tuple(c[0] for c in each.columns)) for each in target]
    config = replace(_config(tmp_path, model, panel, target), gp=False)
    whole = impute(config)
    _, merged = _divided(config, tmp_path / "parts", 2, 2)
    assert merged.read_bytes() == whole.output.read_bytes()


@pytest.mark.parametrize("name", ["x.bcf", "x.vcz"])
def test_other_formats(tmp_path: Path, model: str, name: str) -> None:
    config = _config(tmp_path, model, *_cohort((2, 6), "|"))
    whole = impute(replace(config, out=str(tmp_path / name))).output
    plan, merged = _divided(config, tmp_path / "parts", 3, 2)
    found = merge(plan, [merged.parent], str(tmp_path / f"merged-{name}")).output
    if whole.is_file():
        assert found.read_bytes() == whole.read_bytes()
        return
    for path in whole.rglob("*"):
        other = found / path.relative_to(whole)
        assert path.is_dir() or other.read_bytes() == path.read_bytes()


def test_the_records_kept_beside_a_plan_are_needed(tmp_path: Path, model: str) -> None:
    config = _config(tmp_path, model, *_cohort((), "|"))
    plan, merged = _divided(config, tmp_path / "parts", 100, 5)
    path = plan.target_only.path
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SpinImputeError, match="make the plan again"):
        merge(plan, [merged.parent], str(tmp_path / "out"))
    assert not list(tmp_path.glob("out*"))


def test_a_position_of_two_ploidies_is_refused(tmp_path: Path, model: str) -> None:
    panel, target = _cohort((2, 6), "|")
    at = STRETCH[0]
    again = replace(panel[at - 1], pos=panel[at].pos, alt="T")
    config = _config(tmp_path, model, [*panel[:at], again, *panel[at:]], target)
    with pytest.raises(SpinImputeError, match=r"X:71000: records at one position must have one ploidy"):
        make_plan(config, tmp_path / "plan.json", 1, 1)
