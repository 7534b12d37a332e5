"""Simulated regions: reproducible, well formed, and like the species they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from spinimpute.errors import SpinImputeError
from spinimpute.training.demographies import HISTORIES, history
from spinimpute.training.simulation import RegionSpec, recombination_map, simulate_region

pytest.importorskip("msprime")


@pytest.mark.parametrize("model", HISTORIES)
def test_every_history_gives_a_well_formed_region(model: str) -> None:
    region = simulate_region(RegionSpec(model, people=30, length=200_000), seed=3)
    n_variants = len(region.pos)
    assert n_variants > 20
    assert region.alleles.shape == (n_variants, 60)
    assert region.alleles.max() == 1
    assert (np.diff(region.pos) > 0).all()
    assert region.pos[0] >= 1
    assert region.pos[-1] <= 200_000
    assert region.cm.shape == (n_variants,)
    assert (np.diff(region.cm) >= 0).all()
    frequency = region.alleles.mean(axis=1)
    assert ((frequency > 0) & (frequency < 1)).all()
    labels, counts = np.unique(region.population, return_counts=True)
    assert sorted(labels) == sorted(history(model).populations)
    assert counts.max() - counts.min() <= 1


def test_same_seed_same_region() -> None:
    spec = RegionSpec(people=20, length=100_000)
    first, again, other = (simulate_region(spec, seed) for seed in (5, 5, 6))
    assert (first.alleles == again.alleles).all()
    assert (first.cm == again.cm).all()
    assert first.alleles.shape != other.alleles.shape or (first.alleles != other.alleles).any()


def test_both_alleles_may_be_the_common_one() -> None:
    region = simulate_region(RegionSpec(people=50, length=300_000), seed=1)
    assert 0.01 < (region.alleles.mean(axis=1) > 0.5).mean() < 0.4


def test_min_maf_filters() -> None:
    region = simulate_region(RegionSpec(people=50, length=300_000, min_maf=0.05), seed=1)
    frequency = region.alleles.mean(axis=1)
    assert np.minimum(frequency, 1 - frequency).min() >= 0.05


def test_selfing_makes_most_people_homozygous() -> None:
    plant = simulate_region(RegionSpec("selfing_plant", people=40, length=200_000), seed=2)
    same = (plant.alleles[:, 0::2] == plant.alleles[:, 1::2]).all(axis=0)
    assert same.mean() > 0.8


def test_recombination_map_has_the_asked_mean_and_hotspots() -> None:
    length = 2_000_000
    landscape = recombination_map(length, 1.5, 0.7, np.random.default_rng(0))
    assert landscape.get_cumulative_mass(length) == pytest.approx(1.5 * length / 1e8)
    width = np.diff(landscape.position)
    mass = landscape.rate * width
    hottest = np.argsort(-landscape.rate)
    in_a_tenth = mass[hottest][np.cumsum(width[hottest]) < 0.1 * length].sum() / mass.sum()
    assert in_a_tenth > 0.6


def test_mean_rate_can_be_chosen() -> None:
    region = simulate_region(RegionSpec(people=20, length=500_000, cm_per_mb=3.0), seed=4)
    assert 1.2 < region.cm[-1] <= 1.5


@pytest.mark.parametrize(
    ("spec", "words"),
    [({"people": 0}, "1 person"), ({"length": 10}, "1000 bp"), ({"min_maf": 0.5}, "min_maf")],
)
def test_impossible_specs_are_refused(spec: dict[str, float], words: str) -> None:
    with pytest.raises(SpinImputeError, match=words):
        RegionSpec(**spec)  # type: ignore[arg-type]


def test_unknown_models_are_refused() -> None:
    with pytest.raises(SpinImputeError, match="out_of_africa"):
        history("unicorn")


def test_stdpopsim_model() -> None:
    pytest.importorskip("stdpopsim")
    region = simulate_region(
        RegionSpec("stdpopsim:HomSap/OutOfAfrica_3G09", people=9, length=100_000), seed=1
    )
    assert set(region.population) == {"YRI", "CEU", "CHB"}
    with pytest.raises(SpinImputeError, match="does not know"):
        history("stdpopsim:HomSap/Nothing")


def test_without_stdpopsim_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "stdpopsim", None)
    with pytest.raises(SpinImputeError, match=r"pip install .*simulate"):
        history("stdpopsim:HomSap/OutOfAfrica_3G09")
