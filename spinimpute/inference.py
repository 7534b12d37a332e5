"""From a window to dosages: context, tokens, network, copying, calibration, for one batch of targets after
another.

Batches are the same whatever the number of threads, so the output is too.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spinimpute.copying import Queries, Segments, copy_alleles, cut_segments
from spinimpute.io.rows import ImputedBlock
from spinimpute.li_stephens import Chains, run_chains
from spinimpute.panel import TypedRecords, Variants
from spinimpute.retrieval import Anchors, Context, PanelOrders, order_panel, place_anchors, retrieve
from spinimpute.sites import Sites
from spinimpute.spin.model import Spin, entropy
from spinimpute.tokens import describe, task_features
from spinimpute.windows import Window

# Typed gaps from one anchor to the next; blending between anchors makes more needless (design section 2).
STRIDE = 4
# Anchors beyond the core whose contexts join the Li-Stephens chain; its memory fades over a few.
CHAIN_ANCHORS = 8
# Context haplotypes at all anchors of a batch: bounds memory and keeps a batch in cache.
BATCH_TOKENS = {"cpu": 1 << 14, "cuda": 1 << 20}
# Probability of an allele that neither context nor chains carry.
ABSENT = 1e-4
# Doses wait for their targets' fellows as multiples of one part in so many, in half the memory of float32.
DOSE_TICKS = 65_535
# Records made ready for writing at a time: their doses, text and sums take ten times as much.
PIECE = 1024


@dataclass(frozen=True)
class ImputedWindow:
    """What a window came to: rarer (T, V) uint16 is the dose of the allele that is rarer in the panel, in
    DOSE_TICKS.

    Of the window it keeps what is written.
    """

    sites: Sites
    core: Variants
    target: TypedRecords
    rarer: NDArray[np.uint16]

    def blocks(self, size: int = PIECE) -> Iterator[ImputedBlock]:
        """Yield the core's records with the doses of their ALT alleles, some at a time.

        Observed alleles come back as exactly 0 or 1.
        """
        for low in range(0, len(self.sites), size):
            rows = slice(low, low + size)
            first, last = np.searchsorted(self.core.record, [low, low + size])
            record = self.core.record[first:last] - low
            target = self.target.take(rows)
            observed = target.dense()
            dosages = self._alt_doses(slice(first, last), observed[record])
            yield ImputedBlock(self.sites.take(rows), record, dosages, observed, target.typed)

    def _alt_doses(self, variants: slice, observed: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return (V, T) of some variants, at which alleles are observed (V, T) or -1."""
        alt = self.rarer[:, variants].T.astype(np.float32, order="C")
        alt /= DOSE_TICKS
        flipped = self.core.flip[variants]
        alt[flipped] = 1 - alt[flipped]
        np.copyto(alt, observed == self.core.allele[variants, None], where=observed >= 0)
        return alt


@dataclass(frozen=True)
class Engine:
    """A network on its device, and how many threads feed it."""

    network: Spin
    device: torch.device
    threads: int

    def impute(self, window: Window) -> ImputedWindow:
        """Impute every haplotype of the target at the core variants of a window."""
        n_targets = window.flanked.target.shape[1]
        dose = np.full((n_targets, len(window.core.record)), _ticks(ABSENT), np.uint16)
        if len(window.flanked.cm) == 0:
            dose[:] = _ticks(1 / (1 + np.exp(-window.core.log_odds)))
            return ImputedWindow(window.sites, window.core, window.target, dose)
        anchors = choose_anchors(window, len(self.network.layers) + CHAIN_ANCHORS)
        orders = order_panel(window.flanked, anchors)
        task = task_features(window.flanked, anchors)
        segments = cut_segments(window.core.cm, window.core.log_odds, anchors.cm, task)
        n_context = min(self.network.config.context, window.flanked.panel.shape[1])
        size = max(1, BATCH_TOKENS[self.device.type] // (len(anchors) * n_context))
        batches = [slice(i, min(i + size, n_targets)) for i in range(0, n_targets, size)]

        def work(targets: slice) -> None:
            queries, probability = self._batch(window, anchors, orders, segments, targets)
            dose[targets][queries.target, queries.variant] = _ticks(probability)

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(work, batches))
        return ImputedWindow(window.sites, window.core, window.target, dose)

    @torch.inference_mode()
    def _batch(
        self, window: Window, anchors: Anchors, orders: PanelOrders, segments: Segments, targets: slice
    ) -> tuple[Queries, NDArray[np.float32]]:
        context = retrieve(window.flanked, anchors, orders, targets, self.network.config.context)
        chains = run_chains(window.flanked, anchors, context, targets, window.marks, segments)
        weights = self._weigh(window, anchors, context, chains, targets)
        spread = entropy(weights)
        queries = copy_alleles(
            window.marks,
            segments,
            context.haplotype,
            weights.contiguous().cpu().numpy(),
            spread.cpu().numpy(),
            chains.dose,
        )
        parts = (queries.frequency, queries.chain, queries.entropy, queries.query)
        features = (self._tensor(part) for part in parts)
        probability = torch.sigmoid(self.network.calibration(*features))
        return queries, probability.cpu().numpy()

    def _weigh(
        self, window: Window, anchors: Anchors, context: Context, chains: Chains, targets: slice
    ) -> torch.Tensor:
        tokens = describe(window.flanked, anchors, context, chains.posterior, targets)
        task = np.broadcast_to(tokens.task, (len(context.haplotype), *tokens.task.shape)).copy()
        arrays = (tokens.measures, tokens.match, tokens.sites, task, context.previous, context.following)
        weights: torch.Tensor = self.network(*(self._tensor(array) for array in arrays))
        return weights

    def _tensor(self, array: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)


def choose_anchors(window: Window, halo: int) -> Anchors:
    """Place anchors at every STRIDE-th typed gap of the chromosome that the core needs, and halo more on
    either side.
    """
    n_typed = len(window.flanked.cm)
    aligned = np.arange(-window.first_typed % STRIDE, n_typed + 1, STRIDE)
    gaps = np.unique(np.concatenate([[0], aligned, [n_typed]])).astype(np.int64)
    anchors = place_anchors(window.flanked.cm, gaps)
    first = np.searchsorted(anchors.cm, window.core.cm[0], side="right") - 1
    last = np.searchsorted(anchors.cm, window.core.cm[-1], side="left")
    kept = slice(max(int(first) - halo, 0), int(last) + halo + 1)
    return Anchors(anchors.gap[kept], anchors.cm[kept], anchors.low[kept], anchors.high[kept])


def _ticks(dose: NDArray[np.floating[Any]] | float) -> NDArray[np.uint16]:
    return np.rint(np.multiply(dose, DOSE_TICKS)).astype(np.uint16)
