"""Every check of an imputation's input, and the fate of every target record, without imputing."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from spinimpute.config import InputConfig
from spinimpute.io.fates import write_fates
from spinimpute.io.outputs import OutputNames
from spinimpute.job import open_job
from spinimpute.phasing import count_unphased


@dataclass(frozen=True)
class CheckSummary:
    """What a check found: records are the panel's on shared chromosomes, fates counts target records."""

    samples: int
    panel_haplotypes: int
    chromosomes: list[str]
    records: int
    unphased: int
    fates: dict[str, int]
    seconds: float


def check(config: InputConfig, names: OutputNames | None = None) -> CheckSummary:
    """Read panel and target to their ends; SpinImputeError for all that `pipeline.impute` would refuse.

    With names, the fate table is written to names.variants, and the names are checked as those of outputs.
    """
    began = time.monotonic()
    with open_job(config, names) as job:
        unphased = count_unphased(job.target)
        alignment = job.align(job.target)
        for _ in alignment.typed_blocks(job.blocks()):
            pass
        tables = alignment.finish(config.ref, config.gt)
    if names:
        write_fates(names.variants, tables)
    return CheckSummary(
        samples=len(job.samples),
        panel_haplotypes=2 * len(job.panel.samples),
        chromosomes=[table.sites.chrom for table in tables if table.panel_records],
        records=sum(table.panel_records for table in tables),
        unphased=unphased,
        fates=dict(Counter(fate.value for table in tables for fate in table.fates)),
        seconds=time.monotonic() - began,
    )
