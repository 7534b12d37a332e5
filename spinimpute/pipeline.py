"""The whole imputation: panel blocks are aligned with the target, cut into windows, imputed and written. What
is unphased in the target is phased first, which reads the panel once more.

One window is read in the background, the next imputed, while a third is written.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from spinimpute.agreement import check_samples
from spinimpute.alignment import Alignment
from spinimpute.config import FIXES, ImputeConfig
from spinimpute.imputed import ImputedWindow
from spinimpute.inference import Engine
from spinimpute.io.fates import write_fates
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.inputs import TargetChromosome, VariantReader, open_variants, read_target, sparse_blocks
from spinimpute.io.integrity import check_output
from spinimpute.io.names import read_names
from spinimpute.io.outputs import OutputNames
from spinimpute.io.region import Region
from spinimpute.io.rows import ImputedBlock
from spinimpute.io.writer import DosageWriter
from spinimpute.phasing import PhasedSection, Phaser, count_unphased, phased_target
from spinimpute.provenance import command_line, header_lines
from spinimpute.spin.checkpoint import LoadedModel, choose_device, load_model
from spinimpute.windows import Window, cut_windows

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "spin-small"
T = TypeVar("T")


class Listener(Protocol):
    """Hears how far the imputation is."""

    def window(self, share: float, done: WindowDone) -> None:
        """A window is written; share (0-1) of the target's records is done."""


@dataclass(frozen=True)
class WindowDone:
    """A window's first and last position, its panel records and how many of them are typed."""

    chrom: str
    first: int
    last: int
    records: int
    typed: int


@dataclass(frozen=True)
class ImputeSummary:
    """What one imputation did; mean_dr2 is over the imputed variants, fates counts target records."""

    samples: int
    panel_haplotypes: int
    records: int
    typed: int
    imputed: int
    mean_dr2: float
    seconds: float
    output: Path
    fates: dict[str, int]


def impute(config: ImputeConfig, listener: Listener | None = None) -> ImputeSummary:
    """Impute config.gt from config.ref into config.out; SpinImputeError for input that cannot be used."""
    began = time.monotonic()
    names = OutputNames.from_out(config.out, config.out_format)
    check_output(names.vcf, [path for path in (config.ref, config.gt, config.map) if path])
    region = Region.parse(config.chrom) if config.chrom else None
    model = load_model(DEFAULT_MODEL if config.model == "auto" else config.model) if config.impute else None
    genetic_map = GeneticMap.read(config.map) if config.map else GeneticMap.constant()
    excluded = read_names(config.exclude_samples, "excluded samples")
    markers = read_names(config.exclude_markers, "excluded markers")
    target = read_target(config.gt, region, excluded)
    samples = next(iter(target.values())).samples
    fixes = [FIXES[word] for word in config.fix]
    tally = _Tally(target, listener)
    with _open_panel(config, samples, excluded) as panel:
        read = partial(sparse_blocks, panel, region)
        align = partial(Alignment, genetic_map=genetic_map, excluded=markers, fix=fixes)
        phaser = Phaser(samples, config.seed, _threads(config), fill=model is None)
        if count_unphased(target) and model:
            target = phased_target(target, phaser.sections(align(target).typed_blocks(read()), target))
        alignment = align(target)
        meta = [] if config.no_version else _provenance(config, model, panel.digest())
        keep = config.keep_target_only
        with DosageWriter(names, samples, panel.contigs, config.ap, config.gp, meta, keep) as writer:
            if model:
                engine = _engine(config, model)
                windows = _ahead(cut_windows(alignment.blocks(read()), config.window, config.overlap))
                blocks = tally.blocks(_ahead(engine.impute(window) for window in tally.windows(windows)))
            else:
                blocks = tally.blocks(phaser.sections(alignment.typed_blocks(read()), target))
            for block in alignment.with_target_only(blocks) if keep else blocks:
                writer.write(block)
            tables = alignment.finish(config.ref, config.gt)
        write_fates(names.variants, tables)
    tally.warn()
    fates = Counter(fate.value for table in tables for fate in table.fates)
    return tally.summary(2 * len(panel.samples), time.monotonic() - began, names.vcf, dict(fates))


def _engine(config: ImputeConfig, model: LoadedModel) -> Engine:
    device = choose_device(config.device)
    # Targets are spread over threads of ours; torch's own would only get in their way.
    torch.set_num_threads(1)
    return Engine(model.network.to(device), device, _threads(config))


def _threads(config: ImputeConfig) -> int:
    return config.nthreads or len(os.sched_getaffinity(0))


def _open_panel(config: ImputeConfig, samples: list[str], excluded: frozenset[str]) -> VariantReader:
    if config.allow_overlap:
        excluded |= frozenset(samples)
    panel = open_variants(config.ref, "panel", excluded)
    check_samples(panel.samples, samples, config.ref, config.gt)
    return panel


def _provenance(config: ImputeConfig, model: LoadedModel | None, panel: str) -> list[str]:
    details = {"model": f"{model.name} sha256:{model.digest}"} if model else {}
    details["panel"] = f"sha256:{panel}"
    return header_lines(command_line(sys.argv), {**details, "seed": config.seed})


def _ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items while a thread prepares the next one."""
    source = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        pending = pool.submit(next, source, None)
        while (item := pending.result()) is not None:
            pending = pool.submit(next, source, None)
            yield item


class _Tally:
    """Counts what is imputed, for progress and summary."""

    def __init__(self, target: dict[str, TargetChromosome], listener: Listener | None) -> None:
        self._target_records = sum(len(chromosome.sites) for chromosome in target.values())
        self._samples = len(next(iter(target.values())).samples)
        self._listener = listener
        self._records = 0
        self._typed = 0
        self._imputed_variants = 0
        self._dr2 = 0.0
        self._untyped: list[str] = []

    def windows(self, windows: Iterable[Window]) -> Iterator[Window]:
        """Yield windows; note those that hold nothing to impute from."""
        for window in windows:
            if not len(window.flanked.cm):
                sites = window.sites
                self._untyped.append(f"{sites.chrom}:{sites.pos[0]}-{sites.pos[-1]}")
            yield window

    def blocks(self, windows: Iterable[ImputedWindow | PhasedSection]) -> Iterator[ImputedBlock]:
        """Yield the windows' blocks; count each, and tell the listener of a window when it is done."""
        for imputed in windows:
            before = self._records, self._typed
            first = 0
            for block in imputed.blocks():
                self._add(block)
                first = first or int(block.sites.pos[0])
                yield block
            chrom, last = block.sites.chrom, int(block.sites.pos[-1])
            counts = self._records - before[0], self._typed - before[1]
            if self._listener:
                share = min(1.0, self._typed / self._target_records)
                self._listener.window(share, WindowDone(chrom, first, last, *counts))

    def warn(self) -> None:
        """Warn of output that says less than it seems to."""
        if self._untyped:
            logger.warning(
                "%d window(s) without a typed record that varies in the panel: dosages there are the panel's "
                "allele frequencies, DR2 is 0; the first is %s",
                len(self._untyped), self._untyped[0],
            )  # fmt: skip
        if self._samples == 1:
            logger.warning("DR2 compares target samples; with one sample it is undefined, so do not use it")

    def _add(self, block: ImputedBlock) -> None:
        imputed = ~block.typed[block.record]
        self._records += len(block.sites)
        self._typed += int(block.typed.sum())
        self._imputed_variants += int(imputed.sum())
        self._dr2 += float(block.sums.dr2[imputed].sum())

    def summary(
        self, panel_haplotypes: int, seconds: float, output: Path, fates: dict[str, int]
    ) -> ImputeSummary:
        """Return the summary of the run."""
        return ImputeSummary(
            samples=self._samples,
            panel_haplotypes=panel_haplotypes,
            records=self._records,
            typed=self._typed,
            imputed=self._records - self._typed,
            mean_dr2=self._dr2 / max(1, self._imputed_variants),
            seconds=seconds,
            output=output,
            fates=fates,
        )
