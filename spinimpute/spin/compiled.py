"""The network of `model.Spin` on a CPU: the same numbers without torch, group by group of anchors.

Axes: T targets, A anchors, K context haplotypes, S typed variants near an anchor, D measures, E width, F
latent attributes, I inducing points, M message, H heads. A block is (R, K, GROUP), see `kernels`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import kernel, log, part
from spinimpute.lanes import add, add_products, lower_to, raise_to
from spinimpute.spin.calibration import calibrate
from spinimpute.spin.config import LEAST_WEIGHT, UNKNOWN, SpinConfig
from spinimpute.spin.device import BATCH_TOKENS, CPU
from spinimpute.spin.inputs import QueryInput, SpinInput
from spinimpute.spin.kernels import (
    GROUP,
    add_bias,
    add_linear,
    layer_norm,
    linear,
    silu,
    softmax,
)
from spinimpute.spin.packing import (
    LayerWeights,
    NetworkWeights,
    Weights,
    pack_calibration,
    pack_layers,
    pack_network,
)

# Logarithm of what stands for knowing nothing of a typed variant (`blocks.XABA`).
_UNKNOWN = np.float32(np.log(UNKNOWN))
_LEAST_WEIGHT = np.float32(LEAST_WEIGHT)


@part  # type: ignore[untyped-decorator]
def _flat(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a block (R, K, GROUP) as (R, K GROUP)."""
    return block.reshape(block.shape[0], block.shape[1] * block.shape[2])


@part  # type: ignore[untyped-decorator]
def _gather_measures(
    net: NetworkWeights, measures: NDArray[np.float32], first: int, logs: NDArray[np.float32],
    best: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill logs (D, K, GROUP) and best (D, GROUP) of measures (A, K, D) at the anchors from first on."""
    n_anchors, n_context, n_measures = measures.shape
    for g in range(GROUP):
        for k in range(n_context):
            row = measures[min(first + g, n_anchors - 1), k]
            for d in range(n_measures):
                logs[d, k, g] = row[d]
    for d in range(n_measures):
        row, offset = logs[d].reshape(n_context * GROUP), net.offset[d]
        for i in range(row.shape[0]):
            row[i] = log(row[i] + offset)
        for g in range(GROUP):
            best[d, g] = logs[d, 0, g]
        for k in range(1, n_context):
            if net.sign[d] > 0:
                raise_to(best, d * GROUP, logs, (d * n_context + k) * GROUP)
            else:
                lower_to(best, d * GROUP, logs, (d * n_context + k) * GROUP)


@part  # type: ignore[untyped-decorator]
def _attend_to_sites(
    net: NetworkWeights, sites: NDArray[np.float32], first: int, about: NDArray[np.float32],
    hidden: NDArray[np.float32], weights: NDArray[np.float32],
) -> None:  # fmt: skip
    """XABA's weights (F, S, GROUP) of typed variants that sites (A, S, C) describe."""
    n_anchors, n_sites, n_features = sites.shape
    for g in range(GROUP):
        for s in range(n_sites):
            for c in range(n_features):
                about[c, s, g] = sites[min(first + g, n_anchors - 1), s, c]
    linear(net.key_first, net.key_first_bias, _flat(about), _flat(hidden))
    silu(_flat(hidden))
    linear(net.key_second, net.key_second_bias, _flat(hidden), _flat(weights))
    known, scores = about[n_features - 1].reshape(n_sites * GROUP), _flat(weights)
    for f in range(weights.shape[0]):
        row = scores[f]
        for i in range(known.shape[0]):
            row[i] += _UNKNOWN * (np.float32(1) - known[i])
    softmax(weights)
    for f in range(weights.shape[0]):
        row = scores[f]
        for i in range(known.shape[0]):
            row[i] *= known[i]


@part  # type: ignore[untyped-decorator]
def _match_latents(
    match: NDArray[np.int8], first: int, weights: NDArray[np.float32], bits: NDArray[np.float32],
    latents: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill latents (F, K, GROUP): XABA's weights (F, S, GROUP) times match (A, K, S)."""
    n_anchors, n_context, n_sites = match.shape
    for g in range(GROUP):
        for k in range(n_context):
            for s in range(n_sites):
                bits[s, k, g] = match[min(first + g, n_anchors - 1), k, s]
    for f in range(weights.shape[0]):
        for k in range(n_context):
            for g in range(GROUP):
                latents[f, k, g] = 0
            add_products(
                latents, (f * n_context + k) * GROUP,
                weights, f * n_sites * GROUP, GROUP,
                bits, k * GROUP, n_context * GROUP, n_sites,
            )  # fmt: skip


@kernel  # type: ignore[untyped-decorator]
def _embed(
    net: NetworkWeights, measures: NDArray[np.float32], match: NDArray[np.int8], sites: NDArray[np.float32],
    task: NDArray[np.float32], latent: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill latent (G, E, K, GROUP) for all groups of anchors of one target."""
    n_anchors, n_context, n_sites = match.shape
    width = latent.shape[1]
    logs = np.zeros((net.absolute.shape[1], n_context, GROUP), np.float32)
    best = np.zeros((net.absolute.shape[1], GROUP), np.float32)
    about = np.zeros((net.key_first.shape[1], n_sites, GROUP), np.float32)
    hidden = np.empty((net.key_first.shape[0], n_sites, GROUP), np.float32)
    weights = np.empty((net.key_second.shape[0], n_sites, GROUP), np.float32)
    bits = np.empty((n_sites, n_context, GROUP), np.float32)
    latents = np.empty((net.key_second.shape[0], n_context, GROUP), np.float32)
    window = np.zeros((net.task.shape[1], GROUP), np.float32)
    shared = np.empty((width, GROUP), np.float32)
    mixed = np.empty((width, n_context, GROUP), np.float32)
    for j in range(latent.shape[0]):
        first = j * GROUP
        _gather_measures(net, measures, first, logs, best)
        _attend_to_sites(net, sites, first, about, hidden, weights)
        _match_latents(match, first, weights, bits, latents)
        for g in range(GROUP):
            for c in range(task.shape[1]):
                window[c, g] = task[min(first + g, n_anchors - 1), c]
        linear(net.task, net.bias, window, shared)
        add_linear(net.relative, best, shared)
        for e in range(width):
            for k in range(n_context):
                for g in range(GROUP):
                    mixed[e, k, g] = shared[e, g]
        add_linear(net.absolute, _flat(logs), _flat(mixed))
        add_linear(net.matches, _flat(latents), _flat(mixed))
        silu(_flat(mixed))
        linear(net.latent, net.latent_bias, _flat(mixed), _flat(latent[j]))


@part  # type: ignore[untyped-decorator]
def _between_datapoints(layer: LayerWeights, latent: NDArray[np.float32]) -> None:
    """XABD on latent (G, E, K, GROUP)."""
    n_groups, width, n_context, _ = latent.shape
    scores = np.empty((layer.score.shape[0], n_context, GROUP), np.float32)
    points = np.zeros((layer.back.shape[1], n_groups, GROUP), np.float32)
    told = np.empty((width, n_groups, GROUP), np.float32)
    for j in range(n_groups):
        linear(layer.score, layer.score_bias, _flat(latent[j]), _flat(scores))
        softmax(scores)
        for i in range(layer.inducing):
            for e in range(width):
                add_products(
                    points, ((i * width + e) * n_groups + j) * GROUP,
                    scores, i * n_context * GROUP, GROUP,
                    latent[j], e * n_context * GROUP, GROUP, n_context,
                )  # fmt: skip
    linear(layer.back, layer.back_bias, _flat(points), _flat(told))
    for j in range(n_groups):
        for e in range(width):
            for k in range(n_context):
                add(latent[j], (e * n_context + k) * GROUP, told, (e * n_groups + j) * GROUP)


@part  # type: ignore[untyped-decorator]
def _hear(
    layer: LayerWeights, said: NDArray[np.float32], previous: NDArray[np.int16], following: NDArray[np.int16],
    first: int, received: NDArray[np.float32], latent: NDArray[np.float32],
) -> None:  # fmt: skip
    """The chain on a block latent (E, K, GROUP), where said (A, K, M) is what haplotypes tell neighbours."""
    n_anchors, n_context, n_message = said.shape
    for g in range(GROUP):
        a = min(first + g, n_anchors - 1)
        for k in range(n_context):
            before = said[a - 1, previous[a, k]] if previous[a, k] >= 0 else layer.absent[0]
            after = said[a + 1, following[a, k]] if following[a, k] >= 0 else layer.absent[1]
            for m in range(n_message):
                received[m, k, g] = before[m]
                received[n_message + m, k, g] = after[m]
    add_bias(layer.hear_bias, _flat(latent))
    add_linear(layer.hear, _flat(received), _flat(latent))


@kernel  # type: ignore[untyped-decorator]
def _run_layer(
    layer: LayerWeights, width: int, previous: NDArray[np.int16], following: NDArray[np.int16],
    latent: NDArray[np.float32],
) -> None:  # fmt: skip
    """XABD, chain and ABLA on latent (G, E, K, GROUP) of one target."""
    n_anchors, n_context = previous.shape
    n_message = layer.absent.shape[1]
    message = np.empty((layer.tell.shape[0], n_context, GROUP), np.float32)
    said = np.empty((n_anchors, n_context, n_message), np.float32)
    received = np.zeros((layer.hear.shape[1], n_context, GROUP), np.float32)
    normed = np.zeros(latent.shape[1:], np.float32)
    hidden = np.empty((layer.widen.shape[0], n_context, GROUP), np.float32)
    _between_datapoints(layer, latent)
    for j in range(latent.shape[0]):
        linear(layer.tell, layer.tell_bias, _flat(latent[j]), _flat(message))
        for a in range(j * GROUP, min((j + 1) * GROUP, n_anchors)):
            for k in range(n_context):
                for m in range(n_message):
                    said[a, k, m] = message[m, k, a - j * GROUP]
    for j in range(latent.shape[0]):
        _hear(layer, said, previous, following, j * GROUP, received, latent[j])
        layer_norm(_flat(latent[j]), width, layer.norm, layer.norm_bias, _flat(normed))
        linear(layer.widen, layer.widen_bias, _flat(normed), _flat(hidden))
        silu(_flat(hidden))
        add_bias(layer.narrow_bias, _flat(latent[j]))
        add_linear(layer.narrow, _flat(hidden), _flat(latent[j]))


@kernel  # type: ignore[untyped-decorator]
def _weigh(
    net: NetworkWeights,
    latent: NDArray[np.float32],
    weights: NDArray[np.float32],
    spread: NDArray[np.float32],
) -> None:
    """Fill copying weights (A, K, H) and their entropy (A, H) of one target."""
    n_anchors, n_context, n_heads = weights.shape
    normed = np.zeros(latent.shape[1:], np.float32)
    block = np.empty((net.copy.shape[0], n_context, GROUP), np.float32)
    total, logs = np.empty(GROUP, np.float32), np.empty(n_context * GROUP, np.float32)
    for j in range(latent.shape[0]):
        n = min(GROUP, n_anchors - j * GROUP)
        layer_norm(_flat(latent[j]), net.width, net.norm, net.norm_bias, _flat(normed))
        linear(net.copy, net.copy_bias, _flat(normed), _flat(block))
        softmax(block)
        for h in range(n_heads):
            for g in range(GROUP):
                total[g] = 0
            row = block[h].reshape(n_context * GROUP)
            for i in range(row.shape[0]):
                logs[i] = log(max(row[i], _LEAST_WEIGHT))
            add_products(total, 0, row, 0, GROUP, logs, 0, GROUP, n_context)
            for g in range(n):
                spread[j * GROUP + g, h] = -total[g]
        for g in range(n):
            for k in range(n_context):
                for h in range(n_heads):
                    weights[j * GROUP + g, k, h] = block[h, k, g]


class CompiledSpin:
    """A network on the CPU, which computes on the calling thread."""

    def __init__(self, config: SpinConfig, weights: Weights) -> None:
        self.config = config
        self.device = CPU
        self._network = pack_network(config, weights)
        self._layers = pack_layers(config, weights)
        self._calibration = pack_calibration(weights)

    def together(self, tokens: int) -> int:
        """Those of one person, or of one haplotype if these are many."""
        return max(1, min(2, BATCH_TOKENS[CPU] // tokens))

    def weigh(self, given: SpinInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return copying weights (T, A, K, H) and their entropy (T, A, H), as `network.Network`."""
        n_targets, n_anchors, n_context = given.previous.shape
        n_heads = self.config.heads
        weights = np.empty((n_targets, n_anchors, n_context, n_heads), np.float32)
        spread = np.empty((n_targets, n_anchors, n_heads), np.float32)
        width = self._network.latent.shape[0]
        latent = np.empty((-(-n_anchors // GROUP), width, n_context, GROUP), np.float32)
        for t in range(n_targets):
            _embed(self._network, given.measures[t], given.match[t], given.sites[t], given.task, latent)
            for layer in self._layers:
                _run_layer(layer, self.config.width, given.previous[t], given.following[t], latent)
            _weigh(self._network, latent, weights[t], spread[t])
        return weights, spread

    def calibrate(self, asked: QueryInput) -> NDArray[np.float32]:
        """Return the probability (Q,) of carrying the allele, as `network.Network`."""
        probability = np.empty(len(asked.query), np.float32)
        calibrate(self._calibration, *asked, probability)
        return probability
