"""Divided and resumed jobs: the bytes of the undivided one, and clear errors where that cannot be."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import Rec, phased_records, sample_names, write_vcf
from test_retrieval import mosaics
from typer.testing import CliRunner

from spinimpute import kept, phasing, windows
from spinimpute.cli import app
from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.imputed import ImputedWindow
from spinimpute.inference import Engine
from spinimpute.io.parcels import ParcelFile, ParcelWriter
from spinimpute.merge import PART_SUFFIX, merge
from spinimpute.part import LABEL, PartLabel, run_part, window_name
from spinimpute.pipeline import impute
from spinimpute.plan import Plan, make_plan
from spinimpute.prepare import build_panel
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.model import Spin
from spinimpute.windows import Window

N_RECORDS, N_PANEL, N_TARGET = 300, 30, 5  # records of a chromosome, people
SAMPLES = sample_names(N_TARGET, "t")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    Spin(SpinConfig(width=8, layers=1, context=12, heads=4)).save(folder)
    return str(folder)


def _records(unphased: bool) -> tuple[list[Rec], list[Rec]]:
    """Panel and target on two chromosomes; the second has a stretch without typed records, A/T and C/G sites,
    and records with alleles swapped.
    """
    panel, target = [], []
    for seed, chrom in enumerate(("20", "21")):
        rng = np.random.default_rng(seed)
        pos = np.cumsum(rng.integers(500, 9000, N_RECORDS))
        alleles = mosaics(rng, N_RECORDS, 2 * (N_PANEL + N_TARGET)).astype(np.int8)
        ref, alt = ("A", "T") if seed else ("A", "C")
        panel += phased_records(pos, alleles[:, : 2 * N_PANEL], chrom, ref, alt)
        typed = np.arange(0, N_RECORDS, 5)
        if seed:
            typed = typed[(typed < 80) | (typed > 220)]
        given = alleles[typed, 2 * N_PANEL :].copy()
        given[rng.random(given.shape) < 0.02] = -1
        target += phased_records(pos[typed], given, chrom, ref, alt)
    if unphased:
        target = [replace(each, columns=tuple(c.replace("|", "/") for c in each.columns)) for each in target]
    return panel, target


@pytest.fixture(params=["phased", "unphased"], scope="module")
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("files")
    panel, target = _records(request.param == "unphased")
    return (
        write_vcf(folder / "panel.bcf", panel, sample_names(N_PANEL, "p"), index=True),
        write_vcf(folder / "target.vcf.gz", target, SAMPLES, index=True),
    )


@pytest.fixture
def config(files: tuple[Path, Path], model: str, tmp_path: Path) -> ImputeConfig:
    """Short windows; two decide ambiguous records by frequency."""
    return ImputeConfig(
        ref=files[0], gt=files[1], out=str(tmp_path / "whole.vcf.gz"), model=model, window=0.3, overlap=0.4,
        ap=True, no_version=True, fix=("strand",), device="cpu",
    )  # fmt: skip


def _divided(config: ImputeConfig, folder: Path, n_windows: int, n_samples: int) -> tuple[Plan, Path]:
    """Run all parts, the last one first; return the plan and the merged output."""
    folder.mkdir()
    path = folder / "plan.json"
    make_plan(config, path, n_windows, n_samples)
    plan = Plan.load(path)
    for part in reversed(plan.parts()):
        run_part(plan, part.number, folder / f"{part.number}{PART_SUFFIX}", nthreads=1 + part.number % 2)
    return plan, merge(plan, [folder], str(folder / "merged.vcf.gz")).output


@pytest.mark.parametrize(
    ("n_windows", "n_samples", "cohort"), [(1, 5, 0), (2, 2, 0), (100, 1, 0), (2, 2, np.inf)]
)
def test_merged_parts_equal_the_undivided_job(
    config: ImputeConfig,
    tmp_path: Path,
    n_windows: int,
    n_samples: int,
    cohort: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where people are phased by each other."""
    monkeypatch.setattr(phasing, "COHORT", cohort)
    whole = impute(config)
    plan, merged = _divided(config, tmp_path / "parts", n_windows, n_samples)
    assert plan.windows > 6
    assert merged.read_bytes() == whole.output.read_bytes()
    for one, other in (
        ("merged.vcf.gz.tbi", "whole.vcf.gz.tbi"),
        ("merged.variants.tsv.gz", "whole.variants.tsv.gz"),
    ):
        assert (merged.parent / one).read_bytes() == (whole.output.parent / other).read_bytes()


def test_cores_cut_by_the_number_of_doses_are_the_same_in_parts(
    config: ImputeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part has fewer targets, but must not cut its windows by that."""
    monkeypatch.setattr(windows, "MOST_DOSES", 2 * N_TARGET * 40)
    monkeypatch.setattr(windows, "LEAST_VARIANTS", 1)
    config = replace(config, window=5.0)
    whole = impute(config)
    plan, merged = _divided(config, tmp_path / "parts", 3, 2)
    assert plan.windows > 2 * N_RECORDS / 40
    assert merged.read_bytes() == whole.output.read_bytes()


def test_chromosomes_can_be_merged_one_by_one(config: ImputeConfig, tmp_path: Path) -> None:
    whole = gzip.decompress(impute(config).output.read_bytes())
    plan, merged = _divided(config, tmp_path / "parts", 2, 3)
    bodies = []
    for chrom in ("20", "21"):
        text = gzip.decompress(merge(plan, [merged.parent], str(tmp_path / chrom), chrom).output.read_bytes())
        bodies.append(text[text.index(b"\n", text.index(b"#CHROM")) + 1 :])
    assert whole.endswith(b"\n" + b"".join(bodies))
    assert all(body.startswith(chrom) for body, chrom in zip(bodies, (b"20\t", b"21\t"), strict=True))
    with pytest.raises(SpinImputeError, match="one of the plan's"):
        merge(plan, [merged.parent], str(tmp_path / "x"), "X")


def test_a_prepared_panel_and_a_region(config: ImputeConfig, tmp_path: Path) -> None:
    panel = tmp_path / "panel.spanel"
    build_panel(config.ref, panel)
    config = replace(config, chrom="20:300000-900000")
    whole = impute(config)
    _, merged = _divided(replace(config, ref=panel), tmp_path / "parts", 1, 3)
    assert merged.read_bytes() == whole.output.read_bytes()


def test_the_commands(config: ImputeConfig, tmp_path: Path) -> None:
    """Also from another folder than the one the plan was made in."""
    whole = impute(config)
    made, moved = tmp_path / "made", tmp_path / "moved"
    made.mkdir()
    files = ["--ref", config.ref, "--gt", config.gt, "--model", config.model]
    options = ["--window", 0.3, "--overlap", 0.4, "--ap", "--no-version", "--fix", "strand"]
    options += ["--device", "cpu", "--part-windows", 100]
    shown = _invoke("plan", *files, *options, "--part-samples", 2, "--out", made / "plan.json")
    assert "5 in 3 batches" in shown
    made.rename(moved)
    plan = moved / "plan.json"
    for part in range(1, 7):
        shown = _invoke("run", plan, "--part", part, "--out", moved / f"{part}.spart", "--nthreads", 1)
    assert "windows" in shown
    shown = _invoke("merge", plan, moved, "--out", tmp_path / "merged.vcf.gz")
    assert "mean DR2" in shown
    assert (tmp_path / "merged.vcf.gz").read_bytes() == whole.output.read_bytes()
    log = (tmp_path / "merged.log").read_text()
    assert "target variants" in log
    assert "  window               0.3" in log


def _invoke(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_parts_of_different_devices_are_mentioned(
    config: ImputeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan, merged = _divided(config, tmp_path / "parts", 100, 5)
    assert "parts ran on" not in caplog.text
    path = merged.parent / f"1{PART_SUFFIX}"
    names = [window_name(number) for number in range(len(plan.stretches[0].places))]
    with ParcelFile(path, "") as file:
        label, found = file.read(LABEL, PartLabel), [file.read(name, ImputedWindow) for name in names]
    with ParcelWriter(path) as parcels:
        parcels.add(LABEL, replace(label, device="cuda"))
        for name, window in zip(names, found, strict=True):
            parcels.add(name, window)
    before = merged.read_bytes()
    assert merge(plan, [merged.parent], str(merged)).output.read_bytes() == before
    assert "parts ran on cpu and cuda" in caplog.text


def test_faults_of_parts_and_plans_are_named(config: ImputeConfig, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    plan = make_plan(config, path, 100, 3)
    assert plan.fate_table.exists()
    one = tmp_path / f"one{PART_SUFFIX}"
    run_part(plan, 1, one, 1)
    with pytest.raises(SpinImputeError, match=r"all parts are needed.*3 missing: 2, 3, 4"):
        merge(plan, [one], str(tmp_path / "out"))
    with pytest.raises(SpinImputeError, match="numbered from 1 to 4"):
        run_part(plan, 5, one, 1)
    other = make_plan(replace(config, seed=2), tmp_path / "other.json", 100, 3)
    with pytest.raises(SpinImputeError, match="another plan"):
        merge(other, [one], str(tmp_path / "out"))
    one.write_bytes(one.read_bytes()[:-50])
    with pytest.raises(SpinImputeError, match="run that part again"):
        merge(plan, [one], str(tmp_path / "out"))
    with pytest.raises(SpinImputeError, match="must be as they were"):
        run_part(replace(plan, inputs={str(one): "1:0"}), 1, tmp_path / "two", 1)
    with pytest.raises(SpinImputeError, match="one version"):
        run_part(replace(plan, version="0"), 1, tmp_path / "two", 1)
    path.write_text("{}")
    with pytest.raises(SpinImputeError, match="plan made by"):
        Plan.load(path)
    with pytest.raises(SpinImputeError, match="only imputation is divided"):
        make_plan(replace(config, impute=False), path, 1, 1)
    assert not (tmp_path / "two").exists()
    assert not list(tmp_path.glob("out*"))


def test_a_changed_list_of_exclusions_is_noticed(config: ImputeConfig, tmp_path: Path) -> None:
    markers = tmp_path / "markers"
    markers.write_text("20:1\n")
    plan = make_plan(replace(config, exclude_markers=markers), tmp_path / "plan.json", 100, 3)
    markers.write_text("20:2\n")
    with pytest.raises(SpinImputeError, match=f"{markers}: inputs must be as they were"):
        run_part(plan, 1, tmp_path / "part", 1)


class KilledError(Exception):
    """What ends a run in a test."""


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[Window]]:
    """Let engines fail after so many windows; the result lists what they impute from then on."""
    original = Engine.impute

    def arm(n: int) -> list[Window]:
        seen: list[Window] = []

        def impute_some(engine: Engine, window: Window) -> object:
            if len(seen) == n:
                raise KilledError
            seen.append(window)
            return original(engine, window)

        monkeypatch.setattr(Engine, "impute", impute_some)
        return seen

    return arm


def test_a_resumed_run_gives_the_same_bytes(
    config: ImputeConfig, tmp_path: Path, killed_after: Callable[[int], list[Window]]
) -> None:
    whole = impute(config).output.read_bytes()
    config = replace(config, out=str(tmp_path / "resumed.vcf.gz"), resume=True)
    folder = tmp_path / "resumed.vcf.gz.partial.d"
    for n in (0, 3, 2):
        killed_after(n)
        with pytest.raises(KilledError):
            impute(config)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert [path for path in tmp_path.glob("resumed*") if path != folder] == []
    seen = killed_after(1000)
    output = impute(replace(config, nthreads=1)).output
    assert not folder.exists()
    assert output.read_bytes() == whole
    first = len(seen)
    seen = killed_after(1000)
    impute(replace(config, resume=False))
    assert len(seen) == first + 5


def test_only_the_same_job_is_resumed(
    config: ImputeConfig, tmp_path: Path, killed_after: Callable[[int], list[Window]]
) -> None:
    config = replace(config, resume=True)
    killed_after(2)
    with pytest.raises(KilledError):
        impute(config)
    with pytest.raises(SpinImputeError, match=r"same inputs, options.*changed: seed.*remove .*partial\.d"):
        impute(replace(config, seed=2))
    (tmp_path / "whole.vcf.gz.partial.d" / "window-000001").write_bytes(b"x")
    with pytest.raises(SpinImputeError, match="finished work must be as it was written"):
        impute(config)


def test_another_version_is_not_resumed(
    config: ImputeConfig, killed_after: Callable[[int], list[Window]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, resume=True)
    killed_after(1)
    with pytest.raises(KilledError):
        impute(config)
    monkeypatch.setattr(kept, "__version__", "9.9")
    with pytest.raises(SpinImputeError, match="changed: version"):
        impute(config)
