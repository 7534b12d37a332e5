"""The paper's measure and ours: R2 pooled over a window's haplotypes and sites, r2 by MAF, and intervals.

Axes: T target haplotypes, V sites.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.measures import Interval
from benchmarks.table3.cells import Doses, Store
from benchmarks.table3.windows import Window
from spinimpute.config import MAF_EDGES
from spinimpute.evaluation.measures import maf_bins, moments, r2

RESAMPLES = 1_000
SEED = 1

Sums = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """A row of the table.

    `r2` and `less` are means over windows and seeds of pooled R2, `less` of ours minus this row's; both with
    95 % percentile intervals over resampled people. `spread` is the standard deviation over seeds of the mean
    over windows; nan for one seed. `by_maf` pools the genotypes of all windows.
    """

    method: str
    seeds: int
    windows: tuple[float, ...]
    r2: Interval
    less: Interval
    spread: float
    by_maf: tuple[float, ...]


def score(
    method: str,
    baseline: str,
    store: Store,
    windows: Sequence[Window],
    seeds: Collection[int] | None = None,
) -> Score:
    """Score a method on the seeds that it has finished for every window, or those of them in `seeds`."""
    sums = person_sums(method, store, windows, seeds)
    base = person_sums(baseline, store, windows, seeds)
    weights = resamples(windows)
    mine, theirs = mean_r2(sums, weights), mean_r2(base, weights)
    pooled = [r2(window.sum(axis=(1, 2))) for window in sums]  # (seeds,) for each window
    by_seed = np.mean(pooled, axis=0)
    by_maf = r2(sum(window.sum(axis=1) for window in sums)).mean(axis=0)
    return Score(
        method=method,
        seeds=len(by_seed),
        windows=tuple(float(window.mean()) for window in pooled),
        r2=_interval(mine),
        less=_interval(theirs - mine),
        spread=float(by_seed.std(ddof=1)) if len(by_seed) > 1 else float("nan"),
        by_maf=tuple(by_maf[:-1].tolist()),
    )


def finished_seeds(
    method: str, store: Store, windows: Sequence[Window], seeds: Collection[int] | None = None
) -> list[int]:
    """The seeds, among those given, with which a method has finished every window."""
    finished = set.intersection(*(set(store.seeds(method, window.name)) for window in windows))
    return sorted(finished if seeds is None else finished & set(seeds))


def person_sums(
    method: str, store: Store, windows: Sequence[Window], seeds: Collection[int] | None = None
) -> list[Sums]:
    """For each window (seeds, S people, B MAF bins, 6), the sums that r2 is made of."""
    chosen = finished_seeds(method, store, windows, seeds)
    return [
        np.stack([_sums(window, store.get(method, window.name, seed).doses) for seed in chosen])
        for window in windows
    ]


def resamples(windows: Sequence[Window]) -> list[Sums]:
    """For each window (R, S), how often each person counts; the first row is everybody once.

    Windows of one set have the same people, who are drawn together.
    """
    drawn: dict[str, Sums] = {}
    generator = np.random.default_rng(SEED)
    for window in windows:
        people = window.people
        if window.set not in drawn:
            counts = generator.multinomial(people, np.full(people, 1 / people), size=RESAMPLES)
            drawn[window.set] = np.concatenate([np.ones((1, people)), counts])
    return [drawn[window.set] for window in windows]


def mean_r2(sums: Sequence[Sums], weights: Sequence[Sums]) -> NDArray[np.float64]:
    """(R,) pooled R2, its mean over seeds and windows, for each resample."""
    means = [
        r2(np.einsum("rs,esk->rek", weight, window.sum(axis=2))).mean(axis=1)
        for window, weight in zip(sums, weights, strict=True)
    ]
    return np.asarray(np.mean(means, axis=0))


def _sums(window: Window, doses: Doses) -> Sums:
    """(S, B, 6) n, x, y, xx, yy, xy of each person and MAF bin, the last for sites outside the edges."""
    bins = maf_bins(window.maf, MAF_EDGES)
    shape = (window.people, 2, len(bins))
    x, y = doses.astype(float).reshape(shape), window.truth.astype(float).reshape(shape)
    parts = moments(x, y, axis=1)  # (S, V, 6)
    sums = np.zeros((window.people, len(MAF_EDGES), 6))
    for i, label in enumerate([*range(len(MAF_EDGES) - 1), -1]):
        sums[:, i] = parts[:, bins == label].sum(axis=1)
    return sums


def _interval(values: NDArray[np.float64]) -> Interval:
    """The first value is the estimate, the others are its resamples."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Interval(float(values[0]), float(low), float(high))
