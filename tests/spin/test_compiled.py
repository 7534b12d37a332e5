"""The compiled network against torch's, which test_model.py compares with plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from spinimpute.spin.compiled import CompiledSpin
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.inputs import QueryInput, SpinInput
from spinimpute.spin.kernels import GROUP
from spinimpute.spin.model import Spin, entropy
from spinimpute.spin.shapes import array_shapes

# No size is a multiple of what the kernels fill up to, and one network is of the default shape.
ODD = SpinConfig(
    width=10, layers=2, latents=3, inducing=3, heads=5, message=6, hidden=7, runs=7, counts=2, posteriors=2
)
SHAPES = {"odd": ODD, "default": SpinConfig(), "one layer": SpinConfig(width=24, layers=1, context=24)}


def make_spin(config: SpinConfig, spread: float = 0.3) -> Spin:
    torch.manual_seed(3)
    spin = Spin(config).eval()
    with torch.no_grad():
        for parameter in spin.parameters():
            parameter.normal_(0, spread)
    return spin


def make_inputs(config: SpinConfig, n_anchors: int, n_context: int) -> tuple[NDArray[Any], ...]:
    rng = np.random.default_rng(4)
    shape = (2, n_anchors, n_context)
    n_measures = config.runs + config.counts + config.posteriors
    measures = rng.gamma(0.5, 3, (*shape, n_measures)).astype(np.float32)
    match = rng.integers(-1, 2, (*shape, 6)).astype(np.int8)
    sites = rng.normal(size=(2, n_anchors, 6, config.site_features)).astype(np.float32)
    sites[..., -1] = rng.random((2, n_anchors, 6)) < 0.8
    sites[0, 0, :, -1] = 0
    task = rng.normal(size=(n_anchors, config.task_features)).astype(np.float32)
    previous, following = rng.integers(-1, n_context, (2, *shape)).astype(np.int16)
    previous[:, 0], following[:, -1] = -1, -1
    return measures, match, sites, task, previous, following


@pytest.mark.parametrize("n_anchors", [1, GROUP, 2 * GROUP + 3])
@pytest.mark.parametrize(("shape", "n_context"), [("odd", 5), ("odd", 1), ("default", 64), ("one layer", 24)])
def test_weights_are_those_of_torch(shape: str, n_context: int, n_anchors: int) -> None:
    spin = make_spin(SHAPES[shape])
    measures, match, sites, task, *neighbours = make_inputs(spin.config, n_anchors, n_context)
    tasks = np.broadcast_to(task, (2, *task.shape)).copy()
    with torch.inference_mode():
        expected = spin(*map(torch.from_numpy, (measures, match, sites, tasks, *neighbours)))
    compiled = CompiledSpin(spin.config, spin.arrays())
    weights, spread = compiled.weigh(SpinInput(measures, match, sites, task, *neighbours))
    np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(spread, entropy(expected), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n", [0, 1, 256, 700])
def test_probabilities_are_those_of_torch(n: int) -> None:
    spin, rng = make_spin(ODD), np.random.default_rng(5)
    frequency = rng.random((n, ODD.heads)).astype(np.float32)
    frequency[::3], frequency[1::3] = 0, 1
    chain = rng.random((n, ODD.posteriors)).astype(np.float32)
    spread = rng.random((n, ODD.heads)).astype(np.float32)
    query = rng.normal(size=(n, ODD.query_features)).astype(np.float32)
    with torch.inference_mode():
        logit = spin.calibration(*map(torch.from_numpy, (frequency, chain, spread, query)))
    compiled = CompiledSpin(ODD, spin.arrays()).calibrate(QueryInput(frequency, chain, spread, query))
    np.testing.assert_allclose(compiled, torch.sigmoid(logit), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
def test_a_network_consists_of_these_arrays(config: SpinConfig) -> None:
    found = {name: tuple(tensor.shape) for name, tensor in Spin(config).state_dict().items()}
    assert found == array_shapes(config)
