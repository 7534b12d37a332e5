"""The functions: they are the commands, and results agree with what the files say."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pysam
import pytest
from builders import phased_records, rec, write_vcf

import spinimpute
from spinimpute import api, cli
from spinimpute.config import ImputeConfig, TrainConfig

# What concerns the terminal alone.
TERMINAL = {"context", "quiet", "report", "dry_run", "json_progress"}


def test_importing_is_light_and_every_name_is_there() -> None:
    script = (
        "import sys, spinimpute\n"
        "assert not {'torch', 'numba', 'numpy', 'cyvcf2', 'xarray', 'typer'} & set(sys.modules)\n"
        "assert all(getattr(spinimpute, name) for name in spinimpute.__all__)\n"
        "assert set(spinimpute.__all__) <= set(dir(spinimpute))\n"
        "assert not {'torch', 'numba', 'xarray', 'typer'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'imputes'"):
        _ = spinimpute.imputes


@pytest.mark.parametrize("name", ["impute", "train", "calibrate", "simulate"])
def test_parameters_and_defaults_are_the_commands(name: str) -> None:
    command = inspect.signature(getattr(cli, name)).parameters
    function = inspect.signature(getattr(api, name)).parameters
    assert command.keys() - TERMINAL == function.keys() - {"listener"}
    for each, parameter in function.items():
        unset = None, (), parameter.empty
        if each != "listener" and parameter.default not in unset:
            assert parameter.default == command[each].default, each


def test_arguments_reach_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}
    stub = SimpleNamespace(impute=lambda config, listener: kept.update(config=config, listener=listener))
    monkeypatch.setitem(sys.modules, "spinimpute.pipeline", stub)
    options: dict[str, Any] = {
        "map": "m", "chrom": "20:1-9", "ap": True, "gp": True, "window": 3.0, "overlap": 1.0,
        "excludesamples": "s", "excludemarkers": "k", "allow_overlap": True, "keep_target_only": True,
        "fix": ["swap"], "model": "big", "device": "cpu", "nthreads": 2, "seed": 7, "no_version": True,
        "impute": False, "out_format": "bcf", "resume": False, "memory": 2000.0, "listener": "ear",
    }  # fmt: skip
    assert options.keys() == inspect.signature(api.impute).parameters.keys() - {"ref", "gt", "out"}
    spinimpute.impute("r", Path("g"), "o", **options)
    assert kept["listener"] == "ear"
    assert kept["config"] == ImputeConfig(
        ref=Path("r"), gt=Path("g"), out="o", map=Path("m"), chrom="20:1-9", ap=True, gp=True, window=3,
        overlap=1, exclude_samples=Path("s"), exclude_markers=Path("k"), allow_overlap=True,
        keep_target_only=True, fix=("swap",), model="big", device="cpu", nthreads=2, seed=7, no_version=True,
        impute=False, out_format="bcf", memory=2000.0,
    )  # fmt: skip


def test_settings_reach_the_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept: list[TrainConfig] = []
    stub = SimpleNamespace(train=lambda config, listener: kept.append(config))
    monkeypatch.setitem(sys.modules, "spinimpute.training.loop", stub)
    settings = tmp_path / "settings.toml"
    settings.write_text('out = "model"\nsteps = 7\nheads = 4\n')
    spinimpute.train(["a", "b"], map=["m"], steps=9, init="spin-small", config=settings)
    expected = TrainConfig(
        refs=(Path("a"), Path("b")),
        out=tmp_path / "model",
        maps=(Path("m"),),
        steps=9,
        heads=4,
        init="spin-small",
    )
    assert kept == [expected]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A panel of 20 people at 30 sites, 3 others typed at every third of them, and what was imputed."""
    folder = tmp_path_factory.mktemp("api")
    rng = np.random.default_rng(3)
    founders = rng.integers(0, 2, (30, 6), dtype=np.int8)
    haplotypes = founders[:, rng.integers(0, 6, 46)]
    pos = np.arange(1000, 31000, 1000)
    names = [f"t{i}" for i in range(3)]
    files = SimpleNamespace(
        panel=write_vcf(folder / "panel.vcf.gz", phased_records(pos, haplotypes[:, :40])),
        target=write_vcf(folder / "target.vcf.gz", phased_records(pos[::3], haplotypes[::3, 40:]), names),
        truth=write_vcf(folder / "truth.vcf.gz", phased_records(pos, haplotypes[:, 40:]), names),
        folder=folder,
    )
    files.summary = spinimpute.impute(str(files.panel), files.target, folder / "imputed.vcf.gz", nthreads=1)
    return files


def test_impute_returns_the_summary_and_writes_the_file(
    small: SimpleNamespace, capfd: pytest.CaptureFixture[str]
) -> None:
    assert (small.summary.records, small.summary.typed, small.summary.imputed) == (30, 10, 20)
    assert small.summary.output == small.folder / "imputed.vcf.gz"
    with pysam.VariantFile(str(small.summary.output)) as file:
        assert sum(1 for _ in file) == 30
    spinimpute.impute(small.panel, small.target, small.folder / "again.bcf", nthreads=1)
    assert capfd.readouterr() == ("", "")


def test_errors_are_raised(small: SimpleNamespace) -> None:
    with pytest.raises(spinimpute.SpinImputeError, match="absent"):
        spinimpute.impute(small.folder / "absent.vcf.gz", small.target, small.folder / "o.vcf.gz")
    assert not (small.folder / "o.vcf.gz").exists()


def test_dosages_and_dataset_say_what_the_file_says(small: SimpleNamespace) -> None:
    with pysam.VariantFile(str(small.summary.output)) as file:
        records = list(file)
    dosages = np.array([[call["DS"][0] for call in record.samples.values()] for record in records])
    blocks = list(spinimpute.read_dosages(small.summary.output))
    np.testing.assert_allclose(np.concatenate([block.dosages for block in blocks]), dosages, atol=1e-6)
    held = spinimpute.load_dataset(small.summary.output)
    np.testing.assert_allclose(held.call_dosage.values, dosages, atol=1e-6)
    genotypes = [[call["GT"] for call in record.samples.values()] for record in records]
    assert held.call_genotype.values.tolist() == [[list(pair) for pair in row] for row in genotypes]
    assert held.variant_position.values.tolist() == [record.pos for record in records]
    assert held.variant_allele.values.tolist() == [list(record.alleles or ()) for record in records]
    assert held.variant_IMP.values.tolist() == ["IMP" in record.info for record in records]
    np.testing.assert_allclose(
        held.variant_DR2.values, [record.info["DR2"][0] for record in records], atol=1e-6
    )
    np.testing.assert_allclose(
        held.variant_AF.values, [record.info["AF"][0] for record in records], atol=1e-6
    )
    assert held.contig_id.values[held.variant_contig.values].tolist() == ["20"] * 30
    assert held.sample_id.values.tolist() == ["t0", "t1", "t2"]
    assert bool(held.call_genotype_phased.all())


def test_a_dataset_has_a_variant_for_each_alt(tmp_path: Path) -> None:
    records = [rec(5, "A", "C,G", "1|2", ".|1", id="rs1"), rec(9, "T", "C", "0/1", "0|0", chrom="7")]
    held = spinimpute.load_dataset(write_vcf(tmp_path / "calls.vcf.gz", records))
    assert held.variant_allele.values.tolist() == [["A", "C"], ["A", "G"], ["T", "C"]]
    assert held.variant_id.values.tolist() == ["rs1", "rs1", "."]
    assert held.contig_id.values[held.variant_contig.values].tolist() == ["20", "20", "7"]
    assert held.call_genotype.values.tolist() == [
        [[1, 0], [-1, 1]],
        [[0, 1], [-1, 0]],
        [[0, 1], [0, 0]],
    ]
    assert held.call_genotype_mask.values.sum() == 2
    assert held.call_dosage.values[:, 0].tolist() == [1, 1, 1]
    assert held.call_dosage_mask.values.tolist() == [[False, True], [False, True], [False, False]]
    assert held.call_genotype_phased.values.tolist() == [[True, True], [True, True], [False, True]]
    assert "variant_DR2" not in held
    one = spinimpute.load_dataset(tmp_path / "calls.vcf.gz", chrom="7")
    assert one.variant_position.values.tolist() == [9]
    with pytest.raises(spinimpute.SpinImputeError, match="no variant"):
        spinimpute.load_dataset(tmp_path / "calls.vcf.gz", chrom="8")


def test_evaluate_and_build_panel(small: SimpleNamespace) -> None:
    found = spinimpute.evaluate(
        small.truth, small.summary.output, ref=small.panel, typed=small.target, bins=(0, 0.5)
    )
    held = spinimpute.load_dataset(small.summary.output)
    true = spinimpute.load_dataset(small.truth)
    both = [each.call_dosage.values[held.variant_IMP.values].ravel() for each in (held, true)]
    assert found.overall.r2 == pytest.approx(np.corrcoef(both)[0, 1] ** 2)
    assert found.overall.variants == 20
    prepared = spinimpute.build_panel(small.panel, small.folder / "panel.spanel")
    assert prepared.records == {"20": 30}
    spinimpute.impute(
        small.folder / "panel.spanel", small.target, small.folder / "prepared.vcf.gz", nthreads=1
    )
    again = spinimpute.load_dataset(small.folder / "prepared.vcf.gz")
    np.testing.assert_array_equal(again.call_dosage.values, held.call_dosage.values)


def test_models_are_those_that_are_shipped() -> None:
    assert "spin-small" in [model.name for model in spinimpute.models()]
