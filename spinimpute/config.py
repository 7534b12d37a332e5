"""What a run is asked to do: a frozen dataclass for each job, the only place that declares defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from spinimpute.alleles import Fate
from spinimpute.errors import SpinImputeError

DEFAULT_MODEL = "spin-small"
# What --fix may mend.
FIXES = {"swap": Fate.SWAPPED, "strand": Fate.STRAND_FLIPPED}

MAF_EDGES = (0.0, 0.002, 0.005, 0.01, 0.05, 0.5)  # of the bins in which accuracy is given


@dataclass(frozen=True, kw_only=True)
class InputConfig:
    """Panel and target, and how they are matched; raises SpinImputeError for a value out of range."""

    ref: Path
    gt: Path
    map: Path | None = None
    chrom: str | None = None
    exclude_samples: Path | None = None
    exclude_markers: Path | None = None
    allow_overlap: bool = False
    fix: tuple[str, ...] = ()  # of FIXES

    def __post_init__(self) -> None:
        _require(set(self.fix) <= set(FIXES), "--fix must be swap, strand or both", ",".join(self.fix))

    @property
    def files(self) -> list[Path]:
        """All files that are read."""
        given = (self.ref, self.gt, self.map, self.exclude_samples, self.exclude_markers)
        return [path for path in given if path is not None]


@dataclass(frozen=True, kw_only=True)
class ImputeConfig(InputConfig):
    """One imputation; raises SpinImputeError for a value out of range."""

    out: str
    model: str = "auto"
    device: str = "auto"
    ap: bool = False
    gp: bool = False
    window: float = 5.0  # cM
    overlap: float = 2.0  # cM on each side of a window
    nthreads: int | None = None
    seed: int = 1
    out_format: str | None = None
    no_version: bool = False
    keep_target_only: bool = False
    impute: bool = True  # no: phase the typed records and fill their gaps, nothing else
    memory: float | None = None  # MB to keep to
    resume: bool = False  # keep finished windows beside the output, and go on from them

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.window > 0, "--window must be above 0 cM", self.window)
        _require(self.overlap >= 0, "--overlap must be 0 cM or more", self.overlap)
        _require(self.impute or not self.resume, "--resume goes on with imputation", "--no-impute")
        _require(str(self.gt) != "-" or not self.resume, "--resume reads --gt again, so give a file", "-")
        _check_run(self.nthreads, self.seed)

    @property
    def model_name(self) -> str:
        """The model's name or folder."""
        return DEFAULT_MODEL if self.model == "auto" else self.model

    @property
    def threads(self) -> int:
        """Threads to use, by default as many as there are cores for this process."""
        return self.nthreads or len(os.sched_getaffinity(0))


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig(InputConfig):
    """One calibration of a model on a panel; of the target, only its sites matter. Raises SpinImputeError for
    a value out of range.
    """

    out: Path
    model: str = "auto"
    people: int = 2000  # of the panel, at most
    device: str = "auto"
    nthreads: int | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.people >= 1, "--people must be 1 or more", self.people)
        _require(str(self.ref) != "-", "calibration reads --ref many times, so give a file", "-")
        _check_run(self.nthreads, self.seed)

    @property
    def model_name(self) -> str:
        """The model's name or folder."""
        return DEFAULT_MODEL if self.model == "auto" else self.model


@dataclass(frozen=True)
class TrainConfig:
    """One training run; raises SpinImputeError for a value out of range."""

    refs: tuple[Path, ...]
    out: Path
    maps: tuple[Path, ...] = ()  # none, one for all, or one per panel, validation panels last
    validation: tuple[Path, ...] = ()
    exclude_samples: Path | None = None
    init: str | None = None
    steps: int = 5000
    seed: int = 1
    simulate: int = 0  # simulated regions to add
    width: int = 32
    layers: int = 2
    heads: int = 16
    inducing: int = 8
    hidden: int = 32
    context: int = 64  # haplotypes
    tasks: int = 2000  # at most, drawn before the first step; .8 MB each with contexts of 32
    batch: int = 256  # anchors
    learning_rate: float | None = None  # none: 1.5e-3, or 3e-4 when going on from a model
    nthreads: int | None = None
    device: str = "auto"
    checkpoint_every: int = 500  # steps

    def __post_init__(self) -> None:
        _require(bool(self.refs) or self.simulate > 0, "training needs --ref or --simulate", "neither")
        panels = len(self.refs) + len(self.validation)
        _require(
            len(self.maps) in {0, 1, panels}, f"give no map, one, or {panels} (one per panel)", len(self.maps)
        )
        for name in (
            *("steps", "width", "layers", "heads", "inducing", "hidden", "context"),
            *("tasks", "batch", "checkpoint_every"),
        ):
            _require(getattr(self, name) >= 1, f"{name} must be 1 or more", getattr(self, name))
        _require(self.simulate >= 0, "simulate must be 0 or more", self.simulate)
        _require(self.peak_learning_rate > 0, "learning_rate must be above 0", self.learning_rate)
        _check_run(self.nthreads, self.seed)

    @property
    def peak_learning_rate(self) -> float:
        """What the optimiser rises to: a model that is trained already is spoilt by large steps."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 3e-4 if self.init else 1.5e-3


def train_config(path: Path | None, given: Mapping[str, Any]) -> TrainConfig:
    """The settings of a TOML file, if there is one, overruled by those given; SpinImputeError if malformed.

    Paths in the file are relative to the file.
    """
    values = _read_toml(path) if path is not None else {}
    values |= {key: value for key, value in given.items() if value is not None and value != ()}
    values.setdefault("refs", ())
    _require("out" in values, "training needs a place for the model", "no --out")
    return TrainConfig(**values)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpinImputeError(
            "the configuration cannot be read", where=str(path), found=str(error)
        ) from error
    known = {field.name: str(field.type) for field in fields(TrainConfig)}
    _reject_unknown(path, values, known)
    return {key: _convert(path, key, value, known[key]) for key, value in values.items()}


def _reject_unknown(path: Path, values: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SpinImputeError(
            "unknown settings", where=str(path), found=", ".join(unknown), remedy=f"known: {', '.join(known)}"
        )


def _convert(path: Path, key: str, value: Any, kind: str) -> Any:
    """A TOML value as the type its field declares, such as "tuple[Path, ...]" or "int | None"."""
    folder = path.parent
    if kind.split(" ")[0] == "Path" and isinstance(value, str):
        return folder / value
    if kind.startswith("tuple") and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(folder / item for item in value)
    plain = {"int": (int,), "float": (int, float), "str": (str,)}.get(kind.split(" ")[0], ())
    if isinstance(value, plain) and not isinstance(value, bool):
        return value
    raise SpinImputeError(f"{key} must be {kind}", where=str(path), found=repr(value))


def _check_run(nthreads: int | None, seed: int) -> None:
    _require(nthreads is None or nthreads >= 1, "--nthreads must be 1 or more", nthreads)
    _require(seed >= 0, "--seed must be 0 or more", seed)


def _require(held: bool, rule: str, found: object) -> None:
    if not held:
        raise SpinImputeError(rule, found=str(found))
