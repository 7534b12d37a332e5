"""The inputs of a job, opened and checked as far as they can be before anything is computed.

Target, map and lists are read whole. Of the panel only header and index are looked at: its records are
checked as they are read, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from spinimpute.agreement import check_samples, shared_chromosomes
from spinimpute.alignment import Alignment
from spinimpute.config import InputConfig
from spinimpute.errors import SpinImputeError
from spinimpute.io.inputs import TargetChromosome, VariantReader, open_variants, read_target, sparse_blocks
from spinimpute.io.integrity import check_output
from spinimpute.io.outputs import OutputNames
from spinimpute.io.sparse import SparseBlock
from spinimpute.io.spool import STANDARD_INPUT, is_local
from spinimpute.orientation import Verdicts
from spinimpute.side_inputs import SideInputs

_NO_POSITIONS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Job:
    """An open panel and all else that a job reads."""

    config: InputConfig
    side: SideInputs
    target: dict[str, TargetChromosome]
    panel: VariantReader

    @property
    def samples(self) -> list[str]:
        """The target's samples."""
        return next(iter(self.target.values())).samples

    @property
    def records(self) -> int:
        """How many records the target has."""
        return sum(len(found.sites) for found in self.target.values())

    def blocks(self) -> Iterator[SparseBlock]:
        """Read the panel; SpinImputeError as `sparse_blocks`."""
        return sparse_blocks(self.panel, self.side.region)

    def align(self, target: dict[str, TargetChromosome], verdicts: Verdicts | None = None) -> Alignment:
        """The alignment of a target with the panel; verdicts as for `Alignment`."""
        side, contigs = self.side, self.panel.contigs
        return Alignment(target, side.genetic_map, side.markers, side.fixes, contigs, verdicts)


@contextmanager
def open_job(config: InputConfig, names: OutputNames | None = None) -> Iterator[Job]:
    """Open what config names, and close it at the end; SpinImputeError for whatever can be seen to be wrong.

    names are the outputs to be, of which none may be an input.
    """
    for path in names.files if names else ():
        check_output(path, config.files)
    side = SideInputs.read(config)
    _check_panel(config, side.excluded)
    target = read_target(config.gt, side.region, side.excluded)
    with open_panel(config, next(iter(target.values())).samples, side.excluded) as panel:
        job = Job(config, side, target, panel)
        _check_chromosomes(job)
        yield job


def open_panel(config: InputConfig, samples: list[str], excluded: frozenset[str]) -> VariantReader:
    """Open the panel without some samples; SpinImputeError if it shares others with the target."""
    if config.allow_overlap:
        excluded |= frozenset(samples)
    panel = open_variants(config.ref, "panel", excluded)
    check_samples(panel.samples, samples, config.ref, config.gt)
    return panel


def _check_panel(config: InputConfig, excluded: frozenset[str]) -> None:
    """Raise SpinImputeError if the panel cannot even be opened, before the target is read for nothing."""
    if is_local(config.ref):
        with open_variants(config.ref, "panel", excluded):
            return
    if str(config.ref) == str(config.gt) == STANDARD_INPUT:
        raise SpinImputeError("panel and target cannot both be standard input", remedy="give one as a file")


def _check_chromosomes(job: Job) -> None:
    """Raise SpinImputeError if an index tells that no chromosome is shared, or the map lacks one that is."""
    counted = job.panel.count().by_chrom if job.panel.indexed else None
    if counted is None:
        return
    for name in shared_chromosomes(counted, list(job.target), job.config.ref, job.config.gt).values():
        job.side.genetic_map.cm(name, _NO_POSITIONS)
