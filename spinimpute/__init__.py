"""Genotype imputation with semi-parametric inducing point networks.

`spinimpute.impute(ref, gt, out)` does what the command does; what else there is, `spinimpute.api` describes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spinimpute.errors import SpinImputeError

if TYPE_CHECKING:
    from spinimpute.api import (
        build_panel,
        calibrate,
        evaluate,
        impute,
        load_dataset,
        models,
        read_dosages,
        simulate,
        train,
    )

__version__ = "0.1.0"
__all__ = [
    "SpinImputeError",
    "__version__",
    "build_panel",
    "calibrate",
    "evaluate",
    "impute",
    "load_dataset",
    "models",
    "read_dosages",
    "simulate",
    "train",
]


def __getattr__(name: str) -> Any:
    # The command line asks for the version alone, and must start fast.
    if name in __all__:
        return getattr(import_module("spinimpute.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
