"""The commands as functions: the same options by the same names, results as values.

Files are given as text or Path. All raise SpinImputeError for input that cannot be used, and print nothing:
warnings go to the logger "spinimpute". Torch and the compiled kernels are loaded at the first call.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spinimpute.config import MAF_EDGES, CalibrateConfig, ImputeConfig, train_config

if TYPE_CHECKING:
    import xarray

    from spinimpute.evaluation.run import Evaluation
    from spinimpute.evaluation.run import Listener as EvaluateListener
    from spinimpute.io.dosage_file import DosageBlock
    from spinimpute.model_store import StoredModel
    from spinimpute.prepare import PanelSummary
    from spinimpute.tally import ImputeSummary
    from spinimpute.tally import Listener as ImputeListener
    from spinimpute.training.calibration import CalibrationListener, CalibrationSummary
    from spinimpute.training.dataset import DatasetFiles
    from spinimpute.training.loop import TrainListener, TrainSummary

FilePath = str | os.PathLike[str]


def impute(
    ref: FilePath,
    gt: FilePath,
    out: FilePath,
    *,
    map: FilePath | None = None,
    chrom: str | None = None,
    ap: bool = ImputeConfig.ap,
    gp: bool = ImputeConfig.gp,
    window: float = ImputeConfig.window,
    overlap: float = ImputeConfig.overlap,
    excludesamples: FilePath | None = None,
    excludemarkers: FilePath | None = None,
    allow_overlap: bool = ImputeConfig.allow_overlap,
    keep_target_only: bool = ImputeConfig.keep_target_only,
    fix: Sequence[str] = ImputeConfig.fix,
    model: str = ImputeConfig.model,
    device: str = ImputeConfig.device,
    nthreads: int | None = ImputeConfig.nthreads,
    seed: int = ImputeConfig.seed,
    no_version: bool = ImputeConfig.no_version,
    impute: bool = ImputeConfig.impute,
    out_format: str | None = ImputeConfig.out_format,
    resume: bool = ImputeConfig.resume,
    memory: float | None = ImputeConfig.memory,
    listener: ImputeListener | None = None,
) -> ImputeSummary:
    """Impute gt from the panel ref into out, as `spinimpute impute` does (its --help explains the options).

    fix is a sequence, such as ("swap", "strand"); memory is in MB. listener hears of each window that is
    written. The table of fates is written beside the output; the log is the command's alone.
    """
    from spinimpute.pipeline import impute as run

    config = ImputeConfig(
        ref=Path(ref), gt=Path(gt), out=os.fspath(out), map=_path(map), chrom=chrom, ap=ap, gp=gp,
        window=window, overlap=overlap, exclude_samples=_path(excludesamples),
        exclude_markers=_path(excludemarkers), allow_overlap=allow_overlap, keep_target_only=keep_target_only,
        fix=tuple(fix), model=model, device=device, nthreads=nthreads, seed=seed, no_version=no_version,
        impute=impute, out_format=out_format, resume=resume, memory=memory,
    )  # fmt: skip
    return run(config, listener)


def train(
    ref: Sequence[FilePath] = (),
    out: FilePath | None = None,
    *,
    map: Sequence[FilePath] = (),
    validation: Sequence[FilePath] = (),
    simulate: int | None = None,
    excludesamples: FilePath | None = None,
    init: str | None = None,
    steps: int | None = None,
    width: int | None = None,
    layers: int | None = None,
    device: str | None = None,
    nthreads: int | None = None,
    seed: int | None = None,
    config: FilePath | None = None,
    listener: TrainListener | None = None,
) -> TrainSummary:
    """Train a model on the panels ref and on simulated regions into the folder out, as `spinimpute train`
    does; goes on from a checkpoint in that folder.

    None means: as in the TOML file config, without one the default of TrainConfig. out must be given here or
    there. The summary's loss is in nats, its r2 that of alleles in held-out tasks.
    """
    from spinimpute.training.loop import train as run

    given = {
        "refs": _paths(ref), "out": _path(out), "maps": _paths(map),
        "validation": _paths(validation), "exclude_samples": _path(excludesamples),
        "simulate": simulate, "init": init, "steps": steps, "width": width, "layers": layers,
        "device": device, "nthreads": nthreads, "seed": seed,
    }  # fmt: skip
    return run(train_config(_path(config), given), listener)


def calibrate(
    ref: FilePath,
    gt: FilePath,
    out: FilePath,
    *,
    map: FilePath | None = None,
    chrom: str | None = None,
    model: str = CalibrateConfig.model,
    people: int = CalibrateConfig.people,
    excludesamples: FilePath | None = None,
    excludemarkers: FilePath | None = None,
    allow_overlap: bool = CalibrateConfig.allow_overlap,
    device: str = CalibrateConfig.device,
    nthreads: int | None = None,
    seed: int = CalibrateConfig.seed,
    listener: CalibrationListener | None = None,
) -> CalibrationSummary:
    """Learn how far to trust each site of the panel ref for targets typed as gt, as `spinimpute calibrate`
    does; the model in the folder out goes on to `impute`.

    The summary's before and after are squared errors over haplotypes, in probability of ALT.
    """
    from spinimpute.training.calibration import calibrate as run

    config = CalibrateConfig(
        ref=Path(ref), gt=Path(gt), out=Path(out), map=_path(map), chrom=chrom, model=model, people=people,
        exclude_samples=_path(excludesamples), exclude_markers=_path(excludemarkers),
        allow_overlap=allow_overlap, device=device, nthreads=nthreads, seed=seed,
    )  # fmt: skip
    return run(config, listener)


def evaluate(
    truth: FilePath,
    imputed: FilePath,
    *,
    ref: FilePath | None = None,
    typed: FilePath | None = None,
    bins: Sequence[float] = MAF_EDGES,
    sites: FilePath | None = None,
    listener: EvaluateListener | None = None,
) -> Evaluation:
    """Compare imputed genotypes with the truth, as `spinimpute evaluate` does.

    bins are the edges of MAF bins; sites is where a table of all variants is written, if it is wanted. The
    result has r2, concordance and calibration overall, by MAF, by type and by sample; `rows()` yields them
    all.
    """
    from spinimpute.evaluation.comparison import Files
    from spinimpute.evaluation.run import evaluate as run

    files = Files(Path(truth), Path(imputed), _path(ref), _path(typed))
    return run(files, tuple(bins), _path(sites), listener)


def read_dosages(path: FilePath, chrom: str | None = None) -> Iterator[DosageBlock]:
    """Yield the dosages of an imputed VCF or BCF file, block by block, so that any size can be read.

    A block has V variants (ALT alleles) of one chromosome and S samples: sites, dosages (V, S) float32 in
    [0, 2], calls (V, S) int8 ALT counts, estimated (V,) r2 such as DR2, frequency (V,), typed (V,). Files
    without DS, and VCF Zarr, give their calls as dosages. chrom names one chromosome.
    """
    from spinimpute.io.dosage_file import open_dosages

    return open_dosages(Path(path)).blocks(chrom)


def load_dataset(path: FilePath, chrom: str | None = None) -> xarray.Dataset:
    """Load an imputed VCF or BCF file, or one chromosome of it, into memory as an xarray Dataset with sgkit's
    names of variables and dimensions.

    Needs the extra "xarray" (ImportError without it). `spinimpute.io.dataset` lists the variables.
    """
    from spinimpute.io.dataset import load_dataset as load

    return load(Path(path), chrom)


def build_panel(ref: FilePath, out: FilePath, chrom: str | None = None) -> PanelSummary:
    """Prepare a panel, or a region of it, as `spinimpute panel build` does, and describe it."""
    from spinimpute.io.prepared import PreparedPanel
    from spinimpute.io.region import Region
    from spinimpute.prepare import build_panel as build
    from spinimpute.prepare import summarise

    build(Path(ref), Path(out), Region.parse(chrom) if chrom else None)
    with PreparedPanel(Path(out)) as panel:
        return summarise(panel)


def simulate(
    out: FilePath,
    *,
    model: str = "out_of_africa",
    people: int = 500,
    targets: int = 50,
    chromosomes: int = 1,
    length: float = 1.0,
    spacing: float = 3.5,
    seed: int = ImputeConfig.seed,
) -> DatasetFiles:
    """Write a simulated panel, target, truth and map to the folder out, as `spinimpute simulate` does.

    length is that of each chromosome in Mb, spacing the mean kb between typed sites. Needs the extra
    "simulate".
    """
    from spinimpute.training.dataset import DatasetSpec, write_dataset
    from spinimpute.training.simulation import RegionSpec

    spec = DatasetSpec(
        region=RegionSpec(model=model, people=people, length=round(1e6 * length)),
        targets=targets,
        chromosomes=tuple(str(i + 1) for i in range(chromosomes)),
        typed_spacing=round(1e3 * spacing),
    )
    return write_dataset(Path(out), spec, seed)


def models() -> list[StoredModel]:
    """The models that come with this version: name, folder and the path of the model card."""
    from spinimpute.model_store import shipped_models

    return shipped_models()


def _path(path: FilePath | None) -> Path | None:
    return None if path is None else Path(path)


def _paths(paths: Sequence[FilePath]) -> tuple[Path, ...]:
    return tuple(Path(path) for path in paths)
