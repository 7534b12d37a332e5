"""Windows: cores that tile a chromosome in cM, each with the typed variants of its flanks.

Anchors and runs never look beyond the flanks, so a site's dosage hardly depends on where its window happens
to begin.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from spinimpute.marks import HaplotypeMarks
from spinimpute.panel import PanelBlock, TypedRecords, Variants
from spinimpute.sites import Sites
from spinimpute.typed import TypedWindow

# Variants of a core times target haplotypes: those among their doses that are not next to nothing, a tenth or
# so, are held in 6 bytes each until the window is written, of two windows at a time.
MOST_DOSES = 1 << 27
# No core is cut shorter than this for the number of targets: the flanks would cost more than the core.
LEAST_VARIANTS = 1 << 14


@dataclass(frozen=True)
class Place:
    """Where a window lies among a chromosome's records: all that is needed to cut it again from those at
    positions first to last alone.

    begin counts the records from first to the core's, passed the typed variants before first; start is the
    core's map position.
    """

    first: int
    last: int
    begin: int
    passed: int
    start: float


@dataclass(frozen=True)
class Window:
    """A core to impute: its R records and V variants, and the typed variants of core and flanks.

    first_typed counts the chromosome's typed variants before the window's; target holds the target's alleles
    at the core records. The typed variants from core_typed on are those of the core that core_variant (M',)
    names.
    """

    place: Place
    sites: Sites
    core: Variants
    marks: HaplotypeMarks
    flanked: TypedWindow
    first_typed: int
    target: TypedRecords
    core_typed: int
    core_variant: NDArray[np.int64]


def most_variants(n_targets: int) -> int:
    """How many variants a core may have with so many target haplotypes."""
    return max(MOST_DOSES // n_targets, LEAST_VARIANTS)


def cut_windows(
    blocks: Iterable[PanelBlock], core_cm: float, flank_cm: float, most: int, place: Place | None = None
) -> Iterator[Window]:
    """Regroup panel blocks into windows, holding no more than one window with its flanks.

    A core ends after core_cm, or sooner where it would have more than `most` variants. No window has records
    of different ploidy. Blocks that begin at a place's first position give the windows from there on; the
    last of them is whole if they reach to its place's last position, or to the end of its ploidy.
    """
    for _, chromosome in groupby(blocks, key=stretch_of):
        cutter = _Cutter(core_cm, flank_cm, most, place)
        for block in chromosome:
            yield from cutter.add(block)
        yield from cutter.finish()
        place = None  # that of the first chromosome or stretch


def stretch_of(block: PanelBlock) -> tuple[str, int, bool]:
    """What changes from one chromosome, or stretch of the same ploidy, to the next."""
    return block.sites.chrom, block.marks.haplotypes, block.target.haploid is not None


class _Cutter:
    """Cuts one chromosome, or a stretch of it. It holds the blocks of the next core and of its flanks.

    Records and typed variants are counted from the first ones that are held. The next core begins with record
    _begin, and at the map position _start; _passed counts the typed variants that are no longer held.
    """

    def __init__(self, core_cm: float, flank_cm: float, most: int, place: Place | None) -> None:
        self._core_cm = core_cm
        self._flank_cm = flank_cm
        self._most = most
        self._held: deque[PanelBlock] = deque()
        self._begin = place.begin if place else 0
        self._start = place.start if place else 0.0
        self._placed = place is not None
        self._passed = place.passed if place else 0

    def add(self, block: PanelBlock) -> Iterator[Window]:
        """Take the next block and yield the windows that are complete with it."""
        if not len(block.cm):
            return
        if not self._held and not self._placed:
            self._start = float(block.cm[0])
        self._held.append(block)
        # As long as nothing is full and the flank is not there, there is no need to look at all that is held.
        held = sum(len(each.variants.cm) for each in self._held)
        if held <= self._most and block.cm[-1] < self._start + self._core_cm + self._flank_cm:
            return
        while True:
            cm = self._positions()
            end = self._end(cm)
            if end == len(cm) or cm[-1] < self._stop(cm, end) + self._flank_cm:
                return
            yield self._window(cm, end)

    def finish(self) -> Iterator[Window]:
        """Yield what is left of the chromosome."""
        while self._begin < len(cm := self._positions()):
            yield self._window(cm, self._end(cm))

    def _positions(self) -> NDArray[np.float64]:
        return np.concatenate([block.cm for block in self._held])

    def _end(self, cm: NDArray[np.float64]) -> int:
        """The end of the next core among records at cm (R,), or R if that is not known yet."""
        counts = [np.bincount(block.variants.record, minlength=len(block.cm)) for block in self._held]
        variants = np.concatenate(counts)[self._begin :].cumsum()
        fit = int(np.searchsorted(variants, self._most, side="right"))
        return min(self._begin + max(fit, 1), int(np.searchsorted(cm, self._start + self._core_cm)))

    def _stop(self, cm: NDArray[np.float64], end: int) -> float:
        """The map position that ends a core, whose last record is the one before end."""
        stop = self._start + self._core_cm
        return min(stop, float(cm[end])) if end < len(cm) else stop

    def _window(self, cm: NDArray[np.float64], end: int) -> Window:
        """The window whose core ends before a record; the core after it becomes the next."""
        stop = self._stop(cm, end)
        typed_cm = np.concatenate([block.typed_cm for block in self._held])
        low = int(np.searchsorted(typed_cm, self._start - self._flank_cm))
        high = int(np.searchsorted(typed_cm, stop + self._flank_cm))
        core = _overlaps([block.cm for block in self._held], self._begin, end)
        typed = _overlaps([block.typed_cm for block in self._held], low, high)
        core_low, core_variant = _core_typed([self._held[i] for i, _ in core], [part for _, part in core])
        core_low += sum(len(block.typed_cm) for block in list(self._held)[: core[0][0]])
        # Without flanks, the typed variants of the core's last map position may be left out.
        inside = slice(max(low - core_low, 0), max(high - core_low, 0))
        window = Window(
            place=self._place(cm, end, stop),
            sites=Sites.concatenate([self._held[i].sites.take(part) for i, part in core]),
            core=_join_variants([self._held[i].variants for i, _ in core], [part for _, part in core]),
            marks=_join_marks([self._held[i] for i, _ in core], [part for _, part in core]),
            flanked=TypedWindow(
                typed_cm[low:high],
                self._held[0].marks.haplotypes,
                np.concatenate([self._held[i].typed_bits[part] for i, part in typed]),
                np.concatenate([self._held[i].typed_target[part] for i, part in typed]),
            ),
            first_typed=self._passed + low,
            target=TypedRecords.concatenate([self._held[i].target.take(part) for i, part in core]),
            core_typed=max(core_low - low, 0),
            core_variant=core_variant[inside],
        )
        self._go_on(cm, end, stop)
        return window

    def _place(self, cm: NDArray[np.float64], end: int, stop: float) -> Place:
        """The place of the window whose core ends before a record and at a map position."""
        pos = np.concatenate([block.sites.pos for block in self._held])
        # The record after the core bounds it, and the one after the flank tells that the flank is whole.
        last = min(max(end, int(np.searchsorted(cm, stop + self._flank_cm))), len(pos) - 1)
        return Place(int(pos[0]), int(pos[last]), self._begin, self._passed, self._start)

    def _go_on(self, cm: NDArray[np.float64], end: int, stop: float) -> None:
        """Begin the next core before a record, at a map position, and drop what its flank does not need."""
        if end < len(cm):
            # Stretches without records are skipped by whole cores.
            stop += float(cm[end] - stop) // self._core_cm * self._core_cm
        self._begin, self._start = end, stop
        while len(self._held) > 1 and self._held[0].cm[-1] < stop - self._flank_cm:
            passed = self._held.popleft()
            self._passed += len(passed.typed_cm)
            self._begin -= len(passed.cm)


def _overlaps(columns: Sequence[NDArray[np.float64]], begin: int, end: int) -> list[tuple[int, slice]]:
    """Which of consecutive columns hold rows from begin to end, and where; the first if there are no rows."""
    bounds = np.cumsum([0, *map(len, columns)]).tolist()
    inside = [(max(begin - low, 0), min(end, high) - low) for low, high in pairwise(bounds)]
    return [(i, slice(low, high)) for i, (low, high) in enumerate(inside) if low < high] or [(0, slice(0))]


def _join_variants(variants: Sequence[Variants], records: Sequence[slice]) -> Variants:
    """Join the variants of some records of consecutive blocks."""
    parts, done = [], 0
    for each, part in zip(variants, records, strict=True):
        first, last = np.searchsorted(each.record, [part.start, part.stop])
        parts.append(each.part(first, last, part.start - done))
        done += part.stop - part.start
    return Variants.concatenate(parts)


def _core_typed(blocks: Sequence[PanelBlock], records: Sequence[slice]) -> tuple[int, NDArray[np.int64]]:
    """The typed variants at some records of consecutive blocks: how many the first block has before them, and
    which variants among those at the records they are.
    """
    before, parts, done = 0, [], 0
    for i, (block, part) in enumerate(zip(blocks, records, strict=True)):
        first, last = np.searchsorted(block.variants.record, [part.start or 0, part.stop]).tolist()
        low, high = np.searchsorted(block.typed_variant, [first, last]).tolist()
        before = low if i == 0 else before
        parts.append(block.typed_variant[low:high] - first + done)
        done += last - first
    return before, np.concatenate(parts)


def _join_marks(blocks: Sequence[PanelBlock], records: Sequence[slice]) -> HaplotypeMarks:
    """Join the marks at some records of consecutive blocks."""
    parts = []
    for block, part in zip(blocks, records, strict=True):
        first, last = np.searchsorted(block.variants.record, [part.start, part.stop])
        parts.append(block.marks.part(int(first), int(last)))
    return HaplotypeMarks.join(parts)
