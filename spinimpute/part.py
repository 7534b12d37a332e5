"""One part of a plan is imputed: the doses of its windows and samples go into a file, to be merged later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from spinimpute.ahead import Ahead
from spinimpute.errors import SpinImputeError
from spinimpute.imputed import ImputedWindow
from spinimpute.io.inputs import read_target_part
from spinimpute.io.integrity import check_output
from spinimpute.io.outputs import atomic_output
from spinimpute.io.parcels import ParcelWriter
from spinimpute.io.region import Region
from spinimpute.job import Job, open_panel
from spinimpute.orientation import Verdicts
from spinimpute.phasing import Phaser, is_cohort, phased_target
from spinimpute.pipeline import make_engine
from spinimpute.plan import Part, Plan
from spinimpute.side_inputs import SideInputs
from spinimpute.spin.checkpoint import load_model
from spinimpute.spin.device import kind_of
from spinimpute.tally import Listener, WindowDone
from spinimpute.windows import Window, cut_windows


@dataclass(frozen=True)
class PartLabel:
    """What a part's file says of itself: the digest of its plan, its number, the kind of device it ran on."""

    plan: str
    number: int
    device: str


@dataclass(frozen=True)
class PartSummary:
    """What one part was: windows, records, samples, and where its file is."""

    windows: int
    records: int
    samples: int
    seconds: float
    output: Path


LABEL = "part"


def window_name(number: int) -> str:
    """The name of a window in a part's file."""
    return f"window-{number:06d}"


def run_part(
    plan: Plan, number: int, out: Path, nthreads: int | None, listener: Listener | None = None
) -> PartSummary:
    """Impute a part and write its file; SpinImputeError if inputs are not those of the plan."""
    began = time.monotonic()
    part, config = plan.part(number), replace(plan.config, nthreads=nthreads)
    check_output(out, config.files)
    plan.check_inputs()
    model = load_model(config.model_name)
    if str(model) != plan.model:
        raise SpinImputeError("the model must be the plan's", found=f"{model}, planned {plan.model}")
    engine = make_engine(config, model)
    records, done = 0, 0
    with atomic_output(out) as unfinished, ParcelWriter(unfinished) as parcels:
        parcels.add(LABEL, PartLabel(plan.digest, number, kind_of(engine.network.device)))
        with Ahead(_windows(plan, part)) as windows, Ahead(map(engine.impute, windows)) as imputed:
            for offset, window in enumerate(imputed):
                parcels.add(window_name(part.stretch.first + offset), window)
                records, done = records + len(window.sites), done + 1
                if listener:
                    listener.window(done / len(part.stretch.places), _done(window))
        if done != len(part.stretch.places):
            raise SpinImputeError(
                "a part must have the plan's windows", found=f"{done} of {len(part.stretch.places)}"
            )
    return PartSummary(done, records, part.end - part.begin, time.monotonic() - began, out)


def _windows(plan: Plan, part: Part) -> Iterator[Window]:
    """Yield the part's windows, phased first if need be."""
    config, side, stretch = plan.config, SideInputs.read(plan.config), part.stretch
    region = Region(stretch.chrom, stretch.places[0].first, stretch.places[-1].last)
    cohort = is_cohort(len(plan.samples), plan.panel_haplotypes)
    begin, end = part.begin, part.end
    if plan.phase:
        region = side.region or Region(stretch.chrom)
        if cohort:
            begin, end = 0, len(plan.samples)  # as in any other part, or the job undivided
    samples = plan.samples[begin:end]
    others = side.excluded | (frozenset(plan.samples) - frozenset(samples))
    verdicts = Verdicts(plan.verdicts)
    with open_panel(config, plan.samples, side.excluded) as panel:
        known = plan.ploidy.get(stretch.chrom)
        target = read_target_part(config.gt, region, others, known.of(samples) if known else None)
        job = Job(config, replace(side, region=region), target, panel)
        if plan.phase:
            phaser = Phaser(samples, config.seed, config.threads, cohort)
            sections = phaser.sections(job.align(target, verdicts).typed_blocks(job.blocks()), target)
            target = phased_target(target, sections)
        target = {name: found.people(part.begin - begin, part.end - begin) for name, found in target.items()}
        blocks = job.align(target, verdicts).blocks(job.blocks())
        windows = cut_windows(blocks, config.window, config.overlap, plan.most, stretch.places[0])
        yield from islice(windows, len(stretch.places))


def _done(window: ImputedWindow) -> WindowDone:
    sites = window.sites
    return WindowDone(
        sites.chrom, int(sites.pos[0]), int(sites.pos[-1]), len(sites), int(window.target.typed.sum())
    )
