"""The page of a run without truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.alleles import Fate
from spinimpute.config import MAF_EDGES
from spinimpute.evaluation.tally import STEP
from spinimpute.report import plots
from spinimpute.report.along import Strip, Windows, along
from spinimpute.report.canvas import Drawing
from spinimpute.report.page import Number, Page, Table
from spinimpute.report.run_sums import COMMON, FAR, WELL, RunSums
from spinimpute.report.text import bin_labels, decimal, percent

FEW_CALLS = 0.95  # call rate below which a sample is worth a look
_LITTLE = 0.5  # share of the target's variants that can be used
_FAR_SHARE = 0.01  # of the typed variants
_SHOWN = 100  # samples in the table


@dataclass(frozen=True)
class RunTotals:
    """What a run says of itself: records written, typed and imputed; fates of target records by name."""

    name: str
    panel_haplotypes: int
    records: int
    typed: int
    imputed: int
    mean_dr2: float
    fates: Mapping[str, int]


def run_page(totals: RunTotals, sums: RunSums, warnings: Sequence[str], details: Mapping[str, str]) -> Page:
    """Lay out a run; warnings are those that it gave, details say where it comes from."""
    well, common = well_imputed(sums)
    return Page(
        title="Imputation report",
        subtitle=totals.name,
        warnings=[*warnings, *findings(totals, sums)],
        numbers=[
            Number("samples", f"{len(sums.samples):,}"),
            Number("panel haplotypes", f"{totals.panel_haplotypes:,}"),
            Number("variants used of the target", percent(used(totals))),
            Number("records written", f"{totals.records:,}"),
            Number("of them imputed", f"{totals.imputed:,}"),
            Number(f"common variants with DR2 ≥ {WELL:g}", percent(well / common if common else np.nan)),
        ],
        drawings=list(_drawings(totals, sums)),
        tables=list(_tables(totals, sums)),
        details=details,
    )


def used(totals: RunTotals) -> float:
    """The share of the target's records that were used, mended ones among them; nan if there were none."""
    total = sum(totals.fates.values())
    return totals.typed / total if total else float("nan")


def well_imputed(sums: RunSums) -> tuple[int, int]:
    """Of the imputed variants with a MAF of COMMON or more, those with a DR2 of WELL or more; and all."""
    rows = [row for row, edge in enumerate(MAF_EDGES[:-1]) if edge >= COMMON]
    variants, _, well = sums.by_maf[rows].sum(axis=0)
    return int(well), int(variants)


def call_rates(sums: RunSums) -> NDArray[np.float64]:
    """(S,) share of the target's genotypes that are not missing; nan without records."""
    total = sums.calls[:, 0]
    return np.asarray(sums.calls[:, 1] / np.where(total > 0, total, np.nan))


def confidences(sums: RunSums) -> NDArray[np.float64]:
    """(S,) mean confidence of imputed genotypes; nan without any."""
    total = sums.confidence[:, 0]
    return np.asarray(sums.confidence[:, 1] / np.where(total > 0, total, np.nan))


def findings(totals: RunTotals, sums: RunSums) -> Iterator[str]:
    """What in the results is worth a look first."""
    if (share := used(totals)) < _LITTLE:
        yield (
            f"only {percent(share)} of the target's variants were used: see their fates, and check that "
            "target and panel are of the same genome build"
        )
    compared = int(sums.frequencies.sum())
    if compared and sums.far > _FAR_SHARE * compared:
        yield (
            f"the ALT frequency of {sums.far:,} of {compared:,} typed variants differs from the panel's "
            f"by {FAR:g} or more: check strands, and that the panel suits the samples' ancestry"
        )
    rates = call_rates(sums)
    few = np.flatnonzero(rates < FEW_CALLS)
    if len(few):
        worst = int(few[rates[few].argmin()])
        yield (
            f"{len(few)} of {len(rates)} samples have a call rate below {percent(FEW_CALLS)}; the lowest is "
            f"{sums.samples[worst]} with {percent(rates[worst])}"
        )


def _drawings(totals: RunTotals, sums: RunSums) -> Iterator[Drawing]:
    fates = {fate.value: totals.fates.get(fate.value, 0) for fate in Fate}
    caption = f"What became of the target's records; all are in {totals.name}.variants.tsv.gz."
    yield plots.bars("Target variants", caption, fates)
    if sums.frequencies.any():
        yield plots.density(
            "Allele frequency, target against panel",
            f"{int(sums.frequencies.sum()):,} typed variants, stronger where there are more. Those far from "
            f"the dashed line ({sums.far:,} by {FAR:g} or more) hint at strand or build problems.",
            sums.frequencies,
            ("ALT frequency in the panel", "ALT frequency in the target"),
        )
    if sums.by_maf[:, 0].any():
        yield _by_maf(sums)
    yield _samples(sums)
    if any(held[:, 0].any() for held in sums.along.values()):
        yield _along(sums)


def _by_maf(sums: RunSums) -> Drawing:
    held = sums.by_maf[:-1]
    rows = np.flatnonzero(held[:, 0])
    labels = bin_labels(MAF_EDGES)
    return plots.by_bin(
        "Estimated accuracy by minor allele frequency",
        f"DR2 of imputed variants, the estimated r² with the truth. MAF among the {len(sums.samples):,} "
        "samples themselves; beneath, the number of variants.",
        [f"{labels[row]}\n{int(held[row, 0]):,}" for row in rows],
        {
            "mean DR2": (held[rows, 1] / held[rows, 0]).tolist(),
            f"share with DR2 ≥ {WELL:g}": (held[rows, 2] / held[rows, 0]).tolist(),
        },
        "minor allele frequency in the output",
    )


def _samples(sums: RunSums) -> Drawing:
    rates, confidence = call_rates(sums), confidences(sums)
    if not np.isfinite(confidence).any():
        caption = "Share of the target's genotypes of each sample that are not missing."
        return plots.ranked("Samples", caption, sums.samples, rates, "call rate")
    return plots.scattered(
        "Samples",
        "Call rate: target genotypes not missing. Confidence: mean of 1 - |dosage - called ALT alleles| over "
        f"imputed variants with MAF ≥ {percent(COMMON)}; a sample far below the others may be contaminated, "
        "or of an ancestry that the panel lacks.",
        sums.samples,
        (rates, confidence),
        ("call rate", "mean confidence"),
    )


def _along(sums: RunSums) -> Drawing:
    windows = Windows.join(sums.along, STEP)
    strips = {}
    for chrom, held in windows.sums.items():
        mean = held[:, 1] / np.where(held[:, 0] > 0, held[:, 0], np.nan)
        strips[chrom] = Strip(mean, held[:, 2])
    return along(
        f"Mean DR2 of imputed variants with MAF ≥ {percent(COMMON)}, and the number of typed ones, in "
        f"windows of {windows.width / 1000:,.0f} kb.",
        windows,
        strips,
        ("mean DR2", "typed"),
        (0, 1),
    )


def _tables(totals: RunTotals, sums: RunSums) -> Iterator[Table]:
    fates = [[fate.value, f"{totals.fates.get(fate.value, 0):,}"] for fate in Fate]
    yield Table("Target variants", ["fate", "variants"], fates, folded=True)
    if sums.by_maf[:, 0].any():
        labels = [*bin_labels(MAF_EDGES), "one allele"]
        rows = [
            [label, f"{int(n):,}", decimal(dr2 / n), percent(well / n)]
            for label, (n, dr2, well) in zip(labels, sums.by_maf.tolist(), strict=True)
            if n
        ]
        heads = ["MAF in the output", "imputed variants", "mean DR2", f"DR2 ≥ {WELL:g}"]
        yield Table("Imputed variants", heads, rows)
    if sums.outliers:
        rows = [[each.name, f"{each.panel:.3f}", f"{each.target:.3f}"] for each in sums.outliers]
        heads = ["variant", "ALT frequency in the panel", "in the target"]
        yield Table("Typed variants that differ most from the panel", heads, rows)
    rates, confidence = call_rates(sums), confidences(sums)
    order = np.argsort(np.nan_to_num(rates, nan=2), kind="stable")[:_SHOWN].tolist()
    note = f"The {_SHOWN} with the lowest call rate." if len(order) < len(sums.samples) else ""
    rows = [[sums.samples[i], percent(rates[i]), decimal(confidence[i])] for i in order]
    yield Table(
        "Samples, lowest call rate first", ["sample", "call rate", "mean confidence"], rows, note, folded=True
    )
