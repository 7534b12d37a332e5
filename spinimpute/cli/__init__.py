"""The command line: parse, call, report. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from spinimpute import __version__
from spinimpute.cli import options, panel, parts
from spinimpute.cli.allocator import keep_freed_memory
from spinimpute.cli.beagle import NOTES, BeagleCommand
from spinimpute.cli.examples import add_examples
from spinimpute.cli.once import OnceCommand
from spinimpute.cli.signals import EndedBySignal, signals_raised
from spinimpute.config import CalibrateConfig, ImputeConfig, InputConfig, train_config
from spinimpute.errors import SpinImputeError
from spinimpute.limits import check_address_space, parse_size

FAILED = 1


class _ErrorBoundary(TyperGroup):
    """Expected errors become one line and exit status 1; anything else is a bug and shows its traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with _reported():
            return super().main(*args, **kwargs)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except SpinImputeError as error:
        _stop(f"error: {error}", FAILED, error)
    except OSError as error:
        if error.errno is None:
            raise
        _stop(f"error: {error.filename or 'input or output'}: {error.strerror}", FAILED, error)
    except MemoryError as error:
        _stop("error: not enough memory; --memory SIZE makes it do less at a time", FAILED, error)
    except EndedBySignal as error:
        _stop(str(error), error.status, error)


def _stop(message: str, status: int, cause: BaseException) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(status) from cause


app = typer.Typer(
    cls=_ErrorBoundary,
    name="spinimpute",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(panel.app, name="panel")
app.add_typer(parts.app)


def main() -> None:
    """Run the command line."""
    keep_freed_memory()
    with _reported(), signals_raised():  # here already: the command is put together by what follows
        app()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spinimpute {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Impute genotypes with semi-parametric inducing point networks; a new panel needs no training."""
    check_address_space()


@app.command(cls=BeagleCommand)
def impute(
    context: typer.Context,
    ref: options.Ref,
    gt: options.Gt,
    out: options.Out,
    out_format: options.OutFormat = None,
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
    nthreads: options.Threads = None,
    memory: options.Memory = None,
    seed: options.Seed = ImputeConfig.seed,
    no_version: options.NoVersion = False,
    impute: options.Impute = ImputeConfig.impute,
    report: options.Report = False,
    resume: options.Resume = ImputeConfig.resume,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    json_progress: options.JsonProgress = False,
) -> None:
    """Impute a target from a phased reference panel; what is not phased in it is phased first.

    Beagle's key=value parameters work too.
    """
    from spinimpute.cli.runs import Shown, run_dry, run_impute

    config = ImputeConfig(
        ref=ref, gt=gt, out=out, out_format=out_format, map=map, chrom=chrom, ap=ap, gp=gp,
        window=window, overlap=overlap,
        exclude_samples=excludesamples, exclude_markers=excludemarkers, allow_overlap=allow_overlap,
        keep_target_only=keep_target_only, fix=options.fixes(fix), impute=impute, model=model,
        device=device, nthreads=nthreads, seed=seed, no_version=no_version,
        resume=resume, memory=parse_size(memory) if memory is not None else None,
    )  # fmt: skip
    if dry_run:
        run_dry(config, context.meta[NOTES])
    else:
        run_impute(config, Shown(quiet, json_progress), context.meta[NOTES], report)


@app.command(cls=BeagleCommand)
def check(
    ref: options.Ref,
    gt: options.Gt,
    out: options.CheckOut = None,
    map: options.Map = None,
    chrom: options.Chrom = None,
    excludesamples: options.ExcludeSamples = None,
    excludemarkers: options.ExcludeMarkers = None,
    allow_overlap: options.AllowOverlap = False,
    fix: options.Fix = None,
) -> None:
    """Check all that `impute` would check, and count what becomes of every target record; impute nothing."""
    from spinimpute.cli.runs import run_check

    config = InputConfig(
        ref=ref, gt=gt, map=map, chrom=chrom, exclude_samples=excludesamples, exclude_markers=excludemarkers,
        allow_overlap=allow_overlap, fix=options.fixes(fix),
    )  # fmt: skip
    run_check(config, out)


@app.command(cls=OnceCommand)
def train(
    ref: options.TrainRefs = None,
    out: options.TrainOut = None,
    map: options.TrainMaps = None,
    validation: options.Validation = None,
    simulate: options.Simulated = None,
    excludesamples: options.ExcludeSamples = None,
    init: options.Init = None,
    steps: options.Steps = None,
    width: options.Width = None,
    layers: options.Layers = None,
    device: options.TrainDevice = None,
    nthreads: options.Threads = None,
    seed: options.TrainSeed = None,
    config: options.ConfigFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Train a model, or go on from one, on reference panels and simulated regions."""
    from spinimpute.cli.runs import run_train

    given = {
        "refs": tuple(ref or ()), "out": out, "maps": tuple(map or ()), "validation": tuple(validation or ()),
        "exclude_samples": excludesamples, "simulate": simulate, "init": init, "steps": steps, "width": width,
        "layers": layers, "device": device, "nthreads": nthreads, "seed": seed,
    }  # fmt: skip
    run_train(train_config(config, given), quiet)


@app.command(cls=OnceCommand)
def calibrate(
    ref: options.Ref,
    gt: options.Gt,
    out: options.CalibrateOut,
    map: options.Map = None,
    chrom: options.Chrom = None,
    model: options.Model = CalibrateConfig.model,
    people: options.PanelPeople = CalibrateConfig.people,
    excludesamples: options.ExcludeSamples = None,
    excludemarkers: options.ExcludeMarkers = None,
    allow_overlap: options.AllowOverlap = False,
    device: options.Device = CalibrateConfig.device,
    nthreads: options.Threads = None,
    seed: options.Seed = CalibrateConfig.seed,
    quiet: options.Quiet = False,
) -> None:
    """Learn how far to trust each site of a panel, for targets typed as this one: better doses from then on.

    The panel's people are imputed from each other, which takes as long as imputing so many. What comes out is
    a model folder for --model.
    """
    from spinimpute.cli.runs import run_calibrate

    config = CalibrateConfig(
        ref=ref, gt=gt, out=out, map=map, chrom=chrom, model=model, people=people,
        exclude_samples=excludesamples, exclude_markers=excludemarkers, allow_overlap=allow_overlap,
        device=device, nthreads=nthreads, seed=seed,
    )  # fmt: skip
    run_calibrate(config, quiet)


@app.command()
def evaluate(
    truth: options.Truth,
    imputed: options.Imputed,
    out: options.EvaluateOut,
    ref: options.FrequencyPanel = None,
    typed: options.Typed = None,
    bins: options.Bins = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare imputed genotypes with the truth: r2, concordance and calibration, as tables and a page."""
    from spinimpute.cli.evaluate import run_evaluate
    from spinimpute.evaluation.comparison import Files

    run_evaluate(Files(truth, imputed, ref, typed), options.edges(bins), out, quiet)


@app.command()
def models() -> None:
    """List the models that come with this version, and where their model cards are."""
    from spinimpute.cli.report import print_models
    from spinimpute.model_store import shipped_models

    print_models(shipped_models())


@app.command(cls=OnceCommand)
def simulate(
    out: options.SimulateOut,
    model: options.SimulateModel = "out_of_africa",
    people: options.People = 500,
    targets: options.Targets = 50,
    chromosomes: options.Chromosomes = 1,
    length: options.Length = 1.0,
    spacing: options.Spacing = 3.5,
    seed: options.Seed = 1,
) -> None:
    """Write a simulated reference panel, array-typed target, the target's truth and a genetic map."""
    from spinimpute import api

    files = api.simulate(
        out, model=model, people=people, targets=targets, chromosomes=chromosomes, length=length,
        spacing=spacing, seed=seed,
    )  # fmt: skip
    for path in (files.panel, files.target, files.truth, files.map):
        typer.echo(path)


add_examples(app)
