"""The page and the MultiQC files of a finished imputation."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spinimpute import __version__
from spinimpute.config import ImputeConfig
from spinimpute.errors import SpinImputeError
from spinimpute.io.names import read_names
from spinimpute.io.outputs import OutputNames
from spinimpute.io.region import Region
from spinimpute.provenance import command_line

if TYPE_CHECKING:
    from spinimpute.tally import ImputeSummary


def check_inputs(config: ImputeConfig) -> None:
    """Raise SpinImputeError if no report can be made, of input that cannot be read twice or of BGEN."""
    output = OutputNames.from_out(config.out, config.out_format).vcf
    if output.suffix == ".bgen":
        raise SpinImputeError(
            "--report needs an output with DR2", found="BGEN", remedy="write VCF, BCF or VCF Zarr"
        )
    for option, path in (("--ref", config.ref), ("--gt", config.gt)):
        if str(path) == "-":
            raise SpinImputeError(
                "--report needs inputs that can be read twice", found=f"{option} -", remedy="give a file"
            )


def write_report(
    config: ImputeConfig, summary: ImputeSummary, warnings: Sequence[str], shown: Mapping[str, str]
) -> dict[str, str]:
    """Write PREFIX.report.html and two *_mqc.json; return them as rows for the terminal.

    warnings are the run's, shown what it showed of itself. SpinImputeError if output or inputs cannot be read
    again.
    """
    from spinimpute.report.multiqc import run_content, sample_content, write_content
    from spinimpute.report.page import write_page
    from spinimpute.report.run_page import RunTotals, run_page
    from spinimpute.report.run_sums import sum_run

    prefix = str(OutputNames.from_out(config.out, config.out_format).log).removesuffix(".log")
    region = Region.parse(config.chrom) if config.chrom else None
    excluded = read_names(config.exclude_samples, "excluded samples")
    sums = sum_run(summary.output, config.ref, config.gt, region, excluded)
    totals = RunTotals(
        name=Path(prefix).name,
        panel_haplotypes=summary.panel_haplotypes,
        records=summary.records,
        typed=summary.typed,
        imputed=summary.imputed,
        mean_dr2=summary.mean_dr2,
        fates=summary.fates,
    )
    page = Path(f"{prefix}.report.html")
    write_page(page, run_page(totals, sums, warnings, _details(config, shown)))
    write_content(Path(f"{prefix}_mqc.json"), run_content(totals, sums))
    write_content(Path(f"{prefix}.samples_mqc.json"), sample_content(totals, sums))
    return {"report": str(page)}


def _details(config: ImputeConfig, shown: Mapping[str, str]) -> dict[str, str]:
    given = {
        "command": command_line(sys.argv),
        "version": __version__,
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
        "panel": str(config.ref),
        "target": str(config.gt),
        "map": str(config.map) if config.map else "1 cM/Mb",
        "model": config.model,
    }
    return given | {name: value for name, value in shown.items() if name in {"output", "time", "mean DR2"}}
