"""Pseudo-targets: people taken out of a panel, typed on a random array, to be imputed from the rest.

Taking out whole people is leave-one-out by person: neither haplotype of a pseudo-target can be in its own
context.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.concordance import count_carriers, measure_concordance
from spinimpute.copying import Queries, copy_alleles
from spinimpute.li_stephens import lay_track, run_chains
from spinimpute.marks import HaplotypeMarks
from spinimpute.retrieval import Anchors, Context, order_panel, place_anchors, retrieve
from spinimpute.segments import Segments, cut_segments
from spinimpute.spin.inputs import WindowInput
from spinimpute.tokens import Tokens, bound_rings, describe, describe_sites, task_features
from spinimpute.training.sources import Source
from spinimpute.typed import TypedWindow

MIN_PANEL_PEOPLE = 40
# Pseudo-targets, fewer in a panel of less than three times as many people.
TARGET_PEOPLE = 30
MIN_TYPED = 24
# Between typed variants: dense arrays on whole genomes to sparse ones on panels of common variants.
SPACING_BP = (800, 20_000)
# Share of tasks with everybody else as the panel: people impute from the largest panel that they can get.
SHARE_WHOLE = 0.3
# Typed gaps between anchors; fewer where the region would not have anchors enough for a training stretch.
STRIDES = (3, 7)
MIN_ANCHORS = 8
# Share of tasks with a genetic map; the others have 1 cM per Mb.
SHARE_WITH_MAP = 0.85
# Pairs of a target and an anchor in a task, of which a training takes some.
MAX_TARGET_ANCHORS = 1000


@dataclass(frozen=True)
class Draw:
    """One imputation task with known answers.

    panel (V, N) and truth (V, T) uint8, 1 where the haplotype carries the allele that is rarer in the panel;
    typed (V,) bool; segments of the variants between the anchors; queries, tokens and context of the T
    targets, the queries without any weights of a network; shared is what the network is given for all of
    them.
    """

    panel: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    typed: NDArray[np.bool_]
    segments: Segments
    queries: Queries
    anchors: Anchors
    context: Context
    tokens: Tokens
    shared: WindowInput

    @property
    def context_size(self) -> int:
        """K, which is less than the network's where the panel is smaller."""
        return int(self.context.haplotype.shape[2])


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform between those of low and high."""
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low)))))


def choose_people(
    rng: np.random.Generator, n_people: int, n_targets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return disjoint panel and target people.

    Half of the time people come from a few stretches of the file, which mostly hold one population each: so
    panels of few ancestries arise, and targets whose ancestry the panel lacks in part.
    """
    order = rng.permutation(n_people)
    if rng.random() < 0.5:
        centres = rng.uniform(0, n_people, rng.integers(1, 4))
        distance = np.abs(np.arange(n_people)[:, None] - centres).min(axis=1)
        order = np.argsort(distance + rng.uniform(0, 0.15 * n_people, n_people))
    most = n_people - n_targets
    n_panel = most
    if rng.random() >= SHARE_WHOLE:
        n_panel = min(most, round(log_uniform(rng, MIN_PANEL_PEOPLE, most)))
    members = order[: n_panel + n_targets]
    if rng.random() < 0.15 and len(order) >= n_panel + 2 * n_targets:
        return members[:n_panel], order[n_panel + n_targets :][-n_targets:]
    shuffled = rng.permutation(members)
    return shuffled[n_targets:], shuffled[:n_targets]


def choose_array(
    rng: np.random.Generator, pos: NDArray[np.int64], maf: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the typed variants (V,) of a random array: biased to common variants and to some stretches, and
    half of the time as evenly spread as this allows.
    """
    spacing = log_uniform(rng, *SPACING_BP)
    wanted = max(MIN_TYPED, int((pos[-1] - pos[0]) / spacing))
    eligible = np.flatnonzero(maf > rng.choice([0.0, 0.01, 0.05, 0.05]))
    if len(eligible) < MIN_TYPED:
        eligible = np.flatnonzero(maf > 0)
    knots = np.linspace(pos[0], pos[-1], 2 + int((pos[-1] - pos[0]) / 50_000))
    favour = np.exp(np.interp(pos[eligible], knots, rng.normal(0, rng.uniform(0, 1), len(knots))))
    weight = favour * (maf[eligible] + 1e-3) ** rng.uniform(0, 0.7)
    weight /= weight.sum()
    typed = np.zeros(len(pos), bool)
    if rng.random() < 0.5:
        typed[rng.choice(eligible, min(wanted, len(eligible)), replace=False, p=weight)] = True
    else:
        at = (np.arange(wanted) + rng.random()) / wanted
        typed[eligible[np.searchsorted(np.cumsum(weight), at).clip(0, len(eligible) - 1)]] = True
    return typed


def observe(rng: np.random.Generator, alleles: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return typed target alleles as an array would report them: errors flipped, some missing (-1)."""
    seen = alleles.astype(np.int8)
    if rng.random() < 0.6:
        seen ^= rng.random(seen.shape) < log_uniform(rng, 0.0005, 0.005)
    if rng.random() < 0.5:
        seen[rng.random(seen.shape) < rng.uniform(0, 0.05)] = -1
    return seen


def _haplotypes_of(people: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.sort(np.concatenate([2 * people, 2 * people + 1]))


@dataclass(frozen=True)
class _Split:
    """A source in two parts: pos, cm, frequency (V,); panel (V, N), truth (V, T) mark the rarer allele."""

    pos: NDArray[np.int64]
    cm: NDArray[np.float64]
    frequency: NDArray[np.float64]
    panel: NDArray[np.uint8]
    truth: NDArray[np.uint8]


def _split(rng: np.random.Generator, source: Source) -> _Split:
    n_people = source.alleles.shape[1] // 2
    panel_people, target_people = choose_people(rng, n_people, min(TARGET_PEOPLE, n_people // 3))
    panel = source.alleles[:, _haplotypes_of(panel_people)]
    truth = source.alleles[:, _haplotypes_of(target_people)]
    n = panel.shape[1]
    count = panel.sum(axis=1, dtype=np.int64)
    kept = np.flatnonzero((count > 0) & (count < n))
    count = count[kept]
    flip = (2 * count > n)[:, None]
    frequency = (np.minimum(count, n - count) + 0.5) / (n + 1)
    mapped = rng.random() < SHARE_WITH_MAP
    cm = np.asarray(source.cm[kept] if mapped else source.pos[kept] * 1e-6, np.float64)
    return _Split(source.pos[kept], cm, frequency, panel[kept] ^ flip, truth[kept] ^ flip)


def _choose_gaps(rng: np.random.Generator, n_typed: int) -> NDArray[np.int64]:
    stride = min(int(rng.integers(*STRIDES)), n_typed // (MIN_ANCHORS - 1))
    return np.unique(np.append(np.arange(0, n_typed + 1, stride), n_typed)).astype(np.int64)


def draw_task(source: Source, context_size: int, seed: list[int]) -> Draw:
    """Draw people, array, errors and anchors from a source and retrieve the contexts, repeatably by seed."""
    rng = np.random.default_rng(seed)
    split = _split(rng, source)
    typed = choose_array(rng, split.pos, split.frequency)
    gaps = _choose_gaps(rng, int(typed.sum()))
    some = rng.permutation(split.truth.shape[1])[: max(4, MAX_TARGET_ANCHORS // len(gaps))]
    truth = np.ascontiguousarray(split.truth[:, some])
    observed = observe(rng, truth[typed])
    window = TypedWindow.of(split.cm[typed], split.panel[typed], observed)
    anchors = place_anchors(window.cm, gaps)
    everybody = slice(0, truth.shape[1])
    orders = order_panel(window, anchors)
    context = retrieve(window, anchors, orders, everybody, context_size)
    log_odds = np.log(split.frequency / (1 - split.frequency)).astype(np.float32)
    marks = HaplotypeMarks.of(split.panel.view(np.bool_))
    concordance = measure_concordance(count_carriers(window, anchors, orders, marks, split.cm))
    shared = WindowInput(describe_sites(window, anchors), task_features(window, anchors))
    segments = cut_segments(split.cm, log_odds, anchors.cm, shared.task, concordance)
    chains = run_chains(window, lay_track(window, anchors, first_typed=0), context, everybody)
    nothing = np.zeros((*context.haplotype.shape, 1), np.float32)
    queries = copy_alleles(marks, segments, nothing, nothing[:, :, 0], chains)
    return Draw(
        panel=split.panel,
        truth=truth,
        typed=typed,
        segments=segments,
        queries=queries,
        anchors=anchors,
        context=context,
        tokens=describe(window, anchors, bound_rings(window, anchors), context, chains.posterior, everybody),
        shared=shared,
    )
