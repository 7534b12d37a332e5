"""`model.Calibration` on a CPU: from copied frequencies to a probability, some queries at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import exp, kernel, log, part
from spinimpute.spin.config import MARGIN
from spinimpute.spin.kernels import linear, silu
from spinimpute.spin.packing import CalibrationWeights

# Queries computed together: their features stay in the cache.
BLOCK = 256
_LEAST, _MOST, _ONE = np.float32(MARGIN), np.float32(1 - MARGIN), np.float32(1)


@part  # type: ignore[untyped-decorator]
def _take(table: NDArray[np.float32], first: int, last: int, out: NDArray[np.float32]) -> None:
    """Put columns of table (Q, D), of the queries from first to last, into rows of out (D, BLOCK)."""
    for q in range(first, last):
        for d in range(table.shape[1]):
            out[d, q - first] = table[q, d]


@part  # type: ignore[untyped-decorator]
def _to_logits(
    share: NDArray[np.float32],
    out: NDArray[np.float32],
    mixed: NDArray[np.float32],
    spread: NDArray[np.float32],
) -> None:
    """Replace the first rows of out (D, BLOCK), one for each share, by their logits; set spread (BLOCK,) to
    the range of these and mixed (BLOCK,) to the logit of their mixture by the shares.
    """
    low, high = np.full(BLOCK, np.float32(100)), np.full(BLOCK, np.float32(-100))
    for i in range(BLOCK):
        mixed[i] = 0
    for r in range(share.shape[0]):
        row, weight = out[r], share[r]
        for i in range(BLOCK):
            p = min(max(row[i], _LEAST), _MOST)
            mixed[i] += weight * p
            row[i] = log(p / (_ONE - p))
        for i in range(BLOCK):
            low[i] = min(low[i], row[i])
            high[i] = max(high[i], row[i])
    for i in range(BLOCK):
        spread[i] = high[i] - low[i]
        mixed[i] = log(mixed[i] / (_ONE - mixed[i]))


@kernel  # type: ignore[untyped-decorator]
def calibrate(
    net: CalibrationWeights,
    frequency: NDArray[np.float32],
    chain: NDArray[np.float32],
    entropy: NDArray[np.float32],
    query: NDArray[np.float32],
    probability: NDArray[np.float32],
) -> None:
    """Fill probability (Q,) of carrying the allele; the others are as `model.Calibration.forward` takes
    them.
    """
    n, heads = frequency.shape
    shares = heads + chain.shape[1]
    spread = shares + entropy.shape[1]
    features = np.zeros((net.first.shape[1], BLOCK), np.float32)
    hidden = np.empty((net.first.shape[0], BLOCK), np.float32)
    second = np.empty((net.second.shape[0], BLOCK), np.float32)
    logit = np.empty(BLOCK, np.float32)
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        _take(frequency, first, last, features)
        _take(chain, first, last, features[heads:])
        _take(entropy, first, last, features[shares:])
        _to_logits(net.mixture, features, logit, features[spread])
        _take(query, first, last, features[spread + 1 :])
        linear(net.first, net.first_bias, features, hidden)
        silu(hidden)
        linear(net.second, net.second_bias, hidden, second)
        silu(second)
        for r in range(second.shape[0]):
            row, weight = second[r], net.last[r]
            for i in range(BLOCK):
                logit[i] += weight * row[i]
        for q in range(first, last):
            probability[q] = _ONE / (_ONE + exp(-(logit[q - first] + net.last_bias[0])))
