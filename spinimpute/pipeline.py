"""The whole imputation: panel blocks are aligned with the target, cut into windows, imputed and written. What
is unphased in the target is phased first, which reads the panel once more.

One window is read and packed in the background, the next imputed, while a third is written.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from spinimpute.agreement import check_samples
from spinimpute.alignment import Alignment
from spinimpute.config import ImputeConfig
from spinimpute.inference import Engine
from spinimpute.io.fates import write_fates
from spinimpute.io.genetic_map import GeneticMap
from spinimpute.io.inputs import TargetChromosome, VariantReader, open_variants, panel_blocks, read_target
from spinimpute.io.integrity import check_output
from spinimpute.io.names import read_names
from spinimpute.io.outputs import OutputNames
from spinimpute.io.region import Region
from spinimpute.io.rows import ImputedBlock
from spinimpute.io.writer import DosageWriter
from spinimpute.panel import PanelBlock
from spinimpute.phasing import PhasedSection, Phaser, count_unphased, phased_target
from spinimpute.provenance import command_line, header_lines
from spinimpute.spin.checkpoint import LoadedModel, choose_device, load_model
from spinimpute.windows import cut_windows

DEFAULT_MODEL = "spin-small"
T = TypeVar("T")


class Listener(Protocol):
    """Hears how far the imputation is."""

    def window(self, share: float, chrom: str, position: int) -> None:
        """A window is written, up to position; share (0-1) of the target's records is done."""


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
    tally = _Tally(target)
    with _open_panel(config, samples, excluded) as panel:

        def phased(alignment: Alignment) -> Iterator[PhasedSection]:
            phaser = Phaser(samples, config.seed, _threads(config), fill=model is None)
            return phaser.sections(alignment.typed_blocks(panel_blocks(panel, region)), target)

        if count_unphased(target) and model:
            target = phased_target(target, phased(Alignment(target, genetic_map, markers)))
        alignment = Alignment(target, genetic_map, markers)
        meta = [] if config.no_version else _provenance(config, model, panel.digest())
        with DosageWriter(names, samples, panel.contigs, config.ap, config.gp, meta) as writer:
            blocks = (
                _imputed_blocks(config, model, alignment.blocks(panel_blocks(panel, region)))
                if model
                else chain.from_iterable(section.blocks() for section in phased(alignment))
            )
            for block in blocks:
                writer.write(block)
                tally.add(block, listener)
            tables = alignment.finish(config.ref, config.gt)
        write_fates(names.variants, tables)
    fates = Counter(fate.value for table in tables for fate in table.fates)
    return tally.summary(2 * len(panel.samples), time.monotonic() - began, names.vcf, dict(fates))


def _imputed_blocks(
    config: ImputeConfig, model: LoadedModel, blocks: Iterable[PanelBlock]
) -> Iterator[ImputedBlock]:
    device = choose_device(config.device)
    # Targets are spread over threads of ours; torch's own would only get in their way.
    torch.set_num_threads(1)
    engine = Engine(model.network.to(device), device, _threads(config))
    windows = _ahead(cut_windows(blocks, config.window, config.overlap))
    for imputed in _ahead(engine.impute(window) for window in windows):
        yield from imputed.blocks()


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
    """Counts what is written, for progress and summary."""

    def __init__(self, target: dict[str, TargetChromosome]) -> None:
        self._target_records = sum(len(chromosome.sites) for chromosome in target.values())
        self._samples = len(next(iter(target.values())).samples)
        self._records = 0
        self._typed = 0
        self._imputed_variants = 0
        self._dr2 = 0.0

    def add(self, block: ImputedBlock, listener: Listener | None) -> None:
        """Count one block and tell the listener."""
        imputed = ~block.typed[block.record]
        self._records += len(block.sites)
        self._typed += int(block.typed.sum())
        self._imputed_variants += int(imputed.sum())
        self._dr2 += float(block.sums.dr2[imputed].sum())
        if listener:
            share = min(1.0, self._typed / self._target_records)
            listener.window(share, block.sites.chrom, int(block.sites.pos[-1]))

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
