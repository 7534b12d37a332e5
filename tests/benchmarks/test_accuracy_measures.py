"""The measures of the accuracy benchmark, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import measures
from benchmarks.accuracy.scores import Imputed, Truth, accuracy
from spinimpute.config import MAF_EDGES
from spinimpute.evaluation.measures import DOSE_EDGES, MIN_MINOR, r2

SITES, PEOPLE = 60, 7


@pytest.fixture
def truth() -> Truth:
    rng = np.random.default_rng(3)
    frequency = rng.choice([0.0, 0.004, 0.03, 0.3], size=SITES)
    counts = rng.binomial(2, np.maximum(frequency, 0.2)[:, None], (SITES, PEOPLE)).astype(np.float32)
    keys = tuple(("1", i, "A", "C") for i in range(SITES))
    return Truth(keys, frequency, counts, tuple("ABCDEFG"))


def noisy(truth: Truth, spread: float) -> np.ndarray:
    noise = np.random.default_rng(4).normal(0, spread, truth.counts.shape)
    return np.clip(truth.counts + noise, 0, 2).astype(np.float32)


def loop_r2(truth: Truth, dosages: np.ndarray, people: np.ndarray, label: int | None) -> float:
    pairs = [
        (dosages[v, s], truth.counts[v, s])
        for v in range(SITES)
        for s in people
        if label is None or truth.bins[v] == label
    ]
    x, y = np.array(pairs, float).reshape(-1, 2).T
    return float(np.corrcoef(x, y)[0, 1] ** 2) if len(x) else float("nan")


def test_bootstrap_agrees_with_resampling_genotypes(truth: Truth) -> None:
    ours, theirs = noisy(truth, 0.3), noisy(truth, 0.5)
    result = measures.fewer_errors(
        measures.person_sums(truth, ours), measures.person_sums(truth, theirs), resamples=20
    )
    drawn = np.random.default_rng(measures.SEED).multinomial(PEOPLE, [1 / PEOPLE] * PEOPLE, size=20)
    resamples = [np.arange(PEOPLE), *(np.repeat(np.arange(PEOPLE), row) for row in drawn)]
    for label, interval in [*enumerate(result.by_maf), (None, result.overall)]:
        saved = [
            1 - (1 - loop_r2(truth, ours, r, label)) / (1 - loop_r2(truth, theirs, r, label))
            for r in resamples
        ]
        low, high = np.percentile(saved[1:], [2.5, 97.5])
        expected = [saved[0], low, high]
        assert [interval.estimate, interval.low, interval.high] == pytest.approx(
            expected, rel=1e-6, nan_ok=True
        )
    assert np.isnan(result.by_maf[0].low)  # no site in that bin
    assert 0 < result.overall.low < result.overall.estimate < result.overall.high < 1


def test_sums_give_the_scores_of_evaluate(truth: Truth) -> None:
    dosages = noisy(truth, 0.4)
    sums = measures.person_sums(truth, dosages)
    scores = accuracy(truth, Imputed(dosages, np.full(SITES, np.nan), 0))
    by_bin = r2(sums.sum(axis=1))[: len(MAF_EDGES) - 1]
    assert by_bin == pytest.approx(scores.by_maf, rel=1e-5, nan_ok=True)
    assert r2(sums.sum(axis=(0, 1))) == pytest.approx(scores.overall, rel=1e-5)
    each = [loop_r2(truth, dosages, np.array([person]), None) for person in range(PEOPLE)]
    people = measures.person_r2(sums)
    assert (people.min, people.median, people.max) == pytest.approx(
        (min(each), sorted(each)[PEOPLE // 2], max(each))
    )


def test_calibration_agrees_with_a_plain_loop(truth: Truth) -> None:
    dosages = noisy(truth, 0.4)
    groups: dict[int, list[tuple[float, float]]] = {}
    for dose, count in zip(dosages.ravel().tolist(), truth.counts.ravel().tolist(), strict=True):
        last = len(DOSE_EDGES) - 2
        groups.setdefault(min(last, int(dose / 0.1)), []).append((dose, count))
    result = measures.calibration(truth, dosages)
    deviations = []
    for i, share in enumerate(result.share):
        pairs = np.array(groups.get(i, [])).reshape(-1, 2)
        assert share == pytest.approx(len(pairs) / dosages.size)
        if len(pairs):
            assert (result.predicted[i], result.true[i]) == pytest.approx(tuple(pairs.mean(axis=0)))
            deviations.append(share * abs(pairs[:, 0].mean() - pairs[:, 1].mean()))
        else:
            assert np.isnan(result.predicted[i])
    assert result.largest_weighted_deviation == pytest.approx(max(deviations))


def test_dr2_is_compared_at_the_same_sites(truth: Truth) -> None:
    dosages = [noisy(truth, 0.3), noisy(truth, 0.6)]
    dosages[0][0] = 1.0  # tells nothing: true r2 of 0
    rng = np.random.default_rng(5)
    imputed = [Imputed(d, rng.random(SITES), 0) for d in dosages]
    imputed[1].estimated_r2[3] = np.nan
    true = [measures.site_r2(truth, d) for d in dosages]
    usable = measures.usable_sites(truth, imputed, true)
    alternate = truth.counts.sum(axis=1)
    common = np.minimum(alternate, 2 * PEOPLE - alternate) >= MIN_MINOR
    assert usable.tolist() == [bool(ok) and v != 3 for v, ok in enumerate(common)]
    for v in np.flatnonzero(common)[1:]:
        assert true[1][v] == pytest.approx(np.corrcoef(dosages[1][v], truth.counts[v])[0, 1] ** 2, rel=1e-5)
    assert true[0][0] == 0 or not common[0]
    result = measures.dr2(imputed[0].estimated_r2, true[0], usable)
    expected = np.corrcoef(imputed[0].estimated_r2[usable], true[0][usable])[0, 1]
    assert (result.correlation, result.sites) == (pytest.approx(expected), usable.sum())
    assert sum(result.in_bin) == result.sites


def test_constant_sums_have_no_r2(truth: Truth) -> None:
    sums = measures.person_sums(truth, np.full((SITES, PEOPLE), 0.3, np.float32))
    assert np.isnan(r2(sums)).all()
    assert np.isnan(measures.person_r2(sums).median)
