"""Damaged input of every kind ends in an error for users or in a valid output of the right size.

A small part of what benchmarks/reliability/fuzz.py does by the thousand; bcftools judges the outputs.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.reliability.cases import KINDS, Workbench
from benchmarks.reliability.mutations import mutate_map, mutate_vcf

pytestmark = [
    pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools judges the outputs"),
    # zarr remarks on what it does not know before it fails.
    pytest.mark.filterwarnings("ignore"),
]
GOOD = ("refused", "imputed")
FEW = settings(deadline=None, max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_seeds(bench: Workbench, number: int) -> None:
    for seed in range(number, number + 4 * len(KINDS), len(KINDS)):
        kind, outcome = bench.run(seed)
        assert kind == KINDS[number]
        assert outcome in GOOD, seed


def write(bench: Workbench, name: str, text: str) -> Path:
    shutil.rmtree(bench.bad, ignore_errors=True)
    bench.bad.mkdir()
    path = bench.bad / name
    path.write_text(text)
    return path


@FEW
@given(st.randoms(use_true_random=False))
def test_any_panel(bench: Workbench, rng: Random) -> None:
    path = write(bench, "panel.vcf", mutate_vcf(rng, bench.panel_text))
    assert bench.impute(path, bench.good / "target.vcf") in GOOD


@FEW
@given(st.randoms(use_true_random=False))
def test_any_target(bench: Workbench, rng: Random) -> None:
    path = write(bench, "target.vcf", mutate_vcf(rng, bench.target_text))
    assert bench.impute(bench.good / "panel.vcf", path) in GOOD


@FEW
@given(st.randoms(use_true_random=False))
def test_any_map(bench: Workbench, rng: Random) -> None:
    path = write(bench, "plink.map", mutate_map(rng, "20 . 0 1\n20 . 0.1 100000\n20 . 0.4 300000\n"))
    assert bench.impute(bench.good / "panel.vcf", bench.good / "target.vcf", map=path) in GOOD
