"""The Li-Stephens model on the retrieved context: how evidence travels across recombinations, as token
measures.

States are the K context haplotypes of an anchor; between anchors a target copies on from the same haplotype
or jumps to any of the context (Li and Stephens 2003). A haplotype that leaves the context can only be left by
a jump.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinimpute.mismatches import count_mismatches
from spinimpute.retrieval import Anchors, Context, TypedWindow

# Effective population sizes; the panel's diversity decides which of them fits, so the network sees both.
POPULATION_SIZES = np.array([1e5, 1e6])
# Probability that a typed allele differs from the copied one.
ERROR = 2e-3


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _emit(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    gap: NDArray[np.int64],
    haplotype: NDArray[np.int32],
    odds: float,
    emission: NDArray[np.float64],
) -> None:
    """Fill (A, K), the relative likelihood of the typed variants since the anchor before."""
    emission[0] = 1.0
    for a in range(1, haplotype.shape[0]):
        for k in range(haplotype.shape[1]):
            wrong = count_mismatches(panel[haplotype[a, k]], target, observed, gap[a - 1], gap[a])
            emission[a, k] = odds**wrong


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _forward(
    emission: NDArray[np.float64],
    jump: NDArray[np.float64],
    previous: NDArray[np.int16],
    out: NDArray[np.float64],
) -> None:
    """Fill (A, K), the probability of state k given all up to anchor a."""
    n_anchors, n_context = emission.shape
    out[0] = 1.0 / n_context
    for a in range(1, n_anchors):
        total = 0.0
        for k in range(n_context):
            stay = out[a - 1, previous[a, k]] if previous[a, k] >= 0 else 0.0
            out[a, k] = emission[a, k] * ((1 - jump[a - 1]) * stay + jump[a - 1] / n_context)
            total += out[a, k]
        out[a] /= total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _backward(
    emission: NDArray[np.float64],
    jump: NDArray[np.float64],
    following: NDArray[np.int16],
    out: NDArray[np.float64],
) -> None:
    """Fill (A, K), proportional to the likelihood of all after anchor a given state k."""
    n_anchors, n_context = emission.shape
    out[n_anchors - 1] = 1.0
    for a in range(n_anchors - 2, -1, -1):
        ahead = emission[a + 1] * out[a + 1]
        anywhere = ahead.sum() / n_context
        for k in range(n_context):
            stay = ahead[following[a, k]] if following[a, k] >= 0 else 0.0
            out[a, k] = (1 - jump[a]) * stay + jump[a] * anywhere
        out[a] /= out[a].max()


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _posteriors(
    panel: NDArray[np.uint64],
    target: NDArray[np.uint64],
    observed: NDArray[np.uint64],
    gap: NDArray[np.int64],
    jump: NDArray[np.float64],
    odds: float,
    haplotype: NDArray[np.int32],
    previous: NDArray[np.int16],
    following: NDArray[np.int16],
    out: NDArray[np.float32],
) -> None:
    n_target, n_anchors, n_context = haplotype.shape
    emission = np.empty((n_anchors, n_context))
    forward = np.empty((n_anchors, n_context))
    backward = np.empty((n_anchors, n_context))
    for t in range(n_target):
        _emit(panel, target[t], observed[t], gap, haplotype[t], odds, emission)
        for i in range(jump.shape[0]):
            _forward(emission, jump[i], previous[t], forward)
            _backward(emission, jump[i], following[t], backward)
            for a in range(n_anchors):
                both = forward[a] * backward[a]
                both *= n_context / both.sum()
                for k in range(n_context):
                    out[t, a, k, i] = both[k]


def jump_probability(cm: NDArray[np.float64], n_panel: int) -> NDArray[np.float64]:
    """Return (P, A - 1), the probability of a jump between anchors at map positions cm (A,), by population
    size.
    """
    morgans = np.maximum(np.diff(cm), 1e-6) / 100
    return -np.expm1(-4 * POPULATION_SIZES[:, None] * morgans / n_panel)


def posteriors(
    window: TypedWindow, anchors: Anchors, context: Context, targets: slice, out: NDArray[np.float32]
) -> None:
    """Fill out (T, A, K, P) with the posterior of each context haplotype over 1 / K, one for each population
    size.
    """
    jump = jump_probability(anchors.cm, window.panel.shape[1])
    _posteriors(
        window.panel_words, window.target_words[targets], window.observed_words[targets], anchors.gap, jump,
        ERROR / (1 - ERROR), context.haplotype, context.previous, context.following, out,
    )  # fmt: skip
