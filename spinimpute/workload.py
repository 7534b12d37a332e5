"""What an imputation would have to do, from headers, indices, the target and a sample of the panel."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spinimpute.agreement import shared_chromosomes
from spinimpute.config import ImputeConfig
from spinimpute.inference import CHAIN_ANCHORS, anchor_gaps, context_size
from spinimpute.io.contents import Count, FileCount, Kind
from spinimpute.io.inputs import TargetChromosome, VariantReader, panel_blocks, read_target
from spinimpute.io.outputs import OutputNames
from spinimpute.io.region import Region
from spinimpute.job import Job, open_job
from spinimpute.sites import resolve_contig
from spinimpute.spin.checkpoint import LoadedModel, load_model
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.device import BATCH_TOKENS, choose_device, kind_of

SAMPLED_RECORDS = 512  # of the panel, for how rare its alleles are


@dataclass(frozen=True)
class Windows:
    """How the target's records fall into windows.

    typed counts those of all windows; tokens are the context haplotypes of a target haplotype at all anchors,
    summed over windows, most_tokens those of one window; share is the largest window's share of all records,
    flanked_share that of the largest window with its flanks.
    """

    count: int
    typed: int
    tokens: int
    most_tokens: int
    share: float
    flanked_share: float


@dataclass(frozen=True)
class Workload:
    """The counts on which an imputation's cost depends.

    records are the panel's on the target's chromosomes, exact only if counted; read_records those of the
    panel that are read; minor_share is the mean share of panel haplotypes with a record's rarer alleles.
    """

    samples: int
    panel_haplotypes: int
    records: int
    counted: bool
    read_records: int
    minor_share: float
    panel: Kind
    windows: Windows
    batch_tokens: int
    threads: int
    device: str
    model: str

    @property
    def tokens(self) -> int:
        """Context haplotypes of all target haplotypes at all anchors."""
        return 2 * self.samples * self.windows.tokens


def survey(config: ImputeConfig) -> Workload:
    """Count what config asks for; SpinImputeError for input that is seen to be unusable. Writes nothing."""
    names = OutputNames.from_out(config.out, config.out_format)
    model = load_model(config.model_name)
    device = choose_device(config.device)
    with open_job(config, names) as job:
        return measure(job, config, model, device)


def measure(job: Job, config: ImputeConfig, model: LoadedModel, device: str) -> Workload:
    """Count what an open job asks for; SpinImputeError for input that is seen to be unusable."""
    region, target, panel = job.side.region, job.target, job.panel
    whole = panel.count()
    shared = _shared(config, whole.by_chrom, panel.contigs, target)
    wanted = _wanted(config, region, target, panel, whole, shared)
    return Workload(
        samples=len(job.samples),
        panel_haplotypes=2 * len(panel.samples),
        records=wanted.records,
        counted=wanted.exact,
        read_records=wanted.records if region and panel.indexed else whole.total,
        minor_share=_minor_share(panel, shared, target),
        panel=panel.kind,
        windows=_count_windows(job, config, shared, model.config),
        batch_tokens=BATCH_TOKENS[kind_of(device)],
        threads=config.threads,
        device=device,
        model=model.name,
    )


def _shared(
    config: ImputeConfig,
    counted: Mapping[str, int] | None,
    declared: Collection[str],
    target: Mapping[str, TargetChromosome],
) -> dict[str, str]:
    """The panel's name of each target chromosome it has; no header is sure to name all."""
    if counted is not None:
        return shared_chromosomes(counted, list(target), config.ref, config.gt)
    return {chrom: resolve_contig(chrom, declared) or chrom for chrom in target}


def _wanted(
    config: ImputeConfig,
    region: Region | None,
    target: Mapping[str, TargetChromosome],
    panel: VariantReader,
    whole: FileCount,
    shared: Mapping[str, str],
) -> Count:
    """The panel's records in the region, or else on the chromosomes that it shares."""
    if region is None:
        if whole.by_chrom is None:
            return Count(whole.total, exact=False)
        return Count(sum(whole.by_chrom[name] for name in shared.values()), exact=True)
    found = panel.region_count(region)
    return found or Count(round(whole.total * _target_share(config, region, target)), exact=False)


def _target_share(config: ImputeConfig, region: Region, target: Mapping[str, TargetChromosome]) -> float:
    """The share of a chromosome's target records in the region, which stands for that of the panel's."""
    if region.whole or str(config.gt) == "-":
        return 1.0  # standard input cannot be read again
    found = next(iter(target.values())).sites
    return len(found) / len(read_target(config.gt, Region(region.chrom))[found.chrom].sites)


def _minor_share(
    panel: VariantReader, shared: Mapping[str, str], target: Mapping[str, TargetChromosome]
) -> float:
    """Mean share of haplotypes with the rarer alleles in a block of records amid the target's, if an index
    leads there, or else in the first.
    """
    chrom, name = next(iter(shared.items()))
    pos = target[chrom].sites.pos
    amid = Region(name, int(pos[len(pos) // 2])) if panel.indexed else None
    block = next(panel_blocks(panel, amid, SAMPLED_RECORDS), None)
    if block is None:
        block = next(panel_blocks(panel, None, SAMPLED_RECORDS))
    alternate = (block.alleles > 0).mean(axis=1)
    return float(np.minimum(alternate, 1 - alternate).mean())


def _count_windows(job: Job, config: ImputeConfig, shared: Mapping[str, str], network: SpinConfig) -> Windows:
    """Lay windows over the typed records, each of which stands for as many records of the panel."""
    halo = network.layers + CHAIN_ANCHORS
    haplotypes = 2 * len(job.panel.samples)
    core, flanked, tokens = [], [], []
    mapped = {chrom: name for chrom, name in shared.items() if job.side.genetic_map.has(name)}
    # Without an index, chromosomes that the panel lacks may be among them, and no map need have those.
    for chrom, name in (mapped or shared).items():
        sites = job.target[chrom].sites
        pos = sites.pos[~sites.named(job.side.markers)] if job.side.markers else sites.pos
        if not len(pos):
            continue
        cm = job.side.genetic_map.cm(name, pos)
        starts = np.arange(cm[0], cm[-1] + 1e-9, config.window)
        ends = starts + config.window
        edges = (starts - config.overlap, starts, ends, ends + config.overlap)
        before, inside, after = _count_between(cm, edges)
        core.append(inside)
        flanked.append(before + inside + after)
        at = np.append(cm, cm[-1])[anchor_gaps(cm, 0)]
        before, inside, after = _count_between(at, edges)
        context = context_size(network.context, at, haplotypes)
        tokens.append(context * (inside + 2 + np.minimum(before, halo) + np.minimum(after, halo)))
    if not core:
        return Windows(count=1, typed=0, tokens=0, most_tokens=0, share=1.0, flanked_share=1.0)
    typed = int(np.concatenate(core).sum())
    return Windows(
        count=sum(map(len, core)),
        typed=typed,
        tokens=int(np.concatenate(tokens).sum()),
        most_tokens=int(np.concatenate(tokens).max()),
        share=float(np.concatenate(core).max() / typed),
        flanked_share=float(np.concatenate(flanked).max() / typed),
    )


def _count_between(cm: NDArray[np.float64], edges: Sequence[NDArray[np.float64]]) -> list[NDArray[np.int64]]:
    """Count the positions from one edge of each window to its next."""
    return [np.searchsorted(cm, high) - np.searchsorted(cm, low) for low, high in pairwise(edges)]
