"""Calibration on a small simulated panel, some of whose sites are typed badly."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import cyvcf2
import numpy as np
import pysam
import pytest
from numpy.typing import NDArray

import spinimpute
from spinimpute import SpinImputeError
from spinimpute.config import CalibrateConfig, ImputeConfig
from spinimpute.model_store import CARD, SITES
from spinimpute.pipeline import impute
from spinimpute.spin.checkpoint import load_model
from spinimpute.training import calibration
from spinimpute.training.calibration import CalibrationSummary, calibrate
from spinimpute.training.dataset import DatasetFiles
from spinimpute.training.leave_out import FOLDS, Fold, impute_fold, make_folds, read_folds
from spinimpute.training.site_fit import SiteFit

ERRORS = 0.7  # share of the alleles of a bad site that are drawn anew


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DatasetFiles:
    folder = tmp_path_factory.mktemp("set")
    made = spinimpute.simulate(folder, people=120, targets=20, length=0.4, spacing=3.0, seed=4)
    typed = {record.POS for record in cyvcf2.VCF(str(made.target))}
    common = [r.POS for r in cyvcf2.VCF(str(made.panel)) if r.POS not in typed and 0.3 < r.aaf < 0.7]
    rng = np.random.default_rng(1)
    bad = set(common[::4])
    for path in (made.panel, made.truth):
        _spoil(path, bad, rng)
    (folder / "bad.txt").write_text("\n".join(map(str, sorted(bad))))
    return made


def _spoil(path: Path, bad: set[int], rng: np.random.Generator) -> None:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    for number, line in enumerate(lines):
        fields = line.split("\t")
        if not line.startswith("#") and int(fields[1]) in bad:
            alleles = np.array([g.split("|") for g in fields[9:]]).astype(int)
            drawn = rng.random(alleles.shape) < ERRORS
            alleles = np.where(drawn, rng.integers(0, 2, alleles.shape), alleles)
            lines[number] = "\t".join([*fields[:9], *(f"{a}|{b}" for a, b in alleles)])
    with pysam.BGZFile(str(path), "wb", None) as file:
        file.write(("\n".join(lines) + "\n").encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)


@pytest.fixture(scope="module")
def config(files: DatasetFiles, tmp_path_factory: pytest.TempPathFactory) -> CalibrateConfig:
    out = tmp_path_factory.mktemp("calibrated") / "model"
    return CalibrateConfig(ref=files.panel, gt=files.target, map=files.map, out=out, nthreads=2)


@pytest.fixture(scope="module")
def calibrated(config: CalibrateConfig) -> CalibrationSummary:
    return calibrate(config)


def _bad(files: DatasetFiles) -> set[int]:
    return set(map(int, (files.panel.parent / "bad.txt").read_text().split()))


def _dosages(path: Path) -> tuple[list[int], NDArray[np.float32]]:
    records = [(r.POS, r.format("DS")[:, 0]) for r in cyvcf2.VCF(str(path)) if r.INFO.get("IMP")]
    return [pos for pos, _ in records], np.stack([dosage for _, dosage in records])


def test_bad_sites_are_trusted_less_and_imputed_better(
    files: DatasetFiles, config: CalibrateConfig, calibrated: CalibrationSummary, tmp_path: Path
) -> None:
    assert calibrated.kept
    assert calibrated.after < calibrated.before
    bad = _bad(files)
    trust = load_model(str(config.out)).trust
    factors = {key[1]: factor for key, (factor, _) in trust.alleles.items()}
    assert np.mean([factors.get(pos, 1.0) for pos in bad]) < 0.85
    assert len(trust.alleles) == calibrated.corrected
    assert f"{calibrated.corrected:,} of {calibrated.alleles:,}" in (config.out / CARD).read_text()

    truth = {r.POS: r.genotype.array()[:, :2].sum(axis=1) for r in cyvcf2.VCF(str(files.truth))}
    error, everywhere = {}, {}
    for model in ("spin-small", str(config.out)):
        out = tmp_path / f"{Path(model).name}.vcf.gz"
        impute(ImputeConfig(ref=files.panel, gt=files.target, map=files.map, model=model, out=str(out)))
        pos, dosages = _dosages(out)
        squared = {p: float(((d - truth[p]) ** 2).sum()) for p, d in zip(pos, dosages, strict=True)}
        error[model] = sum(squared[p] for p in bad)
        everywhere[model] = sum(squared.values())
    assert error[str(config.out)] < error["spin-small"]
    assert everywhere[str(config.out)] < everywhere["spin-small"]
    header = cyvcf2.VCF(str(out)).raw_header
    assert f"sites:{trust.digest}" in header


def test_nobody_is_imputed_from_themselves(config: CalibrateConfig, tmp_path: Path) -> None:
    """A fold comes out as from a panel file without its people, cut by pysam."""
    folds = make_folds(config, tmp_path)
    assert sorted(name for fold in folds for name in fold.names) == [f"P{i:04d}" for i in range(1, 121)]
    assert len(folds) == FOLDS
    fold = folds[3]
    impute_fold(config, Path("models/spin-small").resolve(), fold)
    rest, out = tmp_path / "rest.vcf", tmp_path / "rest.bcf"
    with pysam.VariantFile(str(config.ref)) as panel:
        panel.subset_samples([name for name in panel.header.samples if name not in fold.names])
        with pysam.VariantFile(str(rest), "w", header=panel.header) as file:
            for record in panel:
                file.write(record)
    impute(ImputeConfig(ref=rest, gt=fold.target, map=config.map, out=str(out), model="spin-small"))
    expected, found = _dosages(out), _dosages(fold.imputed)
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])


def test_records_are_read_with_the_truth(config: CalibrateConfig, tmp_path: Path) -> None:
    folds = make_folds(config, tmp_path)[:2]
    model = Path("models/spin-small").resolve()
    for fold in folds:
        impute_fold(config, model, fold)
    records = {record.site[1]: record for record in read_folds(config, folds)}
    panel = cyvcf2.VCF(str(config.ref))
    order = [panel.samples.index(name) for fold in folds for name in fold.names]
    typed = {record.POS for record in cyvcf2.VCF(str(config.gt))}
    biallelic = 0
    for record in panel:
        if record.POS in typed or len(record.ALT) != 1:
            continue
        biallelic += 1
        alleles = record.genotype.array()[order, :2].ravel()
        np.testing.assert_array_equal(records[record.POS].truth, alleles == 1)
    assert biallelic == len(records)
    predicted = np.stack([record.probability for record in records.values()])
    true = np.stack([record.truth for record in records.values()])
    assert np.corrcoef(predicted.ravel(), true.ravel())[0, 1] ** 2 > 0.5


def test_a_region_is_enough(config: CalibrateConfig, tmp_path: Path) -> None:
    part = replace(config, chrom="1:150000-300000")
    folds = make_folds(part, tmp_path)[:1]
    impute_fold(part, Path("models/spin-small").resolve(), folds[0])
    pos = [record.site[1] for record in read_folds(part, folds)]
    assert len(pos) > 100
    assert 150_000 <= min(pos) <= max(pos) <= 300_000


def test_corrections_that_do_not_help_are_dropped(
    config: CalibrateConfig, calibrated: CalibrationSummary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def harmful(probability: NDArray[np.float32], *_: object) -> SiteFit:
        n = len(probability)
        return SiteFit(np.zeros(n, np.float32), np.ones(n, np.float32), np.ones(n), np.full(n, 1.5))

    def no_folds(config: CalibrateConfig, folder: Path) -> list[Fold]:
        return []

    monkeypatch.setattr(calibration, "fit_sites", harmful)
    monkeypatch.setattr(calibration, "make_folds", no_folds)
    monkeypatch.setattr(calibration, "_groups", lambda folds: np.empty(0, np.int64))
    record = calibration.LeftOutRecord(("1", 5, "A", "C"), np.zeros(2, np.float32), np.zeros(2, np.bool_))
    monkeypatch.setattr(calibration, "read_folds", lambda config, folds: iter([record]))
    assert calibrated.kept
    again = calibrate(config)  # over the calibrated model
    assert not again.kept
    assert again.corrected == 0
    assert not (config.out / SITES).exists()
    assert not load_model(str(config.out)).trust.alleles


def test_a_panel_of_few_people_is_refused(config: CalibrateConfig, tmp_path: Path) -> None:
    few = CalibrateConfig(ref=config.ref, gt=config.gt, map=config.map, out=tmp_path / "m", people=49)
    with pytest.raises(SpinImputeError, match="at least 50 people; found 49"):
        calibrate(few)
    assert not (tmp_path / "m").exists()
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_place_for_a_model(config: CalibrateConfig, tmp_path: Path) -> None:
    """It is said at once, not when all is computed."""
    out = tmp_path / "file"
    out.write_text("kept")
    with pytest.raises(SpinImputeError, match="the model needs a folder; found a file"):
        calibrate(CalibrateConfig(ref=Path("absent"), gt=config.gt, out=out))
    assert out.read_text() == "kept"


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    model = load_model("spin-small")
    calibration.save_weights(tmp_path, model.config, model.weights, calibration.write_trust([]))
    assert load_model(str(tmp_path)).trust.digest
    (tmp_path / SITES).write_bytes(b"damaged")
    with pytest.raises(SpinImputeError, match="the sites must have the digest"):
        load_model(str(tmp_path))
    (tmp_path / SITES).unlink()
    with pytest.raises(SpinImputeError, match="the sites must have the digest"):
        load_model(str(tmp_path))
