"""What a finished run left, summed up in one more pass over output, panel and target."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.config import MAF_EDGES
from spinimpute.evaluation.comparison import panel_frequencies
from spinimpute.evaluation.measures import bins_of, maf_bins
from spinimpute.evaluation.tally import add_along
from spinimpute.evaluation.variants import Cursor, Variants
from spinimpute.io.dosage_file import DosageBlock, DosageReader, open_dosages
from spinimpute.io.inputs import VariantReader, open_variants
from spinimpute.io.records import block_records
from spinimpute.io.region import Region

CELLS = 40  # on each side of the plot of frequencies
COMMON = 0.01  # MAF from which the confidence of genotypes is counted: rare ones are confident by default
FAR = 0.2  # difference of two ALT frequencies that is worth a look
WELL = 0.8  # DR2 of a variant that is imputed well
_SHOWN = 10
_EDGES = np.linspace(0, 1, CELLS + 1)


@dataclass(frozen=True)
class Outlier:
    """A typed variant whose ALT frequency differs from the panel's."""

    name: str
    panel: float
    target: float


@dataclass
class RunSums:
    """B + 1 bins of the output's MAF, the last for variants with one allele only; S samples."""

    samples: tuple[str, ...]
    by_maf: NDArray[np.float64] = field(init=False)  # (B + 1, 3) imputed variants, sum of DR2, imputed WELL
    along: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # (W, 3) common, sum of DR2, typed
    frequencies: NDArray[np.int64] = field(init=False)  # (CELLS, CELLS) typed variants, panel x target
    outliers: list[Outlier] = field(default_factory=list)  # those that differ most
    far: int = 0  # how many differ by FAR or more
    confidence: NDArray[np.float64] = field(init=False)  # (S, 2) genotypes and the sum of their confidence
    calls: NDArray[np.int64] = field(init=False)  # (S, 2) target genotypes, and those not missing

    def __post_init__(self) -> None:
        self.by_maf = np.zeros((len(MAF_EDGES), 3))
        self.frequencies = np.zeros((CELLS, CELLS), np.int64)
        self.confidence = np.zeros((len(self.samples), 2))
        self.calls = np.zeros((len(self.samples), 2), np.int64)

    def add_imputed(self, block: DosageBlock) -> None:
        """Add the variants of a block that were not typed, and the places of those that were."""
        pos = block.sites.pos[block.sites.record()]
        imputed = ~block.typed & np.isfinite(block.estimated)
        dr2, bins = block.estimated[imputed], maf_bins(block.frequency[imputed], MAF_EDGES)
        np.add.at(self.by_maf, bins, np.stack([np.ones(len(dr2)), dr2, dr2 >= WELL], axis=1))
        maf = np.nan_to_num(np.minimum(block.frequency, 1 - block.frequency))
        common = imputed & (maf >= COMMON)
        each = np.stack([common, np.where(common, block.estimated, 0), block.typed], axis=1)
        add_along(self.along, block.sites.chrom, pos, each.astype(np.float64))
        known = np.isfinite(block.dosages[common]) & (block.calls[common] >= 0)
        distance = np.abs(block.dosages[common] - block.calls[common])
        self.confidence[:, 0] += known.sum(axis=0)
        self.confidence[:, 1] += np.where(known, 1 - distance, 0).sum(axis=0, dtype=np.float64)

    def add_frequencies(self, chrom: str, typed: Variants, panel: Variants | None) -> None:
        """Compare the typed variants' frequencies with the panel's, where it has them."""
        where = panel.find(typed) if panel is not None else np.full(len(typed.keys), -1)
        rows = np.flatnonzero(where >= 0)
        if panel is None or not len(rows):
            return
        x, y = panel.columns["frequency"][where[rows]], typed.columns["frequency"][rows]
        cells = bins_of(x, _EDGES) * CELLS + bins_of(y, _EDGES)
        self.frequencies += np.bincount(cells, minlength=CELLS**2).reshape(CELLS, CELLS)
        far = np.flatnonzero(np.abs(x - y) >= FAR)
        self.far += len(far)
        for i in far.tolist():
            pos, ref, alt = typed.keys[rows[i]]
            self.outliers.append(Outlier(f"{chrom}:{pos} {ref}>{alt}", float(x[i]), float(y[i])))
        self.outliers.sort(key=lambda each: -abs(each.panel - each.target))
        del self.outliers[_SHOWN:]


def sum_run(
    output: Path, panel: Path, target: Path, region: Region | None = None, excluded: Collection[str] = ()
) -> RunSums:
    """Read what a run wrote, and its panel and target once more; excluded are samples that it left out.

    SpinImputeError if a file cannot be read.
    """
    with closing(open_dosages(output, "output")) as reader:
        sums = RunSums(tuple(reader.samples))
        left_out = frozenset(excluded) | frozenset(reader.samples)
        with open_variants(panel, "panel", left_out) as references:
            _sum_output(sums, reader, references, region)
    with open_variants(target, "target") as typed:
        columns = [typed.samples.index(name) for name in sums.samples]
        for block in typed.blocks(block_records(len(typed.samples)), region):
            known = block.alleles.reshape(len(block.sites), -1, 2).min(axis=2)[:, columns] >= 0
            sums.calls += np.stack([np.full(known.shape[1], len(known)), known.sum(axis=0)], axis=1)
    return sums


def _sum_output(sums: RunSums, reader: DosageReader, panel: VariantReader, region: Region | None) -> None:
    chrom, cursor = "", Cursor([])
    for block in reader.blocks():
        if block.sites.chrom != chrom:
            chrom = block.sites.chrom
            inside = replace(region, chrom=chrom) if region else Region(chrom)
            cursor = Cursor(panel_frequencies(panel, inside))
        sums.add_imputed(block)
        variants = Variants.of(block.sites, {"frequency": block.frequency})
        known = np.flatnonzero(block.typed & np.isfinite(block.frequency))
        if len(known):
            typed = variants.take(known)
            sums.add_frequencies(chrom, typed, cursor.through(typed))
