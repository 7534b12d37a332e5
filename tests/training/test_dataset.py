"""Simulated data sets on disk."""

from __future__ import annotations

from pathlib import Path

import cyvcf2
import numpy as np
import pytest

from spinimpute.errors import SpinImputeError
from spinimpute.training.dataset import DatasetSpec, write_dataset
from spinimpute.training.simulation import RegionSpec

pytest.importorskip("msprime")

SPEC = DatasetSpec(
    region=RegionSpec(people=30, length=150_000),
    targets=6,
    chromosomes=("1", "X2"),
    typed_spacing=5_000,
    missing=0.1,
)


def records(path: Path) -> dict[tuple[str, int], tuple[str, str, np.ndarray]]:
    """REF, ALT and alleles (S, 2), -1 missing, of each site."""
    return {
        (r.CHROM, r.POS): (r.REF, r.ALT[0], r.genotype.array()[:, :2].astype(int))
        for r in cyvcf2.VCF(str(path))
    }


def test_target_truth_and_panel_agree(tmp_path: Path) -> None:
    files = write_dataset(tmp_path / "set", SPEC, seed=1)
    panel, target, truth = (records(path) for path in (files.panel, files.target, files.truth))
    assert list(panel) == list(truth)
    assert {chrom for chrom, _ in target} == {"1", "X2"}
    assert 20 < len(target) < 70
    lost = 0
    for site, (ref, alt, calls) in target.items():
        true_ref, true_alt, true_calls = truth[site]
        assert (ref, alt) == (true_ref, true_alt) == panel[site][:2]
        assert ((calls == true_calls) | (calls == -1)).all()
        lost += (calls == -1).sum()
    assert 0 < lost < 0.3 * 12 * len(target)
    frequency = np.array([calls.mean() for _, _, calls in panel.values()])
    assert ((frequency > 0) & (frequency < 1)).all()
    assert len(cyvcf2.VCF(str(files.panel)).samples) == 30
    assert sum(1 for _ in cyvcf2.VCF(str(files.panel))("X2:1-1000000")) > 0  # the index works


def test_map_follows_the_panel(tmp_path: Path) -> None:
    files = write_dataset(tmp_path, SPEC, seed=1)
    lines = [line.split() for line in files.map.read_text().splitlines()]
    assert {len(line) for line in lines} == {4}
    for chrom in SPEC.chromosomes:
        cm = [float(line[2]) for line in lines if line[0] == chrom]
        pos = [int(line[3]) for line in lines if line[0] == chrom]
        assert cm == sorted(cm)
        assert pos == sorted(set(pos))


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    one, two = (write_dataset(tmp_path / name, SPEC, seed=9) for name in ("one", "two"))
    for name in ("panel", "target", "truth", "map"):
        assert getattr(one, name).read_bytes() == getattr(two, name).read_bytes()


@pytest.mark.parametrize("bad", [{"targets": 0}, {"chromosomes": ()}, {"missing": 1.5}, {"typed_spacing": 0}])
def test_impossible_specs_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(SpinImputeError):
        DatasetSpec(**bad)  # type: ignore[arg-type]


def test_targets_of_one_population(tmp_path: Path) -> None:
    region = RegionSpec("american_admixture", people=20, length=150_000)
    spec = DatasetSpec(region, targets=4, target_population="ADMIX")
    assert len(cyvcf2.VCF(str(write_dataset(tmp_path, spec, seed=1).target)).samples) == 4
    with pytest.raises(SpinImputeError, match=r"population NOBODY; found 0; populations: ADMIX, AFR"):
        write_dataset(tmp_path, DatasetSpec(region, targets=4, target_population="NOBODY"), seed=1)
