"""A network's weights as the compiled kernels take them: one array for each map, filled up with zeros."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinimpute.spin.config import SpinConfig, log_offsets, log_signs
from spinimpute.spin.kernels import TILE

Weights = Mapping[str, NDArray[np.float32]]


class LayerWeights(NamedTuple):
    """A layer: XABD, chain and ABLA of `model.Layer`."""

    score: NDArray[np.float32]
    score_bias: NDArray[np.float32]
    inducing: int
    back: NDArray[np.float32]
    back_bias: NDArray[np.float32]
    tell: NDArray[np.float32]
    tell_bias: NDArray[np.float32]
    absent: NDArray[np.float32]
    hear: NDArray[np.float32]
    hear_bias: NDArray[np.float32]
    norm: NDArray[np.float32]
    norm_bias: NDArray[np.float32]
    widen: NDArray[np.float32]
    widen_bias: NDArray[np.float32]
    narrow: NDArray[np.float32]
    narrow_bias: NDArray[np.float32]


class NetworkWeights(NamedTuple):
    """What lies before and after the layers. absolute and relative are what a logarithm and the context's
    best are multiplied by (`model.Attributes`).
    """

    width: int
    offset: NDArray[np.float32]
    sign: NDArray[np.float32]
    absolute: NDArray[np.float32]
    relative: NDArray[np.float32]
    matches: NDArray[np.float32]
    task: NDArray[np.float32]
    bias: NDArray[np.float32]
    key_first: NDArray[np.float32]
    key_first_bias: NDArray[np.float32]
    key_second: NDArray[np.float32]
    key_second_bias: NDArray[np.float32]
    latent: NDArray[np.float32]
    latent_bias: NDArray[np.float32]
    norm: NDArray[np.float32]
    norm_bias: NDArray[np.float32]
    copy: NDArray[np.float32]
    copy_bias: NDArray[np.float32]


class CalibrationWeights(NamedTuple):
    """`model.Calibration`; mixture (H + P,) sums to one."""

    mixture: NDArray[np.float32]
    first: NDArray[np.float32]
    first_bias: NDArray[np.float32]
    second: NDArray[np.float32]
    second_bias: NDArray[np.float32]
    last: NDArray[np.float32]
    last_bias: NDArray[np.float32]


def pack_network(config: SpinConfig, weights: Weights) -> NetworkWeights:
    """Pack the maps outside the layers."""
    embed = weights["embed.weight"]
    n_measures = config.runs + config.counts + config.posteriors
    absolute, relative, matches = np.split(embed, [n_measures, 2 * n_measures], axis=1)
    return NetworkWeights(
        config.width, log_offsets(config), log_signs(config),
        _filled(absolute + relative), _filled(-relative), _filled(matches),
        _filled(weights["task.weight"]), _filled(weights["embed.bias"]),
        *_map(weights, "xaba.key.0"), *_map(weights, "xaba.key.2"), *_map(weights, "latent"),
        *_map(weights, "norm"), *_map(weights, "copy"),
    )  # fmt: skip


def pack_layers(config: SpinConfig, weights: Weights) -> tuple[LayerWeights, ...]:
    """Pack the layers, from first to last."""
    return tuple(_pack_layer(config, weights, f"layers.{i}") for i in range(config.layers))


def _pack_layer(config: SpinConfig, weights: Weights, name: str) -> LayerWeights:
    # A point's numbers are filled up, too, as they are those of a block.
    back = weights[f"{name}.xabd.back.weight"].reshape(config.width, config.inducing, config.width)
    points = np.zeros((config.width, config.inducing, _up(config.width)), np.float32)
    points[..., : config.width] = back
    return LayerWeights(
        *_map(weights, f"{name}.xabd.score"), config.inducing,
        _filled(points.reshape(config.width, -1)), _filled(weights[f"{name}.xabd.back.bias"]),
        *_map(weights, f"{name}.chain.tell"), weights[f"{name}.chain.absent"],
        *_map(weights, f"{name}.chain.hear"), *_map(weights, f"{name}.abla.norm"),
        *_map(weights, f"{name}.abla.widen"), *_map(weights, f"{name}.abla.narrow"),
    )  # fmt: skip


def pack_calibration(weights: Weights) -> CalibrationWeights:
    """Pack the calibration."""
    mixture = np.exp(weights["calibration.mixture"] - weights["calibration.mixture"].max())
    last, bias = weights["calibration.last.weight"][0], weights["calibration.last.bias"]
    return CalibrationWeights(
        mixture / mixture.sum(), *_map(weights, "calibration.first"), *_map(weights, "calibration.second"),
        _filled(last), bias,
    )  # fmt: skip


def _map(weights: Weights, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return _filled(weights[f"{name}.weight"]), _filled(weights[f"{name}.bias"])


def _up(n: int) -> int:
    return -(-n // TILE) * TILE


def _filled(array: NDArray[Any]) -> NDArray[np.float32]:
    """The array with zeros up to a multiple of TILE along each axis."""
    filled = np.zeros([_up(n) for n in array.shape], np.float32)
    filled[tuple(map(slice, array.shape))] = array
    return filled
