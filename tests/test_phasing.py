"""Phasing of simulated people: few switches, nothing known is changed, and everyone alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from test_retrieval import mosaics

from spinimpute import phasing
from spinimpute.alignment import Alignment, TypedBlock
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.inputs import TargetChromosome
from spinimpute.io.records import RecordBlock
from spinimpute.io.sparse import SparseBlock
from spinimpute.phasing import PhasedSection, Phaser, count_unphased, is_cohort, phased_target
from spinimpute.sites import Sites

N_RECORDS, N_PANEL, N_TARGET = 300, 60, 5


def _sites(n: int, alts: tuple[str, ...] = ("C",)) -> Sites:
    return Sites("20", 5000 * np.arange(1, n + 1), ["A"] * n, [alts] * n, ["."] * n)


def _people(seed: int, n_records: int = N_RECORDS) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """A panel (M, N) and true target haplotypes (M, T)."""
    alleles = mosaics(np.random.default_rng(seed), n_records, 2 * (N_PANEL + N_TARGET)).astype(np.int8)
    return np.ascontiguousarray(alleles[:, : 2 * N_PANEL]), alleles[:, 2 * N_PANEL :].copy()


def _target(alleles: NDArray[np.int8], known: NDArray[np.bool_] | None = None) -> TargetChromosome:
    """The target without phase, but for genotypes (M, S) that are known."""
    pairs = alleles.reshape(len(alleles), -1, 2)
    unphased = pairs[:, :, 0] != pairs[:, :, 1]
    if known is not None:
        unphased &= ~known
    given = np.where(unphased[:, :, None], np.sort(pairs, axis=2), pairs).reshape(alleles.shape)
    names = [f"t{i}" for i in range(pairs.shape[1])]
    return TargetChromosome(_sites(len(alleles)), given, names, unphased)


def _blocks(panel: NDArray[np.int8], target: TargetChromosome, size: int = 70) -> list[TypedBlock]:
    alignment = Alignment({"20": target}, GeneticMap.constant())
    phased = np.ones((len(panel), panel.shape[1] // 2), bool)
    return list(
        alignment.typed_blocks(
            SparseBlock.from_block(
                RecordBlock(target.sites.take(slice(i, i + size)), panel[i : i + size], phased[i : i + size])
            )
            for i in range(0, len(panel), size)
        )
    )


def _sections(
    panel: NDArray[np.int8], target: TargetChromosome, threads: int = 1, seed: int = 1, fill: bool = False
) -> list[PhasedSection]:
    phaser = Phaser(target.samples, seed, threads, is_cohort(len(target.samples), panel.shape[1]), fill)
    return list(phaser.sections(_blocks(panel, target), {"20": target}))


def _phase(panel: NDArray[np.int8], target: TargetChromosome, threads: int = 1) -> NDArray[np.int8]:
    return phased_target({"20": target}, _sections(panel, target, threads))["20"].alleles


def _crowd(seed: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """A panel of 10 haplotypes and 50 people."""
    panel, truth = _people(seed)
    everyone = np.concatenate([panel, truth], axis=1)
    return np.ascontiguousarray(everyone[:, :10]), everyone[:, 10:110].copy()


def _switches(truth: NDArray[np.int8], found: NDArray[np.int8]) -> float:
    """The share of neighbouring heterozygotes that are put together wrongly."""
    wrong = []
    for s in range(0, truth.shape[1], 2):
        rows = (truth[:, s] != truth[:, s + 1]) & (found[:, s : s + 2] >= 0).all(axis=1)
        wrong.append(np.diff(truth[rows, s] == found[rows, s]))
    return float(np.concatenate(wrong).mean())


@pytest.mark.parametrize("seed", [1, 2])
def test_few_switches(seed: int) -> None:
    panel, truth = _people(seed)
    target = _target(truth)
    found = _phase(panel, target)
    np.testing.assert_array_equal(
        np.sort(found.reshape(-1, 2), axis=1), np.sort(truth.reshape(-1, 2), axis=1)
    )
    assert _switches(truth, target.alleles) > 0.3
    assert _switches(truth, found) < 0.07


def test_the_result_depends_on_neither_threads_nor_other_people() -> None:
    panel, truth = _people(3)
    target = _target(truth[:, :4])
    assert not is_cohort(len(target.samples), panel.shape[1])
    one = _phase(panel, target)
    np.testing.assert_array_equal(_phase(panel, target, threads=3), one)
    assert target.unphased is not None
    alone = TargetChromosome(target.sites, target.alleles[:, 2:4], ["t1"], target.unphased[:, 1:2])
    np.testing.assert_array_equal(_phase(panel, alone), one[:, 2:4])
    turned = replace(target, alleles=target.alleles.reshape(-1, 2)[:, ::-1].reshape(target.alleles.shape))
    np.testing.assert_array_equal(_phase(panel, turned), one)


def test_a_cohort_is_large_beside_the_panel() -> None:
    assert [is_cohort(samples, 1000) for samples in (1, 24, 25, 5000)] == [False, False, True, True]


def test_a_large_cohort_is_phased_by_itself_too(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, truth = _crowd(12)
    given = truth.copy()
    given[np.random.default_rng(6).random(given.shape) < 0.02] = -1
    target = _target(given)
    found = _phase(panel, target)
    np.testing.assert_array_equal(_phase(panel, target, threads=3), found)
    np.testing.assert_array_equal(
        np.sort(found.reshape(-1, 2), axis=1), np.sort(target.alleles.reshape(-1, 2), axis=1)
    )
    monkeypatch.setattr(phasing, "COHORT", np.inf)
    assert _switches(truth, found) < _switches(truth, _phase(panel, target)) / 2


def test_known_phase_in_a_cohort_is_kept() -> None:
    """Also of people all of whose genotypes are phased."""
    panel, truth = _crowd(13)
    known = np.random.default_rng(5).random((N_RECORDS, truth.shape[1] // 2)) < 0.3
    known[:, :10] = True
    pairs = _phase(panel, _target(truth, known)).reshape(N_RECORDS, -1, 2)
    np.testing.assert_array_equal(pairs[known], truth.reshape(N_RECORDS, -1, 2)[known])


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_known_phase_is_kept_and_used(share: float) -> None:
    panel, truth = _people(4)
    known = np.random.default_rng(5).random((N_RECORDS, N_TARGET)) < share
    found = _phase(panel, _target(truth, known))
    pairs, true = found.reshape(N_RECORDS, -1, 2), truth.reshape(N_RECORDS, -1, 2)
    np.testing.assert_array_equal(pairs[known], true[known])
    assert _switches(truth, found) < 0.07
    if share == 0.98:
        # With so much known, unknown ones are on the true haplotype, not only together.
        assert (found == truth).mean() > 0.99


def test_missing_and_half_missing_genotypes() -> None:
    """Five in a hundred alleles are missing; the panel's commoner allele would be wrong far more often."""
    panel, truth = _people(6)
    given = truth.copy()
    given[np.random.default_rng(6).random(given.shape) < 0.05] = -1
    target = _target(given)
    found = _phase(panel, target)
    np.testing.assert_array_equal(
        np.sort(found.reshape(-1, 2), axis=1), np.sort(target.alleles.reshape(-1, 2), axis=1)
    )
    assert _switches(truth, found) < 0.07
    section = _sections(panel, target, fill=True)[0]
    assert section.filled is not None
    np.testing.assert_allclose(section.filled.sum(axis=1), 1, rtol=1e-4)
    missing = section.alleles < 0
    assert section.filled.shape == (missing.sum(), 2)
    commoner = np.broadcast_to(2 * panel.mean(axis=1)[:, None] > 1, missing.shape)[missing]
    wrong = []
    for fillers in (section.filled.argmax(axis=1), commoner):
        filled = section.alleles.copy()
        filled[missing] = fillers
        counts = [each.reshape(N_RECORDS, -1, 2).sum(axis=2) for each in (filled, truth)]
        wrong.append((counts[0] != counts[1]).sum())
    assert wrong[0] < wrong[1] / 3


def test_sections_join_without_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, truth = _people(7, 900)
    target = _target(truth)
    whole = _switches(truth, _phase(panel, target))
    monkeypatch.setattr(phasing, "SECTION", 200)
    monkeypatch.setattr(phasing, "FLANK", 40)
    sections = _sections(panel, target)
    assert len(sections) > 4
    assert np.concatenate([s.target_record for s in sections]).tolist() == list(range(900))
    found = phased_target({"20": target}, sections)["20"].alleles
    assert _switches(truth, found) < max(0.05, 1.5 * whole)


def test_homozygotes_and_unknown_records_are_left_alone() -> None:
    panel, truth = _people(8)
    truth[:, 1] = truth[:, 0]
    target = _target(truth)
    assert (_phase(panel, target)[:, :2] == truth[:, :2]).all()
    shifted = replace(target, sites=replace(target.sites, pos=target.sites.pos + 1))
    alignment = Alignment({"20": shifted}, GeneticMap.constant())
    block = SparseBlock.from_block(RecordBlock(target.sites, panel, np.ones((N_RECORDS, N_PANEL), bool)))
    blocks = list(alignment.typed_blocks([block]))
    sections = Phaser(target.samples, 1, 1, False).sections(blocks, {"20": shifted})
    np.testing.assert_array_equal(phased_target({"20": shifted}, sections)["20"].alleles, shifted.alleles)


def test_a_panel_of_two_haplotypes_and_of_one_record() -> None:
    panel, truth = _people(9)
    found = _phase(np.ascontiguousarray(panel[:, :2]), _target(truth))
    np.testing.assert_array_equal(found.reshape(-1, 2).sum(axis=1), truth.reshape(-1, 2).sum(axis=1))
    one = _target(truth[:1])
    assert _phase(panel[:1], one).shape == (1, 2 * N_TARGET)


def test_multiallelic_records() -> None:
    """A third allele at every third record: codes of the panel, in another order in the target."""
    panel, truth = _people(10)
    third = np.arange(N_RECORDS)[:, None] % 3 == 0
    panel, truth = (np.where(third & (each == 1), np.int8(2), each) for each in (panel, truth))
    target = _target(truth)
    both = _sites(N_RECORDS, ("C", "G"))
    exchanged = np.array([0, 2, 1], np.int8)[target.alleles]
    turned = replace(target, sites=_sites(N_RECORDS, ("G", "C")), alleles=exchanged)
    alignment = Alignment({"20": turned}, GeneticMap.constant())
    block = SparseBlock.from_block(RecordBlock(both, panel, np.ones((N_RECORDS, N_PANEL), bool)))
    sections = list(
        Phaser(target.samples, 1, 1, False, True).sections(alignment.typed_blocks([block]), {"20": turned})
    )
    assert _switches(truth, sections[0].alleles) < 0.07
    found = phased_target({"20": turned}, sections)["20"].alleles
    np.testing.assert_array_equal(np.array([0, 2, 1])[found], sections[0].alleles)
    written = list(sections[0].blocks(64))
    assert sum(len(block.sites) for block in written) == N_RECORDS
    assert written[0].dosages.shape == (128, 2 * N_TARGET)


def test_the_log_counts_genotypes_and_people(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "spinimpute")
    _, truth = _people(11)
    truth[:, 1] = truth[:, 0]
    target = _target(truth)
    assert target.unphased is not None
    assert count_unphased({"20": target, "21": target}) == 2 * int(target.unphased.sum())
    assert f"{2 * int(target.unphased.sum())} genotypes of {N_TARGET - 1} people" in caplog.text
    assert count_unphased({"20": replace(target, unphased=None)}) == 0
