"""A run's numbers as MultiQC reads them without a module: custom content, files named *_mqc.json.

Format: https://docs.seqera.io/multiqc/custom_content
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from spinimpute.io.outputs import atomic_output
from spinimpute.report.run_page import RunTotals, call_rates, confidences, used, well_imputed
from spinimpute.report.run_sums import COMMON, WELL, RunSums

_SHARE = {"min": 0, "max": 1, "format": "{:,.4f}"}
_COUNT = {"format": "{:,.0f}"}


def run_content(totals: RunTotals, sums: RunSums) -> dict[str, Any]:
    """A table with one row for the run."""
    well, common = well_imputed(sums)
    row = {
        "samples": len(sums.samples),
        "panel_haplotypes": totals.panel_haplotypes,
        "used": used(totals),
        "records": totals.records,
        "imputed": totals.imputed,
        "mean_dr2": totals.mean_dr2,
        "well_imputed": well / common if common else math.nan,
    }
    headers = {
        "samples": {"title": "Samples", **_COUNT},
        "panel_haplotypes": {"title": "Panel haplotypes", **_COUNT},
        "used": {"title": "Target used", "description": "Share of the target's variants used", **_SHARE},
        "records": {"title": "Records", **_COUNT},
        "imputed": {"title": "Imputed", **_COUNT},
        "mean_dr2": {"title": "Mean DR2", "description": "Over all imputed variants", **_SHARE},
        "well_imputed": {
            "title": f"DR2 >= {WELL:g}",
            "description": f"Share of imputed variants with MAF >= {COMMON:g}",
            **_SHARE,
        },
    }
    return _table("spinimpute_runs", "spinimpute: runs", "Imputation runs.", headers, {totals.name: row})


def sample_content(totals: RunTotals, sums: RunSums) -> dict[str, Any]:
    """A table with one row for each sample."""
    rates, confidence = call_rates(sums).tolist(), confidences(sums).tolist()
    rows = {
        name: {"call_rate": rate, "confidence": mean}
        for name, rate, mean in zip(sums.samples, rates, confidence, strict=True)
    }
    headers = {
        "call_rate": {"title": "Call rate", "description": "Target genotypes not missing", **_SHARE},
        "confidence": {
            "title": "Confidence",
            "description": f"Of imputed genotypes at variants with MAF >= {COMMON:g}",
            **_SHARE,
        },
    }
    text = "Call rate before imputation and confidence of the imputed genotypes."
    return _table("spinimpute_samples", "spinimpute: samples", text, headers, rows)


def write_content(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file; SpinImputeError if the disk refuses."""
    with atomic_output(path) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _table(
    name: str, title: str, text: str, headers: dict[str, Any], rows: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """A table; what is undefined is left out, as JSON has no nan."""
    known = {
        key: {column: value for column, value in row.items() if math.isfinite(value)}
        for key, row in rows.items()
    }
    return {
        "id": name,
        "section_name": title,
        "description": text,
        "plot_type": "table",
        "pconfig": {"id": f"{name}_table", "title": title},
        "headers": headers,
        "data": known,
    }
