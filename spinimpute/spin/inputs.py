"""What a network is given, whatever it runs on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class WindowInput(NamedTuple):
    """What all targets of a window share at A anchors: sites (A, S, 2, C), the S typed variants near each,
    for a target with either allele, and task (A, 2), as `tokens.describe_sites` and `tokens.task_features`.
    """

    sites: NDArray[np.float32]
    task: NDArray[np.float32]


class SpinInput(NamedTuple):
    """Context haplotypes of T targets at A anchors.

    measures (T, A, K, D), differs (T, A, K), known and carried (T, A) as `tokens.Tokens`; previous and
    following (T, A, K) as `retrieval.Context`.
    """

    measures: NDArray[np.float32]
    differs: NDArray[np.uint32]
    known: NDArray[np.uint32]
    carried: NDArray[np.uint32]
    previous: NDArray[np.int16]
    following: NDArray[np.int16]


class QueryInput(NamedTuple):
    """Untyped alleles that are asked about: frequency (Q, H), chain (Q, P), entropy (Q, H) and query (Q, D)
    as `model.Calibration.forward` takes them.
    """

    frequency: NDArray[np.float32]
    chain: NDArray[np.float32]
    entropy: NDArray[np.float32]
    query: NDArray[np.float32]
