"""Truth and imputed file side by side, block by block, with the panel's frequencies and what was typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.evaluation.variants import Cursor, Variants
from spinimpute.io.dosage_file import CallFile, DosageReader, allele_counts, open_dosages
from spinimpute.io.inputs import VariantReader, open_variants
from spinimpute.io.records import block_records
from spinimpute.io.region import Region


class Fate(Enum):
    """What became of a variant of the truth, or of one that only the imputed file has."""

    COMPARED = "compared"
    PRIOR = "not imputed, scored as twice the panel's frequency"
    ABSENT = "not imputed, left out"
    TYPED = "typed, left out"
    NOT_IN_PANEL = "not in the panel, left out"
    REPEATED = "in the truth twice, left out"
    ONLY_IMPUTED = "only in the imputed file"


@dataclass(frozen=True)
class Files:
    """What to compare. panel gives allele frequencies, typed what was typed; both may be absent."""

    truth: Path
    imputed: Path
    panel: Path | None = None
    typed: Path | None = None


@dataclass(frozen=True)
class Compared:
    """V variants of one chromosome, S samples: true ALT counts and estimated doses (V, S), nan missing.

    calls (V, S) int8 the called ALT count, -1 missing; frequency (V,) the ALT's in the panel, without one in
    the truth; estimated (V,) r2 as the imputed file has it, nan if it has not.
    """

    chrom: str
    variants: Variants
    true: NDArray[np.float32]
    dosages: NDArray[np.float32]
    calls: NDArray[np.int8]
    frequency: NDArray[np.float64]
    estimated: NDArray[np.float64]


@dataclass
class Comparison:
    """Goes through the files once, in the truth's order; share (0-1) of it is done. fates and notes grow.

    SpinImputeError if files are faulty or share no sample.
    """

    files: Files
    samples: list[str] = field(init=False)
    share: float = field(init=False, default=0.0)
    fates: Counter[Fate] = field(init=False, default_factory=Counter)
    notes: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._stack = ExitStack()
        self._truth = self._open(self.files.truth, "truth")
        self._imputed = self._stack.enter_context(closing(open_dosages(self.files.imputed)))
        self._panel = self._open(self.files.panel, "panel") if self.files.panel else None
        self._typed = self._open(self.files.typed, "typed") if self.files.typed else None
        self.samples = self._shared()
        self._columns = _columns(self._truth.samples, self.samples)
        self._imputed_columns = _columns(self._imputed.samples, self.samples)
        self.notes += _limits(self._imputed, self._panel, self._typed)

    def __enter__(self) -> Comparison:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def estimate(self) -> str:
        """The INFO field of the imputed file that estimates r2, "" if there is none."""
        return self._imputed.estimate

    def blocks(self) -> Iterator[Compared]:
        """Yield the variants to score."""
        truth = CallFile(self._truth)
        chrom, cursors = "", _Cursors()
        total, seen = max(1, self._truth.count().total), 0
        for block in truth.blocks():
            seen += len(block.sites)
            self.share = min(1.0, seen / total)
            if block.sites.chrom != chrom:
                self.fates[Fate.ONLY_IMPUTED] += cursors.passed()
                chrom = block.sites.chrom
                cursors = self._cursors(chrom)
            compared = self._compare(chrom, Variants.of(block.sites, {"calls": block.calls}), cursors)
            if len(compared.variants.keys):
                yield compared
        self.fates[Fate.ONLY_IMPUTED] += cursors.passed()

    def _open(self, path: Path, role: str) -> VariantReader:
        return self._stack.enter_context(open_variants(path, role))

    def _cursors(self, chrom: str) -> _Cursors:
        return _Cursors(
            Cursor(_imputed_variants(self._imputed, chrom)),
            Cursor(panel_frequencies(self._panel, Region(chrom))) if self._panel else None,
            Cursor(_sites(self._typed, chrom)) if self._typed else None,
        )

    def _compare(self, chrom: str, truth: Variants, cursors: _Cursors) -> Compared:
        imputed, panel, typed = (cursor.through(truth) if cursor else None for cursor in cursors.all())
        kept = self._drop(truth.first_ones(), np.ones(len(truth.keys), np.bool_), Fate.REPEATED)
        place = _find(imputed, truth)
        if typed is not None:
            kept = self._drop(typed.find(truth) < 0, kept, Fate.TYPED)
        elif self._typed is None and imputed is not None and self._imputed.marks_typed:
            kept = self._drop((place < 0) | ~imputed.columns["typed"][place], kept, Fate.TYPED)
        where = _find(panel, truth)
        if self._panel:
            kept = self._drop(where >= 0, kept, Fate.NOT_IN_PANEL)
            self.fates[Fate.PRIOR] += int((kept & (place < 0)).sum())
        else:
            kept = self._drop(place >= 0, kept, Fate.ABSENT)
        self.fates[Fate.COMPARED] += int((kept & (place >= 0)).sum())
        if imputed is not None:
            self.fates[Fate.ONLY_IMPUTED] += int((~imputed.first_ones()).sum())
        rows = np.flatnonzero(kept)
        frequency = panel.columns["frequency"][where[rows]] if panel is not None else None
        return self._side_by_side(chrom, truth.take(rows), imputed, place[rows], frequency)

    def _drop(self, condition: NDArray[np.bool_], kept: NDArray[np.bool_], fate: Fate) -> NDArray[np.bool_]:
        """Keep what holds the condition; count the others."""
        self.fates[fate] += int((kept & ~condition).sum())
        return kept & condition

    def _side_by_side(
        self,
        chrom: str,
        truth: Variants,
        imputed: Variants | None,
        place: NDArray[np.int64],
        frequency: NDArray[np.float64] | None,
    ) -> Compared:
        """Columns of the truth's variants and of those at place (V,) in the imputed file, -1 for none."""
        calls = truth.columns["calls"][:, self._columns]
        true = np.where(calls < 0, np.float32(np.nan), calls.astype(np.float32))
        if frequency is None:
            frequency = _frequency(true)
        dosages = np.repeat((2 * frequency).astype(np.float32)[:, None], len(self.samples), axis=1)
        called = np.rint(np.nan_to_num(dosages, nan=-1)).astype(np.int8)
        estimated = np.full(len(place), np.nan)
        there = np.flatnonzero(place >= 0)
        if imputed is not None and len(there):
            found = place[there]
            dosages[there] = imputed.columns["dosages"][found][:, self._imputed_columns]
            called[there] = imputed.columns["calls"][found][:, self._imputed_columns]
            estimated[there] = imputed.columns["estimated"][found]
        return Compared(chrom, truth, true, dosages, called, frequency, estimated)

    def _shared(self) -> list[str]:
        there = set(self._imputed.samples)
        shared = [name for name in self._truth.samples if name in there]
        if not shared:
            raise SpinImputeError(
                "truth and imputed file must share a sample",
                where=f"{self._truth.where}, {self._imputed.where}",
                found=f"{self._truth.samples[0]} ... and {self._imputed.samples[0]} ...",
            )
        if len(shared) < len(self._truth.samples):
            total, absent = len(self._truth.samples), len(self._truth.samples) - len(shared)
            self.notes.append(
                f"{absent} of {total} samples of the truth are not in the imputed file and are left out"
            )
        return shared


@dataclass(frozen=True)
class _Cursors:
    """Places in the files on one chromosome."""

    imputed: Cursor | None = None
    panel: Cursor | None = None
    typed: Cursor | None = None

    def all(self) -> Sequence[Cursor | None]:
        return self.imputed, self.panel, self.typed

    def passed(self) -> int:
        """How many variants of the imputed file are not in the truth, now that the chromosome is done."""
        if self.imputed is None:
            return 0
        self.imputed.finish()
        return self.imputed.passed


def _imputed_variants(reader: DosageReader, chrom: str) -> Iterator[Variants]:
    for block in reader.blocks(chrom):
        names = ("dosages", "calls", "estimated", "typed")
        yield Variants.of(block.sites, {name: getattr(block, name) for name in names})


def panel_frequencies(reader: VariantReader, region: Region) -> Iterator[Variants]:
    """Yield a region's variants with their ALT frequency (V,), nan where all genotypes are missing."""
    for block in reader.blocks(block_records(len(reader.samples)), region):
        calls = allele_counts(block)
        yield Variants.of(block.sites, {"frequency": _frequency(np.where(calls < 0, np.nan, calls))})


def _sites(reader: VariantReader, chrom: str) -> Iterator[Variants]:
    for block in reader.blocks(block_records(len(reader.samples)), Region(chrom)):
        yield Variants.of(block.sites, {})


def _frequency(counts: NDArray[np.floating]) -> NDArray[np.float64]:
    """ALT frequency (V,) of counts (V, S), nan missing; nan where all are."""
    known = np.isfinite(counts).sum(axis=1)
    total = np.where(np.isfinite(counts), counts, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total / np.where(known > 0, 2 * known, np.nan))


def _find(held: Variants | None, wanted: Variants) -> NDArray[np.int64]:
    return held.find(wanted) if held is not None else np.full(len(wanted.keys), -1, np.int64)


def _columns(there: Sequence[str], wanted: Sequence[str]) -> NDArray[np.intp]:
    columns = {name: column for column, name in enumerate(there)}
    return np.array([columns[name] for name in wanted], np.intp)


def _limits(imputed: DosageReader, panel: VariantReader | None, typed: VariantReader | None) -> list[str]:
    """What the reader of the results should know of the files."""
    notes = []
    if not imputed.has_dosages:
        notes.append("the imputed file has no DS field: its genotype calls are taken as dosages")
    if panel is None:
        notes.append("no panel (--ref): MAF is that of the truth, and variants not imputed are left out")
    if typed is None and not imputed.marks_typed:
        notes.append(
            "no --typed and no flags for what was imputed: typed variants count as if they were imputed"
        )
    return notes
