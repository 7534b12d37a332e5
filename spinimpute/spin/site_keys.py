"""XABA on a CPU: its weights come from a table of a window's typed variants, as a target has one of two
alleles at each.

Axes: A anchors, S typed variants near an anchor, F latent attributes, filled up to a multiple of LANES.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import part
from spinimpute.lanes import LANES, add, multiply, subtract_set
from spinimpute.spin.config import UNKNOWN
from spinimpute.spin.packing import NetworkWeights

_HALF, _TWO = np.float32(0.5), np.float32(2)
# Less than any sum of weights, but for those that are all 0.
_LEAST = np.float32(1e-37)


class SiteKeys(NamedTuple):
    """Exponentials of XABA's keys: known (A, S, 2, F) of each typed variant with either allele, none (A, F)
    of one that is not known.

    Those of an anchor are divided by the largest of all, which does not change their shares.
    """

    known: NDArray[np.float32]
    none: NDArray[np.float32]


def tabulate_keys(net: NetworkWeights, sites: NDArray[np.float32]) -> SiteKeys:
    """Compute the keys of sites (A, S, 2, C), as `tokens.describe_sites` describes them."""
    n_features = sites.shape[3]
    unknown = np.zeros((1, n_features), np.float32)
    described = np.concatenate([sites.reshape(-1, n_features), unknown])
    hidden = described @ net.key_first[:, :n_features].T + net.key_first_bias
    hidden /= 1 + np.exp(-hidden)
    keys = hidden @ net.key_second.T + net.key_second_bias
    n_latents = keys.shape[1]
    known = keys[:-1].reshape(*sites.shape[:3], n_latents)
    none = keys[-1] + np.float32(np.log(UNKNOWN))
    most = np.maximum(np.where(sites[..., -1:] > 0, known, -np.inf).max(axis=(1, 2)), none)
    filled = [(0, 0), (0, -n_latents % LANES)]
    return SiteKeys(
        np.pad(np.exp(known - most[:, None, None]), [(0, 0), (0, 0), *filled]),
        np.pad(np.exp(none - most), filled),
    )


@part  # type: ignore[untyped-decorator]
def match_latents(
    keys: SiteKeys, a: int, differs: NDArray[np.uint32], known: np.uint32, carried: np.uint32,
    out: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill out (K, F): XABA's weights of the typed variants at anchor a, which are known and carried by a
    target, times 1 where a haplotype matches and -1 where it differs (K,).
    """
    n_sites, _, n_latents = keys.known[a].shape
    weights = np.empty((n_sites, LANES), np.float32)
    half, scale = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for first in range(0, n_latents, LANES):
        n_known = 0
        half[:] = 0
        for s in range(n_sites):
            if known >> np.uint32(s) & np.uint32(1):
                row = keys.known[a, s, int(carried >> np.uint32(s) & np.uint32(1))]
                for f in range(LANES):
                    weights[s, f] = row[first + f]
                add(half, 0, weights, s * LANES)
                n_known += 1
        for f in range(LANES):
            total = half[f] + np.float32(n_sites - n_known) * keys.none[a, first + f]
            scale[f] = _TWO / max(total, _LEAST)
            half[f] *= _HALF
        for k in range(out.shape[0]):
            for f in range(LANES):
                out[k, first + f] = half[f]
            subtract_set(out, k * n_latents + first, weights, differs[k])
            multiply(out, k * n_latents + first, scale, 0)
