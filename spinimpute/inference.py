"""From a window to dosages: context, tokens, network, copying, calibration, for one batch of targets after
another.

Neither threads nor a division of the target into parts change a dose.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.concordance import count_carriers, measure_concordance
from spinimpute.copying import copy_alleles
from spinimpute.imputed import DoseList, ImputedWindow, LeftOut, to_ticks
from spinimpute.li_stephens import Track, lay_track, run_chains
from spinimpute.retrieval import Anchors, Context, PanelOrders, order_panel, place_anchors, retrieve
from spinimpute.segments import Segments, cut_segments
from spinimpute.site_trust import SiteTrust, WindowTrust
from spinimpute.spin.inputs import QueryInput, SpinInput, WindowInput
from spinimpute.spin.network import Network, WindowNetwork
from spinimpute.tokens import Tokens, bound_rings, describe, describe_sites, task_features
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
class Setting:
    """What all targets of a window share."""

    window: Window
    anchors: Anchors
    orders: PanelOrders
    segments: Segments
    track: Track
    rings: NDArray[np.int64]
    network: WindowNetwork
    context: int
    trust: WindowTrust | None


class Part(NamedTuple):
    """Doses of some targets, as `DoseList.add` takes them, and their agreement (M, T) at typed variants."""

    counts: NDArray[np.int64]
    variant: NDArray[np.int32]
    ticks: NDArray[np.uint16]
    agreement: NDArray[np.uint16]


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
        setting = self.look_at(window)
        size = self.network.together(len(setting.anchors) * setting.context)
        batches = [slice(i, min(i + size, n_targets)) for i in range(0, n_targets, size)]
        agreement = np.empty((len(window.core_variant), n_targets), np.uint16)
        with ThreadPoolExecutor(self.threads) as pool:
            parts = pool.map(partial(self.impute_targets, setting), batches)
            for targets, part in zip(batches, parts, strict=True):
                doses.add(part.counts, part.variant, part.ticks)
                agreement[:, targets] = part.agreement
        absent = np.full(len(window.core.cm), to_ticks(ABSENT))
        left_out = LeftOut(window.core_variant, agreement)
        return ImputedWindow(window.sites, window.core, window.target, doses.doses(absent), left_out)

    def look_at(self, window: Window) -> Setting:
        """Prepare a window that has typed variants for any of its targets."""
        flanked, core = window.flanked, window.core
        anchors = choose_anchors(window, self.network.config.layers + CHAIN_ANCHORS)
        orders = order_panel(flanked, anchors)
        task = task_features(flanked, anchors)
        carriers = count_carriers(flanked, anchors, orders, window.marks, core.cm, self.threads)
        left_out = slice(window.core_typed, window.core_typed + len(window.core_variant))
        return Setting(
            window=window,
            anchors=anchors,
            orders=orders,
            segments=cut_segments(core.cm, core.log_odds, anchors.cm, task, measure_concordance(carriers)),
            track=lay_track(flanked, anchors, window.first_typed, left_out),
            rings=bound_rings(flanked, anchors),
            network=self.network.at(WindowInput(describe_sites(flanked, anchors), task)),
            context=context_size(self.network.config.context, anchors.cm, flanked.haplotypes),
            trust=self.trust.at(window.sites, core),
        )

    def impute_targets(self, setting: Setting, targets: slice) -> Part:
        """Impute some targets of a window."""
        window, anchors = setting.window.flanked, setting.anchors
        context = retrieve(window, anchors, setting.orders, targets, setting.context)
        chains = run_chains(window, setting.track, context, targets)
        tokens = describe(window, anchors, setting.rings, context, chains.posterior, targets)
        weights, spread = setting.network.weigh(network_input(tokens, context))
        queries = copy_alleles(setting.window.marks, setting.segments, weights, spread, chains)
        probability = self.network.calibrate(
            QueryInput(queries.frequency, queries.chain, queries.entropy, queries.query)
        )
        if setting.trust:
            probability = setting.trust.correct(queries.variant, probability)
        counts = np.bincount(queries.target, minlength=targets.stop - targets.start)
        return Part(counts, queries.variant.copy(), to_ticks(probability), to_ticks(chains.agreement.T))


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
