"""The options of each command, as annotated types; Beagle's names where Beagle has one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from spinimpute.config import FIXES, MAF_EDGES, TrainConfig
from spinimpute.model_store import shipped_models


def _option(*names: str, text: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, **more)


def _train_option(name: str, text: str, **more: Any) -> Any:
    """An option whose absence means: as in the --config file, else the declared default."""
    return typer.Option(f"--{name}", help=text, show_default=str(getattr(TrainConfig, name)), **more)


def fixes(text: str | None) -> tuple[str, ...]:
    """The words of --fix; typer.BadParameter if there are others than swap and strand."""
    words = tuple(text.split(",")) if text is not None else ()
    unknown = [word for word in words if word not in FIXES]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} cannot be fixed; write {', '.join(FIXES)} or both")
    return words


def _checked_fix(text: str | None) -> str | None:
    fixes(text)
    return text


def edges(text: str | None) -> tuple[float, ...]:
    """The numbers of --bins; typer.BadParameter if there is anything else."""
    try:
        return tuple(map(float, text.split(","))) if text is not None else MAF_EDGES
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} must be numbers, as in 0,0.01,0.05,0.5") from error


def _checked_edges(text: str | None) -> str | None:
    edges(text)
    return text


def _model_names() -> list[str]:
    """What a shell may complete a model's name to."""
    return [model.name for model in shipped_models()]


_FILE = {"metavar": "FILE", "show_default": False}

Ref = Annotated[Path, _option("--ref", text="Phased panel: VCF, BCF, VCF Zarr or prepared.", **_FILE)]
Gt = Annotated[Path, _option("--gt", text="Target genotypes: VCF, BCF or VCF Zarr.", **_FILE)]
Out = Annotated[
    str,
    _option(
        "--out",
        text="Prefix of the output, or a name that ends in .vcf.gz, .bcf, .vcz or .bgen.",
        metavar="OUT",
    ),
]
OutFormat = Annotated[
    str | None,
    _option(
        "--out-format",
        text="Format of the output if --out is a prefix: vcf.gz, bcf, vcz or bgen.",
        metavar="FORMAT",
        show_default="vcf.gz",
    ),
]
CheckOut = Annotated[
    str | None,
    _option("--out", text="Write the fate table, OUT.variants.tsv.gz.", metavar="OUT", show_default=False),
]
Map = Annotated[
    Path | None,
    _option(
        "--map", text="Genetic map: PLINK, SHAPEIT/Eagle or Minimac.", metavar="FILE", show_default="1 cM/Mb"
    ),
]
Chrom = Annotated[
    str | None, _option("--chrom", text="Chromosome or region: c, c:s-e, c:-e or c:s-.", metavar="REGION")
]
Ap = Annotated[bool, _option("--ap", text="Write the ALT dose of each haplotype (AP1, AP2).")]
Gp = Annotated[bool, _option("--gp", text="Write genotype probabilities (GP).")]
Window = Annotated[float, _option("--window", text="cM imputed at a time.", metavar="CM")]
Overlap = Annotated[
    float, _option("--overlap", text="cM looked at beyond each side of a window.", metavar="CM")
]
ExcludeSamples = Annotated[
    Path | None, _option("--excludesamples", text="Samples to leave out, one name per line.", **_FILE)
]
ExcludeMarkers = Annotated[
    Path | None,
    _option("--excludemarkers", text="Markers to leave out, one ID or chrom:pos per line.", **_FILE),
]
AllowOverlap = Annotated[
    bool, _option("--allow-overlap", text="Leave target samples out of the panel instead of refusing them.")
]
KeepTargetOnly = Annotated[
    bool,
    _option("--keep-target-only", text="Keep the target's records that the panel lacks, as they are."),
]
Fix = Annotated[
    str | None,
    _option(
        "--fix",
        text="Use target records with REF and ALT swapped or from the other strand: swap, strand or both.",
        metavar="swap,strand",
        show_default=False,
        callback=_checked_fix,
    ),
]
Model = Annotated[
    str,
    _option(
        "--model",
        text="A shipped model (see `models`) or a model folder.",
        metavar="NAME|DIR",
        autocompletion=_model_names,
    ),
]
Device = Annotated[str, _option("--device", text="auto, cpu, cuda or cuda:i.", metavar="DEVICE")]
Threads = Annotated[
    int | None,
    _option("--nthreads", text="Threads.", metavar="N", min=1, show_default="all cores"),
]
Memory = Annotated[
    str | None,
    _option(
        "--memory",
        text="Memory to keep to, by doing less at a time; doses may differ in the last digits.",
        metavar="SIZE",
        show_default="as needed",
    ),
]
Seed = Annotated[int, _option("--seed", text="Seed of all random choices.", metavar="N", min=0)]
NoVersion = Annotated[
    bool, _option("--no-version", text="Leave version, command and digests out of the output's header.")
]
Impute = Annotated[
    bool,
    _option("--impute/--no-impute", text="Impute, or write the typed records alone, phased and filled."),
]
DryRun = Annotated[
    bool,
    _option("--dry-run", text="Show the plan and the time, memory and disk it needs; impute nothing."),
]
Report = Annotated[
    bool,
    _option("--report", text="Write an HTML page on sites, DR2 and samples too, and JSON for MultiQC."),
]
Resume = Annotated[
    bool,
    _option("--resume", text="Keep finished windows in OUT.partial.d until the end, and go on from them."),
]
JsonProgress = Annotated[
    bool, _option("--json-progress", text="Show progress as one JSON object a line on standard error.")
]
Quiet = Annotated[bool, _option("--quiet", text="Report errors and warnings only.")]

TrainRefs = Annotated[
    list[Path] | None, _option("--ref", text="Phased panel to train on; may be repeated.", **_FILE)
]
TrainOut = Annotated[
    Path | None,
    _option("--out", text="Model folder to write; resumes if it holds a checkpoint.", metavar="DIR"),
]
TrainMaps = Annotated[
    list[Path] | None,
    _option("--map", text="Genetic map: one for all panels, or one each, --validation last.", **_FILE),
]
Validation = Annotated[
    list[Path] | None, _option("--validation", text="Panel to validate on; may be repeated.", **_FILE)
]
Simulated = Annotated[int | None, _train_option("simulate", "Simulated regions to add.", metavar="N", min=0)]
Init = Annotated[
    str | None,
    _option(
        "--init",
        text="Model to start from, shipped or a folder.",
        metavar="NAME|DIR",
        autocompletion=_model_names,
    ),
]
Steps = Annotated[int | None, _train_option("steps", "Optimiser steps.", metavar="N", min=1)]
Width = Annotated[int | None, _train_option("width", "Width of the network.", metavar="E", min=1)]
Layers = Annotated[int | None, _train_option("layers", "Layers of the network.", metavar="N", min=1)]
TrainDevice = Annotated[str | None, _train_option("device", "auto, cpu, cuda or cuda:i.", metavar="DEVICE")]
TrainSeed = Annotated[int | None, _train_option("seed", "Seed of all random choices.", metavar="N", min=0)]
ConfigFile = Annotated[
    Path | None, _option("--config", text="TOML file of settings; options given here overrule it.", **_FILE)
]

CalibrateOut = Annotated[Path, _option("--out", text="Model folder to write.", metavar="DIR")]
PanelPeople = Annotated[
    int, _option("--people", text="People of the panel to impute, at most.", metavar="N", min=1)
]

PlanOut = Annotated[Path, _option("--out", text="Plan to write, as JSON.", **_FILE)]
PartWindows = Annotated[
    int, _option("--part-windows", text="Windows of a part at most; whole chromosomes if unphased.", min=1)
]
PartSamples = Annotated[int, _option("--part-samples", text="Samples of a part at most.", min=1)]
PlanFile = Annotated[
    Path, typer.Argument(help="Plan made by spinimpute plan.", metavar="PLAN", show_default=False)
]
PartNumber = Annotated[int, _option("--part", text="Number of the part, from 1 on.", metavar="I", min=1)]
PartOut = Annotated[Path, _option("--out", text="File of the part; its name should end in .spart.", **_FILE)]
MergedChrom = Annotated[
    str | None, _option("--chrom", text="Merge this chromosome of the plan alone.", metavar="CHROM")
]
PartFiles = Annotated[
    list[Path],
    typer.Argument(
        help="Files of all parts, or folders that hold them as *.spart.", metavar="PARTS", show_default=False
    ),
]

Truth = Annotated[Path, _option("--truth", text="True genotypes: VCF, BCF or VCF Zarr.", **_FILE)]
Imputed = Annotated[Path, _option("--imputed", text="Imputed genotypes, with DS if VCF or BCF.", **_FILE)]
EvaluateOut = Annotated[str, _option("--out", text="Prefix of tables and page.", metavar="PREFIX")]
FrequencyPanel = Annotated[
    Path | None,
    _option("--ref", text="Panel: gives allele frequencies, and what can be imputed.", **_FILE),
]
Typed = Annotated[
    Path | None, _option("--typed", text="Typed genotypes (the --gt of impute), to leave out.", **_FILE)
]
Bins = Annotated[
    str | None,
    _option(
        "--bins",
        text="Edges of the MAF bins; a bin includes its upper edge.",
        metavar="EDGES",
        show_default=",".join(f"{edge:g}" for edge in MAF_EDGES),
        callback=_checked_edges,
    ),
]

PanelSource = Annotated[Path, _option("--ref", text="Phased panel: VCF, BCF or VCF Zarr.", **_FILE)]
PanelOut = Annotated[Path, _option("--out", text="Prepared panel to write.", **_FILE)]
PreparedFile = Annotated[Path, typer.Argument(help="Prepared panel.", metavar="FILE", show_default=False)]
VerifySource = Annotated[
    Path | None, _option("--ref", text="Panel to compare all records and genotypes with.", **_FILE)
]

SimulateOut = Annotated[Path, _option("--out", text="Folder to write to.", metavar="DIR", show_default=False)]
SimulateModel = Annotated[
    str, _option("--model", text="Demographic model; stdpopsim:SPECIES/MODEL with stdpopsim.", metavar="NAME")
]
People = Annotated[int, _option("--people", text="People in the panel.", metavar="N", min=1)]
Targets = Annotated[int, _option("--targets", text="People in the target.", metavar="N", min=1)]
Chromosomes = Annotated[int, _option("--chromosomes", text="Chromosomes.", metavar="N", min=1)]
Length = Annotated[float, _option("--length", text="Length of each chromosome, Mb.", metavar="MB", min=0.01)]
Spacing = Annotated[float, _option("--spacing", text="Mean kb between typed sites.", metavar="KB", min=0.1)]
