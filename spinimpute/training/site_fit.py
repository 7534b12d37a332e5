"""From probabilities and truth of many haplotypes to the trust in each allele: logistic regression of the
truth on the log odds, drawn towards factor 1 and shift 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.site_trust import SURE

# Precisions of the priors on shift and factor; chosen on validation regions.
SHIFT_PRIOR, FACTOR_PRIOR = 30.0, 120.0
NEWTON_STEPS = 30
# No step is longer than this, or Newton's method may leap to and fro; none shorter than that matters.
LONGEST, SHORTEST = 0.5, 1e-4
# Log odds are no larger than those of this.
LEAST = 1e-3
# Parts of the haplotypes, each of which is predicted by what the others say.
GROUPS = 3


class SiteFit(NamedTuple):
    """For V alleles: factor and shift, and the squared error over haplotypes before and after correction,
    fitted without those haplotypes.
    """

    factor: NDArray[np.float32]
    shift: NDArray[np.float32]
    before: NDArray[np.float64]
    after: NDArray[np.float64]


def fit_sites(
    probability: NDArray[np.float32], truth: NDArray[np.bool_], group: NDArray[np.int64]
) -> SiteFit:
    """Fit each allele: probability and truth (V, T) of carrying it; group (T,) from 0 to GROUPS - 1, in which
    both haplotypes of a person should be.
    """
    n = len(probability)
    fit = SiteFit(np.ones(n, np.float32), np.zeros(n, np.float32), np.zeros(n), np.zeros(n))
    _fit_all(probability, truth, group, *fit)
    return fit


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fit_all(
    probability: NDArray[np.float32],
    truth: NDArray[np.bool_],
    group: NDArray[np.int64],
    factor: NDArray[np.float32],
    shift: NDArray[np.float32],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
) -> None:
    n_targets = probability.shape[1]
    logit, carries, part = np.empty(n_targets), np.empty(n_targets), np.empty(n_targets, np.int64)
    for v in range(probability.shape[0]):
        n = 0
        for t in range(n_targets):
            p, y = probability[v, t], 1.0 if truth[v, t] else 0.0
            if min(p, 1 - p) > SURE or abs(p - y) > 0.5:
                clipped = min(max(p, LEAST), 1 - LEAST)
                logit[n], carries[n], part[n] = math.log(clipped / (1 - clipped)), y, group[t]
                n += 1
        for left_out in range(GROUPS):
            b, s = _fit(logit[:n], carries[:n], part[:n], left_out)
            for i in range(n):
                if part[i] == left_out:
                    before[v] += (_sigmoid(logit[i]) - carries[i]) ** 2
                    after[v] += (_sigmoid(logit[i] * (1 + s) + b) - carries[i]) ** 2
        b, s = _fit(logit[:n], carries[:n], part[:n], GROUPS)
        factor[v], shift[v] = 1 + s, b


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fit(
    logit: NDArray[np.float64], carries: NDArray[np.float64], part: NDArray[np.int64], left_out: int
) -> tuple[float, float]:
    """Newton's method from shift 0 and factor 1; return the shift and what to add to the factor."""
    b, s = 0.0, 0.0
    for _ in range(NEWTON_STEPS):
        # Gradient and curvature of the log posterior.
        g_b, g_s = -SHIFT_PRIOR * b, -FACTOR_PRIOR * s
        h_bb, h_bs, h_ss = SHIFT_PRIOR, 0.0, FACTOR_PRIOR
        for i in range(len(logit)):
            if part[i] != left_out:
                x = logit[i]
                q = _sigmoid(x * (1 + s) + b)
                w = q * (1 - q)
                g_b += carries[i] - q
                g_s += (carries[i] - q) * x
                h_bb += w
                h_bs += w * x
                h_ss += w * x * x
        det = h_bb * h_ss - h_bs * h_bs
        step_b, step_s = (h_ss * g_b - h_bs * g_s) / det, (h_bb * g_s - h_bs * g_b) / det
        length = max(abs(step_b), abs(step_s))
        shrunk = min(1.0, LONGEST / max(length, SHORTEST))
        b += shrunk * step_b
        s += shrunk * step_s
        if length < SHORTEST:
            break
    return b, s
