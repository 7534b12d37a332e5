"""The shape of a network, and the constants that torch and the compiled kernels share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Copied frequencies are kept this far from 0 and 1, so that their logits stay finite.
MARGIN = 1e-5
FLOOR_CM = 0.002
FLOOR_POSTERIOR = 1e-3
# Weights below this have no part in the entropy, so that their logarithms stay finite.
LEAST_WEIGHT = 1e-30
# The sizes of what is measured for a network, which it cannot choose.
INPUTS = ("runs", "counts", "posteriors", "task_features", "site_features", "query_features")
# What a typed variant that is not known is worth in XABA beside one that is.
UNKNOWN = 1e-9


@dataclass(frozen=True)
class SpinConfig:
    """Shape of a network; it travels beside the weights in config.toml."""

    width: int = 32
    layers: int = 2
    latents: int = 16
    inducing: int = 8
    heads: int = 16
    message: int = 16
    hidden: int = 32
    context: int = 64
    runs: int = 14
    counts: int = 8
    posteriors: int = 3
    task_features: int = 2
    site_features: int = 4
    query_features: int = 14


def log_offsets(config: SpinConfig) -> NDArray[np.float32]:
    """Return (D,), what is added to each measure before its logarithm is taken.

    Runs in cM are the first four and the last two; variants, surprise and counts are logged as 1 + x.
    """
    runs = [FLOOR_CM] * 4 + [1.0] * (config.runs - 6) + [FLOOR_CM] * 2
    return np.array(runs + [1.0] * config.counts + [FLOOR_POSTERIOR] * config.posteriors, np.float32)


def log_signs(config: SpinConfig) -> NDArray[np.float32]:
    """Return (D,), 1 where the best of a context is the largest, -1 where it is the smallest: the counts."""
    return np.array([1.0] * config.runs + [-1.0] * config.counts + [1.0] * config.posteriors, np.float32)
