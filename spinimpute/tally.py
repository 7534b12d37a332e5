"""What an imputation counts as it goes, for progress and summary."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spinimpute.imputed import ImputedWindow
from spinimpute.io.rows import ImputedBlock
from spinimpute.phasing import PhasedSection
from spinimpute.windows import Window

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """Hears how far the imputation is."""

    def window(self, share: float, done: WindowDone) -> None:
        """A window is written; share (0-1) of the target's records is done."""


@dataclass(frozen=True)
class WindowDone:
    """A window's first and last position, its panel records and how many of them are typed."""

    chrom: str
    first: int
    last: int
    records: int
    typed: int


@dataclass(frozen=True)
class ImputeSummary:
    """What one imputation did; mean_dr2 is over the imputed variants, fates counts target records."""

    samples: int
    panel_haplotypes: int
    records: int
    typed: int
    imputed: int
    mean_dr2: float
    seconds: float
    output: Path
    fates: dict[str, int]


class Tally:
    """Counts what is imputed of so many target records and samples, for progress and summary."""

    def __init__(self, target_records: int, samples: int, listener: Listener | None) -> None:
        self._target_records = target_records
        self._samples = samples
        self._listener = listener
        self._records = 0
        self._typed = 0
        self._imputed_variants = 0
        self._dr2 = 0.0
        self._untyped: list[str] = []

    def windows(self, windows: Iterable[Window]) -> Iterator[Window]:
        """Yield windows; note those that hold nothing to impute from."""
        for window in windows:
            if not len(window.flanked.cm):
                sites = window.sites
                self._untyped.append(f"{sites.chrom}:{sites.pos[0]}-{sites.pos[-1]}")
            yield window

    def blocks(self, windows: Iterable[ImputedWindow | PhasedSection]) -> Iterator[ImputedBlock]:
        """Yield the windows' blocks; count each, and tell the listener of a window when it is done."""
        for imputed in windows:
            before = self._records, self._typed
            first = 0
            for block in imputed.blocks():
                self._add(block)
                first = first or int(block.sites.pos[0])
                yield block
            chrom, last = block.sites.chrom, int(block.sites.pos[-1])
            counts = self._records - before[0], self._typed - before[1]
            if self._listener:
                share = min(1.0, self._typed / self._target_records)
                self._listener.window(share, WindowDone(chrom, first, last, *counts))

    def warn(self) -> None:
        """Warn of output that says less than it seems to."""
        if self._untyped:
            logger.warning(
                "%d window(s) without a typed record that varies in the panel: dosages there are the panel's "
                "allele frequencies, DR2 is 0; the first is %s",
                len(self._untyped), self._untyped[0],
            )  # fmt: skip
        if self._samples == 1:
            logger.warning("DR2 compares target samples; with one sample it is undefined, so do not use it")

    def _add(self, block: ImputedBlock) -> None:
        imputed = ~block.typed[block.record]
        self._records += len(block.sites)
        self._typed += int(block.typed.sum())
        self._imputed_variants += int(imputed.sum())
        self._dr2 += float(block.sums.dr2[imputed].sum())

    def summary(
        self, panel_haplotypes: int, seconds: float, output: Path, fates: dict[str, int]
    ) -> ImputeSummary:
        """Return the summary of the run."""
        return ImputeSummary(
            samples=self._samples,
            panel_haplotypes=panel_haplotypes,
            records=self._records,
            typed=self._typed,
            imputed=self._records - self._typed,
            mean_dr2=self._dr2 / max(1, self._imputed_variants),
            seconds=seconds,
            output=output,
            fates=fates,
        )
