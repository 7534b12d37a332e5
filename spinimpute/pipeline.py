"""The whole imputation: panel blocks are aligned with the target, cut into windows, imputed and written. What
is unphased in the target is phased first, which reads the panel once more.

One window is read in the background, the next imputed, while a third is written.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from spinimpute.ahead import Ahead
from spinimpute.config import ImputeConfig
from spinimpute.inference import Engine
from spinimpute.io.fates import write_fates
from spinimpute.io.formats import open_writer
from spinimpute.io.outputs import OutputNames
from spinimpute.io.rows import RowFormat
from spinimpute.job import open_job
from spinimpute.kept import KeptWork
from spinimpute.limits import hard_limit
from spinimpute.memory import fit_memory
from spinimpute.phasing import Phaser, count_unphased, is_cohort, phased_target
from spinimpute.provenance import command_line, header_lines
from spinimpute.spin.checkpoint import LoadedModel, load_model
from spinimpute.spin.device import choose_device
from spinimpute.spin.network import start_network
from spinimpute.tally import ImputeSummary, Listener, Tally
from spinimpute.target_only import amid
from spinimpute.windows import cut_windows, most_variants
from spinimpute.workload import measure

logger = logging.getLogger(__name__)


def impute(config: ImputeConfig, listener: Listener | None = None) -> ImputeSummary:
    """Impute config.gt from config.ref into config.out; SpinImputeError for input that cannot be used."""
    began = time.monotonic()
    names = OutputNames.from_out(config.out, config.out_format)
    model = load_model(config.model_name) if config.impute else None
    engine = make_engine(config, model) if model else None
    with open_job(config, names) as job:
        target, samples, panel = job.target, job.samples, job.panel
        tally = Tally(job.records, len(samples), listener)
        cohort = is_cohort(len(samples), 2 * len(panel.samples))
        phaser = Phaser(samples, config.seed, config.threads, cohort, fill=model is None)
        network = f"{model} on {engine.network.device}" if engine else ""
        kept = KeptWork.of(config, names, network) if config.resume else None
        most = most_variants(2 * len(samples))
        limit = hard_limit()
        if model and engine and (config.memory or limit):
            fit = fit_memory(measure(job, config, model, engine.network.device), config.memory, limit)
            most, engine = fit.variants, replace(engine, threads=fit.threads)
        if count_unphased(target) and model:
            sections = phaser.sections(job.align(target).typed_blocks(job.blocks()), target)
            phase = partial(phased_target, target, sections)
            target = kept.phased(phase) if kept else phase()
        alignment = job.align(target)
        meta = [] if config.no_version else provenance(config, str(model) if model else None, panel.digest())
        keep = config.keep_target_only
        with (
            open_writer(names, samples, panel.contigs, RowFormat(config.ap, config.gp), meta, keep) as writer,
            ExitStack() as background,
        ):
            if engine:
                cut = cut_windows(alignment.blocks(job.blocks()), config.window, config.overlap, most)
                windows = tally.windows(background.enter_context(Ahead(cut)))
                imputed = kept.windows(engine.impute, windows) if kept else map(engine.impute, windows)
                blocks = tally.blocks(background.enter_context(Ahead(imputed)))
            else:
                blocks = tally.blocks(phaser.sections(alignment.typed_blocks(job.blocks()), target))
            for block in amid(blocks, alignment.target_only) if keep else blocks:
                writer.write(block)
            tables = alignment.finish(config.ref, config.gt)
        write_fates(names.variants, tables)
    if kept:
        kept.remove()
    tally.warn()
    fates = Counter(fate.value for table in tables for fate in table.fates)
    return tally.summary(2 * len(panel.samples), time.monotonic() - began, names.vcf, dict(fates))


def make_engine(config: ImputeConfig, model: LoadedModel) -> Engine:
    """The model on its device."""
    return Engine(start_network(model, choose_device(config.device)), config.threads, model.trust)


def provenance(config: ImputeConfig, model: str | None, panel: str) -> list[str]:
    """Header lines of the output, with the model's name and digest and the panel's digest."""
    details = {"model": model} if model else {}
    details["panel"] = f"sha256:{panel}"
    return header_lines(command_line(sys.argv), {**details, "seed": config.seed})
