"""Calibrate a model on a panel and an array: learn, site by site, how far its odds can be trusted.

The panel's people are imputed from each other, typed where the target is, and what was imputed is compared
with what they have.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spinimpute.config import CalibrateConfig
from spinimpute.errors import SpinImputeError
from spinimpute.model_store import CARD, SITES
from spinimpute.site_trust import AlleleTrust, write_trust
from spinimpute.spin.checkpoint import load_model, save_weights
from spinimpute.training.leave_out import Fold, LeftOutRecord, impute_fold, make_folds, read_folds
from spinimpute.training.site_fit import GROUPS, fit_sites

# Alleles are listed whose odds change by more than this somewhere, in logarithms.
NOTABLE = 0.05
# Log odds at which a changed factor is judged.
TYPICAL_ODDS = 2.0
RECORDS = 256  # fitted at a time


class CalibrationListener(Protocol):
    """Hears how the calibration goes."""

    def fold(self, done: int, folds: int) -> None:
        """Another part of the people has been imputed."""


@dataclass(frozen=True)
class CalibrationSummary:
    """What a calibration found: alleles that were looked at and those corrected, and their squared error over
    all haplotypes before and after, each corrected by what the other two thirds of the people say.

    kept tells that the corrections are worth it, so that the model has them.
    """

    people: int
    alleles: int
    corrected: int
    before: float
    after: float
    kept: bool
    seconds: float
    model: Path


@dataclass
class _Found:
    alleles: int = 0
    before: float = 0.0
    after: float = 0.0
    trust: list[AlleleTrust] = field(default_factory=list)


def calibrate(config: CalibrateConfig, listener: CalibrationListener | None = None) -> CalibrationSummary:
    """Calibrate config.model and leave the new model in config.out, without a table of sites if the
    corrections do not help people whom they were not learned from.

    Raises SpinImputeError for input that cannot be imputed, for a panel of too few people, and where
    config.out is no folder.
    """
    began = time.monotonic()
    if config.out.exists() and not config.out.is_dir():
        raise SpinImputeError(
            "the model needs a folder", where=str(config.out), found="a file", remedy="give another --out"
        )
    model = load_model(config.model_name)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{config.out.name}.", dir=config.out.parent) as scratch:
        folds = make_folds(config, Path(scratch))
        plain = Path(scratch, "model")
        save_weights(plain, model.config, model.weights)
        for done, fold in enumerate(folds, 1):
            impute_fold(config, plain, fold)
            if listener:
                listener.fold(done, len(folds))
        found = _fit(read_folds(config, folds), _groups(folds))
    kept = found.after < found.before
    save_weights(config.out, model.config, model.weights, write_trust(found.trust) if kept else b"")
    if not kept:
        (config.out / SITES).unlink(missing_ok=True)
    summary = CalibrationSummary(
        people=sum(len(fold.people) for fold in folds),
        alleles=found.alleles,
        corrected=len(found.trust) if kept else 0,
        before=found.before,
        after=found.after,
        kept=kept,
        seconds=time.monotonic() - began,
        model=config.out,
    )
    (config.out / CARD).write_text(_card(config, str(model), summary))
    return summary


def _card(config: CalibrateConfig, model: str, summary: CalibrationSummary) -> str:
    """What the model is, in Markdown."""
    result = "The corrections did not help people that they were not from, so there are none."
    if summary.kept:
        result = (
            f"{summary.corrected:,} of {summary.alleles:,} alleles have their odds corrected. The squared"
            f" error of people whom the corrections are not from went from {summary.before:.1f} to"
            f" {summary.after:.1f} ({1 - summary.after / summary.before:.1%} less)."
        )
    return (
        f"# Calibrated model\n\n- Network: {model}\n- Panel: {config.ref}\n- Typed as: {config.gt}\n"
        f"- People of the panel imputed from the others: {summary.people:,}\n\n{result}\n\n"
        "Fit for this panel and array alone; elsewhere, use the model that it comes from.\n"
    )


def _groups(folds: Sequence[Fold]) -> NDArray[np.int64]:
    """The group (T,) of each haplotype: folds in turn."""
    return np.concatenate([np.full(2 * len(fold.people), i % GROUPS) for i, fold in enumerate(folds)])


def _fit(records: Iterable[LeftOutRecord], group: NDArray[np.int64]) -> _Found:
    found = _Found()
    remaining = iter(records)
    while some := list(islice(remaining, RECORDS)):
        probability = np.stack([record.probability for record in some])
        fit = fit_sites(probability, np.stack([record.truth for record in some]), group)
        found.alleles += len(some)
        found.before += float(fit.before.sum())
        found.after += float(fit.after.sum())
        for record, factor, shift in zip(some, fit.factor, fit.shift, strict=True):
            if abs(shift) + TYPICAL_ODDS * abs(factor - 1) > NOTABLE:
                found.trust.append(AlleleTrust(*record.site, float(factor), float(shift)))
    return found
