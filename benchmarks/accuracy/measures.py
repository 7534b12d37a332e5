"""How good dosages are: errors against a baseline, calibration, estimated against true r2, r2 by person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.scores import Imputed, Truth
from spinimpute.config import MAF_EDGES
from spinimpute.evaluation.measures import (
    DOSE_EDGES,
    ESTIMATE_EDGES,
    MIN_MINOR,
    bin_means,
    bin_sums,
    bins_of,
    moments,
    r2,
    variant_r2,
)

RESAMPLES = 1_000
SEED = 1
CONFIDENCE = 95.0  # per cent


@dataclass(frozen=True)
class Interval:
    """An estimate and its percentile bootstrap interval; nan where undefined."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class FewerErrors:
    """The share of the baseline's 1 - r2 that a tool saves."""

    by_maf: tuple[Interval, ...]
    overall: Interval


@dataclass(frozen=True)
class Calibration:
    """Genotypes binned by predicted dosage: share of all, mean predicted, mean true; nan for an empty bin."""

    share: tuple[float, ...]
    predicted: tuple[float, ...]
    true: tuple[float, ...]
    largest_weighted_deviation: float


@dataclass(frozen=True)
class Dr2:
    """A tool's own r2 estimate against true per-site r2, and means of both in bins of the estimate."""

    correlation: float
    sites: int
    in_bin: tuple[int, ...]
    estimated: tuple[float, ...]
    true: tuple[float, ...]


@dataclass(frozen=True)
class PersonR2:
    """Aggregated r2 of each target person alone."""

    min: float
    median: float
    max: float


def person_sums(truth: Truth, dosages: NDArray[np.float32]) -> NDArray[np.float64]:
    """(B, S, 6) n, x, y, xx, yy, xy summed over sites, x estimated, y true; one bin more than MAF_EDGES has,
    the last, for sites of which the panel has one allele only."""
    bins = truth.bins
    sums = np.zeros((len(MAF_EDGES), len(truth.samples), 6))
    for i, label in enumerate([*range(len(MAF_EDGES) - 1), -1]):
        x, y = dosages[bins == label].astype(float), truth.counts[bins == label].astype(float)
        sums[i] = moments(x, y, axis=0)
    return sums


def fewer_errors(
    tool: NDArray[np.float64], baseline: NDArray[np.float64], resamples: int = RESAMPLES
) -> FewerErrors:
    """Compare two tools' person sums; both are resampled with the same people."""
    people = tool.shape[1]
    drawn = np.random.default_rng(SEED).multinomial(people, np.full(people, 1 / people), size=resamples)
    weights = np.concatenate([np.ones((1, people)), drawn])  # the people as they are come first
    saved = _saved(_bins_and_all(weights, tool), _bins_and_all(weights, baseline))
    *by_maf, overall = [_interval(column) for column in saved.T]
    return FewerErrors(tuple(by_maf), overall)


def calibration(truth: Truth, dosages: NDArray[np.float32]) -> Calibration:
    """Compare mean predicted and mean true dosage of the genotypes in each bin of predicted dosage."""
    x, y = dosages.ravel().astype(float), truth.counts.ravel().astype(float)
    sums = bin_sums(bins_of(x, DOSE_EDGES), len(DOSE_EDGES) - 1, x, y)
    predicted, true = bin_means(sums)
    share = sums[:, 0] / len(x)
    return Calibration(
        share=tuple(share.tolist()),
        predicted=tuple(predicted.tolist()),
        true=tuple(true.tolist()),
        largest_weighted_deviation=float(np.nanmax(share * np.abs(predicted - true))),
    )


def site_r2(truth: Truth, dosages: NDArray[np.float32]) -> NDArray[np.float64]:
    """True r2 (V,); 0 where all estimates are equal, nan where the targets have too few minor alleles."""
    return variant_r2(moments(dosages, truth.counts, axis=1), MIN_MINOR)


def dr2(estimated: NDArray[np.float64], true: NDArray[np.float64], usable: NDArray[np.bool_]) -> Dr2:
    """Compare estimated and true r2 (V,) at the usable sites."""
    x, y = estimated[usable], true[usable]
    defined = len(x) > 1 and np.ptp(x) > 0 and np.ptp(y) > 0
    sums = bin_sums(bins_of(x, ESTIMATE_EDGES), len(ESTIMATE_EDGES) - 1, x, y)
    mean_x, mean_y = bin_means(sums)
    return Dr2(
        correlation=float(np.corrcoef(x, y)[0, 1]) if defined else float("nan"),
        sites=len(x),
        in_bin=tuple(sums[:, 0].astype(int).tolist()),
        estimated=tuple(mean_x.tolist()),
        true=tuple(mean_y.tolist()),
    )


def usable_sites(
    truth: Truth, imputed: Sequence[Imputed], true: Sequence[NDArray[np.float64]]
) -> NDArray[np.bool_]:
    """(V,) the sites at which every tool has an estimate and there are alleles enough for a true r2."""
    usable = np.ones(len(truth.keys), np.bool_)
    for one, its_true in zip(imputed, true, strict=True):
        usable &= np.isfinite(one.estimated_r2) & np.isfinite(its_true)
    return usable


def person_r2(sums: NDArray[np.float64]) -> PersonR2:
    """Summarise the people for whom r2 is defined; nan if there are none."""
    values = r2(sums.sum(axis=0))
    values = values[np.isfinite(values)]
    if not len(values):
        return PersonR2(*[float("nan")] * 3)
    return PersonR2(float(values.min()), float(np.median(values)), float(values.max()))


def _bins_and_all(weights: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """r2 (R, B): the MAF bins and, last, all sites, for people counted `weights` (R, S) times."""
    binned = np.einsum("rs,bsk->rbk", weights, sums)
    return np.concatenate([r2(binned[:, :-1]), r2(binned.sum(axis=1, keepdims=True))], axis=1)


def _saved(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    errors = np.where(theirs < 1, 1 - theirs, np.nan)  # no share of no errors
    return np.asarray(1 - (1 - ours) / errors)


def _interval(values: NDArray[np.float64]) -> Interval:
    """The first value is the estimate, the others are its resamples."""
    resampled = values[1:][np.isfinite(values[1:])]
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(resampled, [tail, 100 - tail]) if len(resampled) else (np.nan, np.nan)
    return Interval(float(values[0]), float(low), float(high))
