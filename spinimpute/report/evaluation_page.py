"""The page of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from spinimpute.evaluation.comparison import Fate
from spinimpute.evaluation.measures import bin_means, r2
from spinimpute.evaluation.run import Evaluation, Measures
from spinimpute.evaluation.tally import STEP
from spinimpute.report import plots
from spinimpute.report.along import Strip, Windows, along
from spinimpute.report.canvas import Drawing
from spinimpute.report.page import Number, Page, Table
from spinimpute.report.text import decimal, percent

HEADS = ("variants", "r2", "mean variant r2", "non-ref. concordance", "concordance", "calibration error")
_MUCH = 0.01  # share of variants that may be absent without a word
_SHOWN = 100  # samples in the table
_NOTE = (
    "r²: squared correlation of dosage and true ALT count over all genotypes of a group. Mean variant r²: "
    "each variant over its own genotypes, 0 where all dosages are equal, without those that do not vary in "
    "the truth. Non-reference concordance: right calls, among genotypes that are not REF/REF in both files. "
    "Calibration error: mean distance of predicted and true dose, in ALT alleles, by predicted dose."
)


def evaluation_page(found: Evaluation, details: dict[str, str]) -> Page:
    """Lay out an evaluation; details say where it comes from."""
    overall = found.overall
    return Page(
        title="Imputation accuracy",
        subtitle=f"{found.files.imputed.name} against {found.files.truth.name}",
        warnings=[*found.notes, *_findings(found)],
        numbers=[
            Number("dosage r²", decimal(overall.r2)),
            Number("non-reference concordance", percent(overall.concordance.non_reference)),
            Number("calibration error, ALT alleles", decimal(overall.calibration_error, 5)),
            Number("variants scored", f"{overall.variants:,}"),
            Number("samples", f"{len(found.samples):,}"),
        ],
        drawings=[drawing for drawing in _drawings(found) if drawing is not None],
        tables=_tables(found),
        details=details,
    )


def cells(row: Measures) -> list[str]:
    """The measures under HEADS."""
    return [
        f"{row.variants:,}",
        decimal(row.r2),
        decimal(row.mean_variant_r2),
        percent(row.concordance.non_reference),
        percent(row.concordance.all),
        decimal(row.calibration_error, 5),
    ]


def maf_label(name: str) -> str:
    """A MAF bin's name in per cent."""
    low, _, high = name.partition("-")
    try:
        return f"{100 * float(low):g}-{100 * float(high):g} %"
    except ValueError:
        return name


def _findings(found: Evaluation) -> Iterator[str]:
    """What in the results is worth a look first."""
    absent = found.fates.get(Fate.PRIOR, 0) + found.fates.get(Fate.ABSENT, 0)
    total = absent + found.fates.get(Fate.COMPARED, 0)
    if absent > _MUCH * total:
        yield f"{absent:,} of {total:,} variants that could be scored are not in the imputed file"


def _drawings(found: Evaluation) -> Iterable[Drawing | None]:
    return _by_maf(found), _calibration(found), _estimates(found), _samples(found), _along(found)


def _by_maf(found: Evaluation) -> Drawing:
    rows = [row for row in found.by_maf if "-" in row.name and row.variants]
    return plots.by_bin(
        "Accuracy by minor allele frequency",
        f"MAF in the {'panel' if found.files.panel else 'truth'}; beneath, the number of variants. "
        "A bin includes its upper edge.",
        [f"{maf_label(row.name)}\n{row.variants:,}" for row in rows],
        {
            "dosage r², all genotypes of a bin": [row.r2 for row in rows],
            "mean of the variants' r²": [row.mean_variant_r2 for row in rows],
            "non-reference concordance": [row.concordance.non_reference for row in rows],
        },
        "minor allele frequency",
    )


def _calibration(found: Evaluation) -> Drawing:
    curve = found.overall.calibration
    return plots.calibration(
        "Calibration",
        "Genotypes in bins of predicted dose; on the dashed line predictions mean what they say. "
        "Larger points stand for more genotypes.",
        curve[:, 0],
        *bin_means(curve),
    )


def _estimates(found: Evaluation) -> Drawing | None:
    sums = found.estimates
    if not sums.bins[:, 0].any():
        return None
    return plots.density(
        f"{found.estimate} against true r²",
        f"{int(sums.bins[:, 0].sum()):,} variants with at least 5 true minor alleles; correlation "
        f"{decimal(sums.correlation, 3)}.",
        sums.cells,
        (f"{found.estimate}, estimated by the imputed file", "true r²"),
        bin_means(sums.bins),
    )


def _samples(found: Evaluation) -> Drawing:
    values = np.array([row.r2 for row in found.by_sample])
    return plots.ranked(
        "Samples",
        f"Dosage r² of each sample over all variants; median {decimal(float(np.nanmedian(values)))}."
        if np.isfinite(values).any()
        else "Dosage r² of each sample is undefined.",
        found.samples,
        values,
        "dosage r²",
    )


def _along(found: Evaluation) -> Drawing | None:
    if not found.along:
        return None
    windows = Windows.join(found.along, STEP)
    strips = {chrom: Strip(r2(sums), sums[:, 0] / len(found.samples)) for chrom, sums in windows.sums.items()}
    values = np.concatenate([strip.line for strip in strips.values()])
    low = float(np.nanmin(values)) if np.isfinite(values).any() else 0.0
    return along(
        f"Dosage r² of all genotypes in windows of {windows.width / 1000:,.0f} kb, and the variants scored.",
        windows,
        strips,
        ("dosage r²", "variants"),
        (max(0.0, low - 0.05), 1.01),
    )


def _tables(found: Evaluation) -> list[Table]:
    bins = [[maf_label(row.name), *cells(row)] for row in (*found.by_maf, found.overall)]
    types = [[row.name, *cells(row)] for row in found.by_type]
    both = [
        [maf_label(row.name.split(" ")[0]) + " " + row.name.split(" ")[1], *cells(row)]
        for row in found.by_maf_and_type
    ]
    worst = sorted(found.by_sample, key=lambda row: (np.isnan(row.r2), row.r2))[:_SHOWN]
    note = (
        f"The {_SHOWN} with the lowest r²; all are in the TSV file."
        if len(worst) < len(found.samples)
        else ""
    )
    heads = [head.replace("r2", "r²") for head in HEADS]
    fates = [[fate.value, f"{count:,}"] for fate, count in found.fates.items()]
    return [
        Table("By minor allele frequency", ["MAF", *heads], bins, _NOTE),
        Table("By type of variant", ["type", *heads], types),
        Table("By minor allele frequency and type", ["MAF and type", *heads], both, folded=True),
        Table(
            "By sample, lowest r² first",
            ["sample", *heads],
            [[row.name, *cells(row)] for row in worst],
            note,
            folded=True,
        ),
        Table("Variants of the truth", ["fate", "variants"], fates),
    ]
