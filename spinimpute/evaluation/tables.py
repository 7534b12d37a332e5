"""The results of an evaluation as tab-separated text."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spinimpute.evaluation.comparison import Compared
from spinimpute.evaluation.measures import DOSE_EDGES, bin_means, concordances, variant_r2
from spinimpute.evaluation.tally import VariantSums
from spinimpute.evaluation.variants import KINDS
from spinimpute.io.outputs import atomic_output

if TYPE_CHECKING:
    from spinimpute.evaluation.run import Measures

_MEASURES = (
    "group", "name", "variants", "genotypes", "r2", "mean_variant_r2", "concordance", "nonref_concordance",
    "calibration_error",
)  # fmt: skip
_CALIBRATION = ("group", "name", "dose_from", "dose_to", "genotypes", "mean_predicted", "mean_true")
_SITES = (
    "chrom", "pos", "ref", "alt", "type", "frequency", "genotypes", "r2", "estimated_r2", "concordance",
    "nonref_concordance",
)  # fmt: skip


def write_measures(path: Path, rows: Iterable[Measures]) -> None:
    """Write one line for each group."""
    lines = ["\t".join(_MEASURES)]
    for row in rows:
        head = [row.group, row.name, str(row.variants), str(row.genotypes)]
        numbers = (row.r2, row.mean_variant_r2, *row.concordance, row.calibration_error)
        lines.append("\t".join([*head, *map(_number, numbers)]))
    with atomic_output(path) as partial:
        partial.write_text("\n".join(lines) + "\n")


def write_calibration(path: Path, rows: Iterable[Measures]) -> None:
    """Write one line for each group and bin of predicted dose that has genotypes."""
    lines = ["\t".join(_CALIBRATION)]
    for row in rows:
        predicted, true = bin_means(row.calibration)
        for i in np.flatnonzero(row.calibration[:, 0]).tolist():
            edges = f"{DOSE_EDGES[i]:.1f}\t{DOSE_EDGES[i + 1]:.1f}"
            means = f"{_number(predicted[i])}\t{_number(true[i])}"
            lines.append(f"{row.group}\t{row.name}\t{edges}\t{int(row.calibration[i, 0])}\t{means}")
    with atomic_output(path) as partial:
        partial.write_text("\n".join(lines) + "\n")


class SiteTable:
    """One line for each variant, gzip-compressed, written as they come; without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stack = ExitStack()
        self._file: gzip.GzipFile | None = None

    def __enter__(self) -> SiteTable:
        if self._path:
            partial = self._stack.enter_context(atomic_output(self._path))
            raw = self._stack.enter_context(partial.open("wb"))
            # Without a name and a time stamp, equal tables make equal files.
            self._file = self._stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))
            self._file.write(("\t".join(_SITES) + "\n").encode())
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.__exit__(*details)  # type: ignore[arg-type]

    def add(self, block: Compared, sums: VariantSums) -> None:
        """Append the variants of a block."""
        if self._file is None:
            return
        measured = np.column_stack(
            [variant_r2(sums.moments), block.estimated, concordances(sums.calls)]
        ).tolist()
        kinds, genotypes = block.variants.kinds.tolist(), sums.moments[:, 0].astype(int).tolist()
        lines = []
        rows = zip(block.variants.keys, kinds, block.frequency.tolist(), genotypes, measured, strict=True)
        for (pos, ref, alt), kind, frequency, count, numbers in rows:
            head = f"{block.chrom}\t{pos}\t{ref}\t{alt}\t{KINDS[kind]}\t{_number(frequency)}\t{count}"
            lines.append("\t".join([head, *map(_number, numbers)]))
        self._file.write(("\n".join(lines) + "\n").encode())


def _number(value: float) -> str:
    return "NA" if math.isnan(value) else f"{value:.6g}"
