"""The network of `model.Spin` on a CPU: the same numbers without torch, group by group of anchors.

Axes: T targets, A anchors, K context haplotypes, S typed variants near an anchor, D measures, E width, F
latent attributes, I inducing points, M message, H heads. A block is (R, K, GROUP), see `kernels`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinimpute.elementary import kernel, log, part
from spinimpute.lanes import add, add_products, lower_to, raise_to
from spinimpute.spin.calibration import calibrate
from spinimpute.spin.config import LEAST_WEIGHT, SpinConfig
from spinimpute.spin.device import BATCH_TOKENS, CPU
from spinimpute.spin.inputs import QueryInput, SpinInput, WindowInput
from spinimpute.spin.kernels import (
    GROUP,
    add_bias,
    add_linear,
    layer_norm,
    linear,
    silu,
    softmax,
    turn_in,
    turn_out,
)
from spinimpute.spin.packing import (
    LayerWeights,
    NetworkWeights,
    Weights,
    pack_calibration,
    pack_layers,
    pack_network,
)
from spinimpute.spin.site_keys import SiteKeys, match_latents, tabulate_keys

_LEAST_WEIGHT = np.float32(LEAST_WEIGHT)


@part  # type: ignore[untyped-decorator]
def _flat(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a block (R, K, GROUP) as (R, K GROUP)."""
    return block.reshape(block.shape[0], block.shape[1] * block.shape[2])


@part  # type: ignore[untyped-decorator]
def _rows(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (A, K, M) as its numbers in a row."""
    return array.reshape(array.shape[0] * array.shape[1] * array.shape[2])


@part  # type: ignore[untyped-decorator]
def _gather_measures(
    net: NetworkWeights, measures: NDArray[np.float32], first: int, places: NDArray[np.int64],
    logs: NDArray[np.float32], best: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill logs (D, K, GROUP) and best (D, GROUP) of measures (A, K, D) at the anchors from first on. places
    (GROUP,) is room.
    """
    n_anchors, n_context, n_measures = measures.shape
    for g in range(GROUP):
        places[g] = min(first + g, n_anchors - 1) * n_context * n_measures
    for k in range(n_context):
        turn_in(_rows(measures), places, k * n_measures, logs[:n_measures], k)
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


@kernel  # type: ignore[untyped-decorator]
def _embed(
    net: NetworkWeights, keys: SiteKeys, task: NDArray[np.float32], measures: NDArray[np.float32],
    differs: NDArray[np.uint32], known: NDArray[np.uint32], carried: NDArray[np.uint32],
    latent: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill latent (G, E, K, GROUP) for all groups of anchors of one target."""
    n_anchors, n_context = differs.shape
    width, n_latents = latent.shape[1], net.matches.shape[1]
    logs = np.zeros((net.absolute.shape[1], n_context, GROUP), np.float32)
    best = np.zeros((net.absolute.shape[1], GROUP), np.float32)
    matching = np.empty((GROUP, n_context, keys.none.shape[1]), np.float32)
    latents = np.empty((n_latents, n_context, GROUP), np.float32)
    window = np.zeros((net.task.shape[1], GROUP), np.float32)
    shared = np.empty((width, GROUP), np.float32)
    mixed = np.empty((width, n_context, GROUP), np.float32)
    places = np.empty(GROUP, np.int64)
    for j in range(latent.shape[0]):
        first = j * GROUP
        _gather_measures(net, measures, first, places, logs, best)
        for g in range(GROUP):
            a = min(first + g, n_anchors - 1)
            match_latents(keys, a, differs[a], known[a], carried[a], matching[g])
            places[g] = g * matching.shape[1] * matching.shape[2]
            for c in range(task.shape[1]):
                window[c, g] = task[a, c]
        for k in range(n_context):
            turn_in(_rows(matching), places, k * matching.shape[2], latents, k)
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
def _tell(
    layer: LayerWeights, latent: NDArray[np.float32], n_anchors: int, said: NDArray[np.float32]
) -> None:
    """Fill said (A K + 2, M) with what haplotypes tell neighbours, and last with what those hear who have
    none before and after them.
    """
    n_context, n_message = latent.shape[2], said.shape[1]
    message = np.empty((layer.tell.shape[0], n_context, GROUP), np.float32)
    flat = said.reshape(said.size)
    for j in range(latent.shape[0]):
        linear(layer.tell, layer.tell_bias, _flat(latent[j]), _flat(message))
        turn_out(message[:n_message], j * GROUP, min((j + 1) * GROUP, n_anchors), flat)
    for side in range(2):
        for m in range(n_message):
            said[n_anchors * n_context + side, m] = layer.absent[side, m]


@part  # type: ignore[untyped-decorator]
def _hear(
    layer: LayerWeights, said: NDArray[np.float32], previous: NDArray[np.int16], following: NDArray[np.int16],
    first: int, before: NDArray[np.int64], after: NDArray[np.int64], received: NDArray[np.float32],
    latent: NDArray[np.float32],
) -> None:  # fmt: skip
    """The chain on a block latent (E, K, GROUP), where said is as `_tell` fills it; before and after (GROUP,)
    are room.
    """
    n_anchors, n_context = previous.shape
    n_message, nobody = said.shape[1], n_anchors * n_context
    flat = said.reshape(said.shape[0] * n_message)
    for k in range(n_context):
        for g in range(GROUP):
            a = min(first + g, n_anchors - 1)
            b, c = previous[a, k], following[a, k]
            before[g] = ((a - 1) * n_context + b if b >= 0 else nobody) * n_message
            after[g] = ((a + 1) * n_context + c if c >= 0 else nobody + 1) * n_message
        turn_in(flat, before, 0, received[:n_message], k)
        turn_in(flat, after, 0, received[n_message : 2 * n_message], k)
    add_bias(layer.hear_bias, _flat(latent))
    add_linear(layer.hear, _flat(received), _flat(latent))


@kernel  # type: ignore[untyped-decorator]
def _run_layer(
    layer: LayerWeights, width: int, previous: NDArray[np.int16], following: NDArray[np.int16],
    latent: NDArray[np.float32],
) -> None:  # fmt: skip
    """XABD, chain and ABLA on latent (G, E, K, GROUP) of one target."""
    n_anchors, n_context = previous.shape
    said = np.empty((n_anchors * n_context + 2, layer.absent.shape[1]), np.float32)
    before, after = np.empty(GROUP, np.int64), np.empty(GROUP, np.int64)
    received = np.zeros((layer.hear.shape[1], n_context, GROUP), np.float32)
    normed = np.zeros(latent.shape[1:], np.float32)
    hidden = np.empty((layer.widen.shape[0], n_context, GROUP), np.float32)
    _between_datapoints(layer, latent)
    _tell(layer, latent, n_anchors, said)
    for j in range(latent.shape[0]):
        _hear(layer, said, previous, following, j * GROUP, before, after, received, latent[j])
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
        turn_out(block[:n_heads], j * GROUP, j * GROUP + n, _rows(weights))


class CompiledSpin:
    """A network on the CPU, which computes on the calling thread."""

    def __init__(self, config: SpinConfig, weights: Weights) -> None:
        self.config = config
        self.device = CPU
        self.network = pack_network(config, weights)
        self.layers = pack_layers(config, weights)
        self._calibration = pack_calibration(weights)

    def together(self, tokens: int) -> int:
        """One at a time, as what comes of it is still in the caches for the next step."""
        return max(1, BATCH_TOKENS[CPU] // tokens)

    def at(self, window: WindowInput) -> CompiledWindow:
        """The network with what all targets of a window share."""
        return CompiledWindow(self, window.task, tabulate_keys(self.network, window.sites))

    def calibrate(self, asked: QueryInput) -> NDArray[np.float32]:
        """Return the probability (Q,) of carrying the allele, as `network.Network`."""
        probability = np.empty(len(asked.query), np.float32)
        calibrate(self._calibration, *asked, probability)
        return probability


@dataclass(frozen=True)
class CompiledWindow:
    """A network in a window, whose task (A, 2) and typed variants it knows."""

    spin: CompiledSpin
    task: NDArray[np.float32]
    keys: SiteKeys

    def weigh(self, given: SpinInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return copying weights (T, A, K, H) and their entropy (T, A, H), as `network.WindowNetwork`."""
        n_targets, n_anchors, n_context = given.previous.shape
        network, config = self.spin.network, self.spin.config
        weights = np.empty((n_targets, n_anchors, n_context, config.heads), np.float32)
        spread = np.empty((n_targets, n_anchors, config.heads), np.float32)
        width = network.latent.shape[0]
        latent = np.empty((-(-n_anchors // GROUP), width, n_context, GROUP), np.float32)
        for t in range(n_targets):
            tokens = given.measures[t], given.differs[t], given.known[t], given.carried[t]
            _embed(network, self.keys, self.task, *tokens, latent)
            for layer in self.spin.layers:
                _run_layer(layer, config.width, given.previous[t], given.following[t], latent)
            _weigh(network, latent, weights[t], spread[t])
        return weights, spread
