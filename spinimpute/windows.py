"""Windows: cores that tile a chromosome in cM, each with the typed variants of its flanks.

Anchors and runs never look beyond the flanks, so a site's dosage hardly depends on where its window happens
to begin.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from spinimpute.bits import WORD
from spinimpute.panel import PackedVariants, PanelBlock, TypedRecords
from spinimpute.retrieval import TypedWindow
from spinimpute.sites import Sites


@dataclass(frozen=True)
class Window:
    """A core to impute: its R records and V variants, and the typed variants of core and flanks.

    first_typed counts the chromosome's typed variants before the window's; target holds the target's alleles
    at the core records.
    """

    sites: Sites
    core: PackedVariants
    flanked: TypedWindow
    first_typed: int
    target: TypedRecords


def cut_windows(blocks: Iterable[PanelBlock], core_cm: float, flank_cm: float) -> Iterator[Window]:
    """Regroup panel blocks into windows, holding no more than one window with its flanks."""
    for _, chromosome in groupby(blocks, key=lambda block: block.sites.chrom):
        yield from _cut_chromosome(chromosome, core_cm, flank_cm)


def _cut_chromosome(blocks: Iterator[PanelBlock], core_cm: float, flank_cm: float) -> Iterator[Window]:
    held: deque[PanelBlock] = deque()
    passed = 0  # typed variants of blocks no longer held
    start = 0.0
    for block in blocks:
        if not held:
            start = float(block.cm[0])
        held.append(block)
        while held[-1].cm[-1] >= start + core_cm + flank_cm:
            yield from _window(held, start, core_cm, flank_cm, passed)
            start += core_cm
            while len(held) > 1 and held[0].cm[-1] < start - flank_cm:
                passed += len(held.popleft().typed_cm)
    while held and start <= held[-1].cm[-1]:
        yield from _window(held, start, core_cm, flank_cm, passed)
        start += core_cm


def _window(
    held: Sequence[PanelBlock], start: float, core_cm: float, flank_cm: float, passed: int
) -> Iterator[Window]:
    """Yield the window whose core is [start, start + core_cm), unless no record lies in it."""
    low = [int(np.searchsorted(block.cm, start)) for block in held]
    high = [int(np.searchsorted(block.cm, start + core_cm)) for block in held]
    parts = [(b, slice(i, j)) for b, i, j in zip(held, low, high, strict=True) if i < j]
    if not parts:
        return
    typed_cm = np.concatenate([block.typed_cm for block in held])
    near = slice(
        int(np.searchsorted(typed_cm, start - flank_cm)),
        int(np.searchsorted(typed_cm, start + core_cm + flank_cm)),
    )
    yield Window(
        sites=Sites.concatenate([block.sites.take(part) for block, part in parts]),
        core=_join(parts),
        flanked=TypedWindow(
            typed_cm[near],
            np.concatenate([block.typed_panel for block in held])[near],
            np.concatenate([block.typed_target for block in held])[near],
        ),
        first_typed=passed + near.start,
        target=TypedRecords.concatenate([block.target.take(part) for block, part in parts]),
    )


def _join(parts: Sequence[tuple[PanelBlock, slice]]) -> PackedVariants:
    """Join the variants of some records of consecutive blocks, keeping only the words that hold them."""
    records, alleles, slots, words, cm, log_odds, flip = [], [], [], [], [], [], []
    n_records = n_slots = 0
    for block, part in parts:
        variants = block.variants
        kept = (variants.record >= part.start) & (variants.record < part.stop)
        first = int(variants.slot[kept][0]) // WORD
        last = int(variants.slot[kept][-1]) // WORD + 1
        span = slice(first * WORD, last * WORD)
        records.append(variants.record[kept] - part.start + n_records)
        alleles.append(variants.allele[kept])
        slots.append(variants.slot[kept] - span.start + n_slots)
        words.append(variants.words[:, first:last])
        cm.append(variants.cm[span])
        log_odds.append(variants.log_odds[span])
        flip.append(variants.flip[span])
        n_records += part.stop - part.start
        n_slots += span.stop - span.start
    return PackedVariants(
        np.concatenate(records),
        np.concatenate(alleles),
        np.concatenate(slots),
        np.concatenate(words, axis=1),
        np.concatenate(cm),
        np.concatenate(log_odds),
        np.concatenate(flip),
    )
