"""From a window to dosages: context, tokens, network, copying, calibration, for one batch of targets after
another.

Neither threads nor a division of the target into parts change a dose.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spinimpute.concordance import count_carriers, measure_concordance
from spinimpute.copying import Queries, copy_alleles
from spinimpute.imputed import DoseList, ImputedWindow, LeftOut, to_ticks
from spinimpute.li_stephens import run_chains
from spinimpute.retrieval import Anchors, Context, PanelOrders, order_panel, place_anchors, retrieve
from spinimpute.segments import Segments, cut_segments
from spinimpute.site_trust import SiteTrust
from spinimpute.spin.inputs import QueryInput, SpinInput, WindowInput
from spinimpute.spin.network import Network, WindowNetwork
from spinimpute.tokens import Tokens, describe, describe_sites, task_features
from spinimpute.windows import Window

# Typed gaps from one anchor to the next; blending between anchors makes more needless (design section 2).
STRIDE = 4
# Anchors further apart than this get one between them: on sparse arrays the best haplotypes change from one
# to the next (benchmarks/ablation).
FAR_CM = 0.04
# Where anchors are further apart than this on average, contexts have this many haplotypes or more: sparse
# arrays gain by them, dense ones do not (benchmarks/ablation).
SPARSE_CM, SPARSE_CONTEXT = 0.015, 48
# Anchors beyond the core whose contexts join the Li-Stephens chain; its memory fades over a few.
CHAIN_ANCHORS = 8
# Probability of an allele that neither context nor chains carry.
ABSENT = 1e-4


@dataclass(frozen=True)
class Engine:
    """A network, how many threads feed it, and what is known of single sites."""

    network: Network
    threads: int
    trust: SiteTrust = field(default_factory=SiteTrust)

    def impute(self, window: Window) -> ImputedWindow:
        """Impute every haplotype of the target at the core variants of a window."""
        n_targets = window.flanked.target.shape[1]
        doses = DoseList()
        if len(window.flanked.cm) == 0:
            everybody = to_ticks(1 / (1 + np.exp(-window.core.log_odds)))
            doses.add(np.zeros(n_targets, np.int64), np.empty(0, np.int32), np.empty(0, np.uint16))
            return ImputedWindow(window.sites, window.core, window.target, doses.doses(everybody))
        anchors = choose_anchors(window, self.network.config.layers + CHAIN_ANCHORS)
        orders = order_panel(window.flanked, anchors)
        task = task_features(window.flanked, anchors)
        carriers = count_carriers(window.flanked, anchors, orders, window.marks, window.core.cm, self.threads)
        segments = cut_segments(
            window.core.cm, window.core.log_odds, anchors.cm, task, measure_concordance(carriers)
        )
        n_context = context_size(self.network.config.context, anchors.cm, window.flanked.haplotypes)
        network = self.network.at(WindowInput(describe_sites(window.flanked, anchors), task))
        size = self.network.together(len(anchors) * n_context)
        batches = [slice(i, min(i + size, n_targets)) for i in range(0, n_targets, size)]

        trust = self.trust.at(window.sites, window.core)
        agreement = np.empty((len(window.core_variant), n_targets), np.uint16)

        def work(targets: slice) -> tuple[Queries, NDArray[np.float32], NDArray[np.float32]]:
            given = window, anchors, orders, segments, network, n_context, targets
            queries, probability, agree = self._batch(*given)
            return queries, trust.correct(queries.variant, probability) if trust else probability, agree

        with ThreadPoolExecutor(self.threads) as pool:
            for targets, (queries, probability, agree) in zip(batches, pool.map(work, batches), strict=True):
                agreement[:, targets] = to_ticks(agree.T)
                counts = np.bincount(queries.target, minlength=targets.stop - targets.start)
                doses.add(counts, queries.variant, to_ticks(probability))
        absent = np.full(len(window.core.cm), to_ticks(ABSENT))
        left_out = LeftOut(window.core_variant, agreement)
        return ImputedWindow(window.sites, window.core, window.target, doses.doses(absent), left_out)

    def _batch(
        self,
        window: Window,
        anchors: Anchors,
        orders: PanelOrders,
        segments: Segments,
        network: WindowNetwork,
        n_context: int,
        targets: slice,
    ) -> tuple[Queries, NDArray[np.float32], NDArray[np.float32]]:
        context = retrieve(window.flanked, anchors, orders, targets, n_context)
        left_out = slice(window.core_typed, window.core_typed + len(window.core_variant))
        chains = run_chains(window.flanked, anchors, context, targets, window.first_typed, left_out)
        tokens = describe(window.flanked, anchors, context, chains.posterior, targets)
        weights, spread = network.weigh(network_input(tokens, context))
        queries = copy_alleles(window.marks, segments, weights, spread, chains)
        probability = self.network.calibrate(
            QueryInput(queries.frequency, queries.chain, queries.entropy, queries.query)
        )
        return queries, probability, chains.agreement


def network_input(tokens: Tokens, context: Context) -> SpinInput:
    """What the network is given of some targets, whose tokens and context these are."""
    return SpinInput(
        tokens.measures, tokens.differs, tokens.known, tokens.carried, context.previous, context.following
    )


def anchor_gaps(cm: NDArray[np.float64], passed: int) -> NDArray[np.int64]:
    """Return the gaps between typed variants at cm (M,), of a chromosome with so many before them, to look
    at: both ends, every STRIDE-th, and half-way where these are far apart.
    """
    aligned = np.arange(-passed % STRIDE, len(cm) + 1, STRIDE)
    far = np.diff(place_anchors(cm, aligned).cm) > FAR_CM
    half_way = aligned[:-1][far] + STRIDE // 2
    return np.unique(np.concatenate([[0], aligned, half_way, [len(cm)]])).astype(np.int64)


def context_size(context: int, anchor_cm: NDArray[np.float64], haplotypes: int) -> int:
    """Return K for a network of so large contexts, by how far anchors (A,) are apart, at most all haplotypes
    of the panel.
    """
    sparse = anchor_cm[-1] - anchor_cm[0] > SPARSE_CM * (len(anchor_cm) - 1)
    return min(max(context, SPARSE_CONTEXT) if sparse else context, haplotypes)


def choose_anchors(window: Window, halo: int) -> Anchors:
    """Place the anchors that the core needs, and halo more on either side."""
    cm = window.flanked.cm
    anchors = place_anchors(cm, anchor_gaps(cm, window.first_typed))
    first = np.searchsorted(anchors.cm, window.core.cm[0], side="right") - 1
    last = np.searchsorted(anchors.cm, window.core.cm[-1], side="left")
    kept = slice(max(int(first) - halo, 0), int(last) + halo + 1)
    return Anchors(anchors.gap[kept], anchors.cm[kept], anchors.low[kept], anchors.high[kept])
