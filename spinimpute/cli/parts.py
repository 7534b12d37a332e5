"""The commands that divide an imputation into parts for a scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from spinimpute.cli import options
from spinimpute.config import ImputeConfig

if TYPE_CHECKING:
    from spinimpute.plan import Plan

app = typer.Typer()


@app.command()
def plan(
    ref: options.Ref,
    gt: options.Gt,
    out: options.PlanOut,
    part_windows: options.PartWindows = 8,
    part_samples: options.PartSamples = 1000,
    map: options.Map = None,
    chrom: options.Chrom = None,
    ap: options.Ap = False,
    gp: options.Gp = False,
    window: options.Window = ImputeConfig.window,
    overlap: options.Overlap = ImputeConfig.overlap,
    excludesamples: options.ExcludeSamples = None,
    excludemarkers: options.ExcludeMarkers = None,
    allow_overlap: options.AllowOverlap = False,
    keep_target_only: options.KeepTargetOnly = False,
    fix: options.Fix = None,
    model: options.Model = ImputeConfig.model,
    device: options.Device = ImputeConfig.device,
    seed: options.Seed = ImputeConfig.seed,
    no_version: options.NoVersion = False,
    quiet: options.Quiet = False,
) -> None:
    """Divide an imputation into parts for many machines: plan, run each part, merge.

    The merged file is that of `spinimpute impute`, byte by byte.
    """
    from spinimpute.cli.report import Journal, print_table
    from spinimpute.cli.runs import Shown, hearing
    from spinimpute.plan import make_plan

    config = ImputeConfig(
        ref=ref, gt=gt, out=str(out), map=map, chrom=chrom, ap=ap, gp=gp, window=window, overlap=overlap,
        exclude_samples=excludesamples, exclude_markers=excludemarkers, allow_overlap=allow_overlap,
        keep_target_only=keep_target_only, fix=options.fixes(fix), model=model, device=device, seed=seed,
        no_version=no_version,
    )  # fmt: skip
    with Shown(quiet).meter() as meter, hearing(Journal(), meter):
        made = make_plan(config, out, part_windows, part_samples)
    if not quiet:
        print_table(_rows(made))


@app.command()
def run(
    plan: options.PlanFile,
    part: options.PartNumber,
    out: options.PartOut,
    nthreads: options.Threads = None,
    quiet: options.Quiet = False,
    json_progress: options.JsonProgress = False,
) -> None:
    """Impute one part of a plan; parts may run anywhere, in any order."""
    from spinimpute.cli.report import Journal, duration, print_table
    from spinimpute.cli.runs import ImputeProgress, Shown, hearing
    from spinimpute.part import run_part
    from spinimpute.plan import Plan

    shown, journal = Shown(quiet, json_progress), Journal()
    with shown.meter() as meter, hearing(journal, meter):
        done = run_part(Plan.load(plan), part, out, nthreads, ImputeProgress(meter, journal))
        meter.finish(part=part, records=done.records, samples=done.samples, output=str(out))
    if not quiet:
        print_table(
            {
                "part": f"{part:,}",
                "windows": f"{done.windows:,}",
                "records": f"{done.records:,}",
                "samples": f"{done.samples:,}",
                "time": duration(done.seconds),
                "output": str(done.output),
            }
        )


@app.command()
def merge(
    plan: options.PlanFile,
    parts: options.PartFiles,
    out: options.Out,
    chrom: options.MergedChrom = None,
    report: options.Report = False,
    quiet: options.Quiet = False,
    json_progress: options.JsonProgress = False,
) -> None:
    """Write the imputed file from all parts of a plan, with its index, log and fate table."""
    from dataclasses import replace

    from spinimpute.cli.report import Journal
    from spinimpute.cli.runs import ImputeProgress, Shown, close_imputation, hearing
    from spinimpute.merge import merge as merge_parts
    from spinimpute.plan import Plan

    shown, journal = Shown(quiet, json_progress), Journal()
    journal.add("started")
    planned = Plan.load(plan)
    config = replace(planned.config, out=out, chrom=chrom or planned.config.chrom)
    with shown.meter() as meter, hearing(journal, meter):
        summary = merge_parts(planned, parts, out, chrom, ImputeProgress(meter, journal))
        meter.finish(records=summary.records, output=str(summary.output))
    close_imputation(config, summary, journal, shown, report)


def _rows(plan: Plan) -> dict[str, str]:
    parts = len(plan.parts())
    return {
        "samples": f"{len(plan.samples):,} in {len(plan.batches) - 1:,} batches",
        "panel haplotypes": f"{plan.panel_haplotypes:,}",
        "target records": f"{plan.target_records:,}",
        "windows": f"{plan.windows:,} in {len(plan.stretches):,} stretches",
        "parts": f"{parts:,}",
        "plan": plan.config.out,
        "next": f"spinimpute run {plan.config.out} --part I --out I.spart, for I from 1 to {parts}",
    }
