"""One evaluation: the files are compared block by block, and the sums become rows of measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinimpute.config import MAF_EDGES
from spinimpute.errors import SpinImputeError
from spinimpute.evaluation.comparison import Comparison, Fate, Files
from spinimpute.evaluation.measures import Concordance, calibration_error, r2
from spinimpute.evaluation.tables import SiteTable
from spinimpute.evaluation.tally import EstimateSums, Tally
from spinimpute.evaluation.variants import KINDS

OUTSIDE = "outside"  # of the bins, which with edges from 0 to 0.5 means one allele only


@dataclass(frozen=True)
class Measures:
    """The measures of one group of genotypes; nan where undefined.

    r2 is over all genotypes of the group, mean_variant_r2 the mean of each variant's own. calibration (D, 3)
    has number, sum of predicted and of true dose of the genotypes in each bin of predicted dose; its error is
    in ALT alleles.
    """

    group: str
    name: str
    variants: int
    genotypes: int
    r2: float
    mean_variant_r2: float
    concordance: Concordance
    calibration_error: float
    calibration: NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """What was found; along holds moments (W, 6) by STEP bp of each chromosome."""

    files: Files
    samples: tuple[str, ...]
    estimate: str  # the INFO field that estimates r2, "" if there is none
    overall: Measures
    by_maf: tuple[Measures, ...]
    by_type: tuple[Measures, ...]
    by_maf_and_type: tuple[Measures, ...]
    by_sample: tuple[Measures, ...]
    estimates: EstimateSums
    along: Mapping[str, NDArray[np.float64]]
    fates: Mapping[Fate, int]
    notes: tuple[str, ...]

    def rows(self) -> Iterator[Measures]:
        """All groups."""
        yield self.overall
        for part in (self.by_maf, self.by_type, self.by_maf_and_type, self.by_sample):
            yield from part


def check_edges(edges: tuple[float, ...]) -> None:
    """Raise SpinImputeError unless edges of MAF bins ascend within 0 - 0.5."""
    ascending = all(low < high for low, high in pairwise(edges))
    if len(edges) < 2 or not ascending or edges[0] < 0 or edges[-1] > 0.5:
        raise SpinImputeError(
            "edges of MAF bins must ascend from 0 or more to 0.5 or less",
            found=",".join(f"{edge:g}" for edge in edges),
            remedy="write them as in 0,0.01,0.05,0.5",
        )


Listener = Callable[[float, str], None]  # the share done (0-1), and where that is


def evaluate(
    files: Files,
    edges: tuple[float, ...] = MAF_EDGES,
    sites: Path | None = None,
    listener: Listener | None = None,
) -> Evaluation:
    """Compare an imputed file with the truth; sites is where the table of variants goes, if it is wanted.

    SpinImputeError for files that cannot be used or have nothing to compare, and for faulty edges.
    """
    check_edges(edges)
    with Comparison(files) as comparison:
        tally = Tally(len(comparison.samples), edges)
        with SiteTable(sites) as table:
            for block in comparison.blocks():
                table.add(block, tally.add(block))
                if listener:
                    listener(comparison.share, f"{block.chrom}:{block.variants.keys[-1][0]:,}")
            if not tally.variants.sum():
                raise SpinImputeError(
                    "truth and imputed file must share variants to score",
                    where=f"truth {files.truth}, imputed {files.imputed}",
                    found=_counted(comparison.fates),
                    remedy="check chromosome, genome build and --typed",
                )
        return _evaluation(comparison, tally)


def _evaluation(comparison: Comparison, tally: Tally) -> Evaluation:
    bins = range(len(tally.edges) - 1)
    names = [f"{_edge(low)}-{_edge(high)}" for low, high in pairwise(tally.edges)]
    by_maf = [_measures("maf", names[i], tally, (slice(i, i + 1), slice(None))) for i in bins]
    rest = _measures("maf", OUTSIDE, tally, (slice(-1, None), slice(None)))
    every = range(len(KINDS))
    by_type = [_measures("type", KINDS[k], tally, (slice(None), slice(k, k + 1))) for k in every]
    both = [
        _measures("maf and type", f"{names[i]} {KINDS[k]}", tally, (slice(i, i + 1), slice(k, k + 1)))
        for i in bins
        for k in every
    ]
    return Evaluation(
        files=comparison.files,
        samples=tuple(comparison.samples),
        estimate=comparison.estimate,
        overall=_measures("all", "all", tally, (slice(None), slice(None))),
        by_maf=(*by_maf, *([rest] if rest.variants else [])),
        by_type=tuple(row for row in by_type if row.variants),
        by_maf_and_type=tuple(row for row in both if row.variants),
        by_sample=tuple(_sample(i, name, tally) for i, name in enumerate(comparison.samples)),
        estimates=tally.estimates,
        along={chrom: held[: _filled(held)] for chrom, held in tally.along.items()},
        fates={fate: comparison.fates[fate] for fate in Fate if comparison.fates[fate]},
        notes=tuple(comparison.notes),
    )


def _measures(group: str, name: str, tally: Tally, cells: tuple[slice, slice]) -> Measures:
    """The measures of some MAF bins and types."""
    sums = tally.moments[cells].sum(axis=(0, 1))
    defined, total = tally.variant_r2[cells].sum(axis=(0, 1))
    curve = tally.calibration[cells].sum(axis=(0, 1))
    return Measures(
        group=group,
        name=name,
        variants=int(tally.variants[cells].sum()),
        genotypes=int(sums[0]),
        r2=float(r2(sums)),
        mean_variant_r2=float(total / defined) if defined else float("nan"),
        concordance=Concordance.of(tally.calls[cells].sum(axis=(0, 1))),
        calibration_error=calibration_error(curve),
        calibration=curve,
    )


def _sample(index: int, name: str, tally: Tally) -> Measures:
    sums = tally.sample_moments[index]
    curve = tally.sample_calibration[index]
    return Measures(
        group="sample",
        name=name,
        variants=int(tally.variants.sum()),
        genotypes=int(sums[0]),
        r2=float(r2(sums)),
        mean_variant_r2=float("nan"),
        concordance=Concordance.of(tally.sample_calls[index]),
        calibration_error=calibration_error(curve),
        calibration=curve,
    )


def _edge(value: float) -> str:
    """An edge without an exponent, whose minus sign would look like a range's."""
    return f"{value:.8f}".rstrip("0").rstrip(".")


def _filled(held: NDArray[np.float64]) -> int:
    return int(np.flatnonzero(held[:, 0])[-1]) + 1 if held[:, 0].any() else 0


def _counted(fates: Mapping[Fate, int]) -> str:
    met = [f"{count} {fate.value}" for fate, count in fates.items() if count]
    return ", ".join(met) or "none"
