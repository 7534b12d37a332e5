"""Imputed records as BGEN 1.3 with haplotype probabilities, which hold what AP1 and AP2 say to 16 bits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinimpute.errors import SpinImputeError
from spinimpute.io.outputs import partial_name, publish, writing
from spinimpute.io.record_arrays import RecordArrays
from spinimpute.io.records import ABSENT
from spinimpute.io.rows import ImputedBlock

BITS = 16  # of a probability


class BgenWriter:
    """Writes imputed blocks to a file; it appears when the context ends, or not at all.

    The format has no place for AF, DR2 and the like. SpinImputeError without the package `bgen`.
    """

    def __init__(self, path: Path, samples: Sequence[str]) -> None:
        try:
            import bgen
        except ImportError as error:
            raise SpinImputeError(
                "BGEN output needs the package bgen", remedy="pip install 'spinimpute[bgen]'"
            ) from error
        self._library = bgen
        self._path = path
        self._partial = partial_name(path)
        self._samples = list(samples)
        self._file: Any = None

    def __enter__(self) -> BgenWriter:
        with writing(self._path):
            self._file = self._library.BgenWriter(
                str(self._partial), len(self._samples), self._samples, compression="zlib"
            )
        return self

    def write(self, block: ImputedBlock) -> None:
        """Append the records of one block; SpinImputeError if the disk refuses."""
        if not len(block.sites):
            return
        records = RecordArrays.of(block)
        with writing(self._path):
            for row in range(len(records.sites)):
                self._add(records, row)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with writing(self._path):
                self._file.close()
                if kind is None:
                    publish(self._partial, self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    def _add(self, records: RecordArrays, row: int) -> None:
        sites = records.sites
        # A variant of BGEN has two alleles at least; VCF writes the one that is not there as a dot.
        alleles = [sites.ref[row], *(sites.alts[row] or (".",))]
        place = sites.chrom, int(sites.pos[row])
        haploid = records.codes[row, 1::2] == ABSENT
        self._file.add_variant(
            ":".join(map(str, (*place, *alleles))),
            sites.ids[row],
            *place,
            alleles,
            haplotype_probabilities(records.dosages[row, : len(sites.alts[row])], haploid, len(alleles)),
            ploidy=np.where(haploid, 1, 2).astype(np.uint8) if haploid.any() else 2,
            phased=True,
            bit_depth=BITS,
        )


def haplotype_probabilities(
    dosages: NDArray[np.float32], haploid: NDArray[np.bool_], n_alleles: int
) -> NDArray[np.float64]:
    """Probabilities (S, 2 C) of C alleles on both haplotypes from ALT doses (A, T); nan for absent ones."""
    alternate = np.zeros((n_alleles - 1, dosages.shape[1]))
    alternate[: len(dosages)] = dosages
    reference = np.maximum(1 - alternate.sum(axis=0, keepdims=True), 0)
    # C T -> S 2 C
    found = np.moveaxis(np.concatenate([reference, alternate]).reshape(n_alleles, -1, 2), 0, 2).copy()
    found[haploid, 1] = np.nan
    return found.reshape(len(found), -1)
