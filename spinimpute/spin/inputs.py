"""What a network is given, whatever it runs on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class SpinInput(NamedTuple):
    """Context haplotypes of T targets at A anchors.

    measures (T, A, K, D), match (T, A, K, S), sites (T, A, S, C) and task (A, 2) as `tokens.Tokens`; previous
    and following (T, A, K) as `retrieval.Context`.
    """

    measures: NDArray[np.float32]
    match: NDArray[np.int8]
    sites: NDArray[np.float32]
    task: NDArray[np.float32]
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
