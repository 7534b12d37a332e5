"""Batches for training: stretches of consecutive anchors and untyped variants to predict between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spinimpute.spin.near_sites import to_signed, unpack
from spinimpute.training.pseudo_targets import Draw


@dataclass(frozen=True)
class Batch:
    """Network input and answers for B stretches of A anchors, J = A - 1 segments between them, Q queries in
    each.

    measures, match, sites, task, previous, following as `Spin.forward`; left, right (B, J, Q, K) uint8, which
    context haplotypes of the anchors at either end carry the allele; share (B, J, Q) weight of the right
    anchor; chain (B, J, Q, P) and query (B, J, Q, D) as `Calibration.forward`; truth (B, J, Q); asked (B, J,
    Q) 1 for a real query, 0 for padding.
    """

    measures: Tensor
    match: Tensor
    sites: Tensor
    task: Tensor
    previous: Tensor
    following: Tensor
    left: Tensor
    right: Tensor
    share: Tensor
    chain: Tensor
    query: Tensor
    truth: Tensor
    asked: Tensor

    def to(self, device: torch.device) -> Batch:
        """Copy to a device."""
        return Batch(**{name: tensor.to(device) for name, tensor in vars(self).items()})


@dataclass
class _Queries:
    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    share: NDArray[np.float32]
    chain: NDArray[np.float32]
    query: NDArray[np.float32]
    truth: NDArray[np.float32]
    asked: NDArray[np.float32]


def _ask(draw: Draw, t: int, a: int, rng: np.random.Generator, out: _Queries, at: tuple[int, int]) -> None:
    """Fill one segment's queries: the stretch between anchors a and a + 1 of target t."""
    left, right = draw.context.haplotype[t, a], draw.context.haplotype[t, a + 1]
    low, high = np.searchsorted(draw.queries.target, [t, t + 1])
    variant = draw.queries.variant[low:high]
    asked = low + np.arange(*np.searchsorted(variant, draw.segments.start[a + 1 : a + 3]))
    untyped = asked[~draw.typed[draw.queries.variant[asked]]]
    rows = rng.permutation(untyped)[: out.truth.shape[2]]
    n, chosen = len(rows), draw.queries.variant[rows]
    out.left[at][:n] = draw.panel[chosen[:, None], left]
    out.right[at][:n] = draw.panel[chosen[:, None], right]
    out.share[at][:n] = draw.segments.share[chosen]
    out.chain[at][:n] = draw.queries.chain[rows]
    out.query[at][:n] = draw.segments.query[chosen]
    out.truth[at][:n] = draw.truth[chosen, t]
    out.asked[at][:n] = 1


def sample_batch(draw: Draw, rng: np.random.Generator, stretches: int, length: int, queries: int) -> Batch:
    """Sample stretches of `length` anchors from a task, with up to `queries` variants per segment."""
    shape = (stretches, length - 1, queries)
    out = _Queries(
        left=np.zeros((*shape, draw.context_size), np.uint8),
        right=np.zeros((*shape, draw.context_size), np.uint8),
        share=np.zeros(shape, np.float32),
        chain=np.zeros((*shape, draw.queries.chain.shape[1]), np.float32),
        query=np.zeros((*shape, draw.segments.query.shape[1]), np.float32),
        truth=np.zeros(shape, np.float32),
        asked=np.zeros(shape, np.float32),
    )
    parts: list[tuple[NDArray[np.generic], ...]] = []
    tokens, context = draw.tokens, draw.context
    words = [to_signed(array) for array in (tokens.differs, tokens.known, tokens.carried)]
    for b in range(stretches):
        t = int(rng.integers(draw.truth.shape[1]))
        start = int(rng.integers(len(draw.anchors) - length + 1))
        along = slice(start, start + length)
        shared = draw.shared.sites[along], draw.shared.task[along]
        own: list[NDArray[Any]] = [tokens.measures, *words, context.previous, context.following]
        parts.append((*shared, *(array[t, along] for array in own)))
        for j in range(length - 1):
            _ask(draw, t, start + j, rng, out, (b, j))
    columns = [torch.from_numpy(np.stack(column)) for column in zip(*parts, strict=True)]
    sites, task, measures, differs, known, carried, previous, following = columns
    previous[:, 0], following[:, -1] = -1, -1
    match, chosen = unpack(sites, differs, known, carried)
    inputs = measures, match, chosen, task, previous, following
    answers = {name: torch.from_numpy(array) for name, array in vars(out).items()}
    return Batch(*inputs, **answers)
