"""The variants of a window between its anchors, and what blending the anchors takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Log cM to the nearest anchor is floored by this, for variants at the anchor itself.
FLOOR_CM = 1e-3


@dataclass(frozen=True)
class Segments:
    """The V variants of a core cut at the anchors: segment j lies between anchors left[j] and right[j].

    start (A + 2,) bounds in variants: segments j and j + 1 lie at anchor j; left, right (A + 1,) anchor
    indices, equal before the first and after the last anchor; share (V,) of the right anchor, linear in cM;
    query (V, 4 + N_FEATURES) what `Calibration.forward` takes of each variant.
    """

    start: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    share: NDArray[np.float32]
    query: NDArray[np.float32]


def cut_segments(
    cm: NDArray[np.float64],
    log_odds: NDArray[np.float32],
    anchor_cm: NDArray[np.float64],
    task: NDArray[np.float32],
    concordance: NDArray[np.float32],
) -> Segments:
    """Cut variants at map positions cm (V,), ascending, at the anchors, whose token features are task
    (A, 2); log_odds (V,) are those of the marked allele, concordance (V, N_FEATURES) its
    `measure_concordance`.
    """
    last = len(anchor_cm) - 1
    inner = np.searchsorted(cm, anchor_cm)
    start = np.concatenate([[0], inner, [len(cm)]]).astype(np.int64)
    left = np.clip(np.arange(-1, last + 1), 0, last)
    right = np.clip(np.arange(0, last + 2), 0, last)
    segment = np.repeat(np.arange(last + 2), np.diff(start))
    low, high = anchor_cm[left[segment]], anchor_cm[right[segment]]
    span = high - low
    # The outermost anchors have what lies beyond them to themselves.
    alone = np.where(segment == 0, 1.0, np.where(segment == last + 1, 0.0, 0.5))
    share = np.divide(cm - low, span, out=alone, where=span > 0)
    near = np.minimum(np.abs(cm - low), np.abs(high - cm))
    before, after = task[left[segment]], task[right[segment]]
    about = before + share[:, None] * (after - before)
    query = np.column_stack([log_odds, np.log(near + FLOOR_CM), about, concordance]).astype(np.float32)
    return Segments(start, left, right, share.astype(np.float32), query)
