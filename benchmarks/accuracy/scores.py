"""All dosages of a problem in memory, for measures that compare tools genotype by genotype.

`spinimpute evaluate` measures one file, in blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinimpute.config import MAF_EDGES
from spinimpute.errors import SpinImputeError
from spinimpute.evaluation.measures import maf_bins
from spinimpute.io.dosage_file import ESTIMATES

Key = tuple[str, int, str, str]


@dataclass(frozen=True)
class Truth:
    """Biallelic panel sites that were not typed: keys (V), panel frequency (V,), true ALT counts (V, S)."""

    keys: tuple[Key, ...]
    frequency: NDArray[np.float64]
    counts: NDArray[np.float32]
    samples: tuple[str, ...]

    @property
    def bins(self) -> NDArray[np.intp]:
        """(V,) the index of each site's panel MAF among MAF_EDGES; -1 where the panel has one allele only."""
        return maf_bins(self.frequency, MAF_EDGES)


@dataclass(frozen=True)
class Imputed:
    """What a file says of the sites of a truth: dosages (V, S), and r2 (V,) as its INFO estimates it."""

    dosages: NDArray[np.float32]
    estimated_r2: NDArray[np.float64]  # nan where the file has none
    missing: int  # sites that the file lacks


@dataclass(frozen=True)
class Accuracy:
    """Squared correlation of estimated and true dosage over the genotypes of a bin; nan if undefined."""

    by_maf: tuple[float, ...]
    sites: tuple[int, ...]  # in each bin
    overall: float
    missing: int  # sites that the imputed file lacks, scored as twice the panel's frequency


def read_truth(truth: Path, panel: Path, target: Path) -> Truth:
    """The sites to score; SpinImputeError when there is none."""
    typed = {key for key, _ in _biallelic(target)}
    frequency = {
        key: float((record.genotype.array()[:, :2] == 1).mean()) for key, record in _biallelic(panel)
    }
    hidden = {
        key: record.genotype.array()[:, :2].sum(axis=1, dtype=np.float32)
        for key, record in _biallelic(truth)
        if key in frequency and key not in typed
    }
    if not hidden:
        raise SpinImputeError("no site of the panel is in the truth and not in the target", where=str(truth))
    return Truth(
        keys=tuple(hidden),
        frequency=np.array([frequency[key] for key in hidden]),
        counts=np.stack(list(hidden.values())),
        samples=tuple(_open(truth).samples),
    )


def read_imputed(truth: Truth, imputed: Path) -> Imputed:
    """Read the DS field of a file; SpinImputeError if it lacks DS or one of the samples."""
    dosages = np.repeat((2 * truth.frequency).astype(np.float32)[:, None], len(truth.samples), axis=1)
    estimated = np.full(len(truth.keys), np.nan)
    rows = {key: row for row, key in enumerate(truth.keys)}
    columns = _columns(imputed, truth.samples)
    for key, record in _biallelic(imputed):
        row = rows.pop(key, None)
        if row is not None:
            dosages[row] = _dosage(record, imputed)[columns]
            estimates = [record.INFO.get(name) for name in ESTIMATES]
            estimated[row] = next((value for value in estimates if value is not None), np.nan)
    return Imputed(dosages, estimated, missing=len(rows))


def score(truth: Truth, imputed: Path) -> Accuracy:
    """Score the DS field of a file; SpinImputeError as read_imputed."""
    return accuracy(truth, read_imputed(truth, imputed))


def accuracy(truth: Truth, imputed: Imputed) -> Accuracy:
    """Compare dosages with the truth."""
    bins = truth.bins
    members = [bins == i for i in range(len(MAF_EDGES) - 1)]
    return Accuracy(
        by_maf=tuple(squared_correlation(imputed.dosages[m], truth.counts[m]) for m in members),
        sites=tuple(int(member.sum()) for member in members),
        overall=squared_correlation(imputed.dosages, truth.counts),
        missing=imputed.missing,
    )


def squared_correlation(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Pearson's r, squared, over all elements; nan if either is constant."""
    if x.size == 0 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x.ravel(), y.ravel(), dtype=np.float64)[0, 1] ** 2)


def _open(path: Path) -> Any:
    import cyvcf2

    try:
        return cyvcf2.VCF(str(path))
    except OSError as error:
        raise SpinImputeError("not a readable VCF or BCF file", where=str(path), found=str(error)) from error


def _biallelic(path: Path) -> Iterator[tuple[Key, Any]]:
    for record in _open(path):
        if len(record.ALT) == 1:
            yield (record.CHROM, record.POS, record.REF, record.ALT[0]), record


def _columns(path: Path, samples: tuple[str, ...]) -> list[int]:
    there = {sample: column for column, sample in enumerate(_open(path).samples)}
    absent = [sample for sample in samples if sample not in there]
    if absent:
        raise SpinImputeError(
            "a sample of the truth is not in the imputed file", where=str(path), found=absent[0]
        )
    return [there[sample] for sample in samples]


def _dosage(record: Any, path: Path) -> NDArray[np.float32]:
    dosage = record.format("DS")
    if dosage is None:
        raise SpinImputeError("no DS field", where=f"{path} {record.CHROM}:{record.POS}")
    return np.asarray(dosage[:, 0], dtype=np.float32)
