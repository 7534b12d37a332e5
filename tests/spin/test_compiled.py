"""The compiled network against torch's, which test_model.py compares with plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from spinimpute.spin.accelerated import AcceleratedSpin
from spinimpute.spin.checkpoint import LoadedModel
from spinimpute.spin.compiled import CompiledSpin
from spinimpute.spin.config import SpinConfig
from spinimpute.spin.inputs import QueryInput, SpinInput, WindowInput
from spinimpute.spin.kernels import GROUP
from spinimpute.spin.model import Spin, entropy
from spinimpute.spin.shapes import array_shapes
from spinimpute.tokens import N_SITES

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


def make_inputs(config: SpinConfig, n_anchors: int, n_context: int) -> tuple[WindowInput, SpinInput]:
    rng = np.random.default_rng(4)
    shape = (2, n_anchors, n_context)
    n_measures = config.runs + config.counts + config.posteriors
    measures = rng.gamma(0.5, 3, (*shape, n_measures)).astype(np.float32)
    sites = rng.normal(size=(n_anchors, N_SITES, 2, config.site_features)).astype(np.float32)
    sites[..., -1] = 1
    within = rng.random((n_anchors, N_SITES)) < 0.9
    sites[~within] = 0
    known = within & (rng.random((2, n_anchors, N_SITES)) < 0.8)
    known[0, 0] = False
    carried = known & (rng.random(known.shape) < 0.4)
    differs = known[:, :, None] & (rng.random((*shape, N_SITES)) < 0.3)
    task = rng.normal(size=(n_anchors, config.task_features)).astype(np.float32)
    previous, following = rng.integers(-1, n_context, (2, *shape)).astype(np.int16)
    previous[:, 0], following[:, -1] = -1, -1
    bits = (to_words(each) for each in (differs, known, carried))
    return WindowInput(sites, task), SpinInput(measures, *bits, previous, following)


def to_words(bits: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Pack the last axis, the first in the lowest bit."""
    return (bits.astype(np.uint32) << np.arange(N_SITES, dtype=np.uint32)).sum(axis=-1, dtype=np.uint32)


@pytest.mark.parametrize("n_anchors", [1, GROUP, 2 * GROUP + 3])
@pytest.mark.parametrize(("shape", "n_context"), [("odd", 5), ("odd", 1), ("default", 64), ("one layer", 24)])
def test_weights_are_those_of_torch(shape: str, n_context: int, n_anchors: int) -> None:
    spin = make_spin(SHAPES[shape])
    window, given = make_inputs(spin.config, n_anchors, n_context)
    differs, known, carried = (
        (words[..., None] >> np.arange(N_SITES, dtype=np.uint32)) & 1
        for words in (given.differs, given.known, given.carried)
    )
    sites = np.where(carried[..., None] == 1, window.sites[:, :, 1], window.sites[:, :, 0])
    sites = np.where(known[..., None] == 1, sites, np.float32(0))
    match = (np.where(differs == 1, -1, 1) * known[:, :, None]).astype(np.int8)
    tasks = np.broadcast_to(window.task, (2, *window.task.shape)).copy()
    arrays = given.measures, match, sites, tasks, given.previous, given.following
    with torch.inference_mode():
        expected = spin(*map(torch.from_numpy, arrays))
    for network in (
        CompiledSpin(spin.config, spin.arrays()),
        AcceleratedSpin(LoadedModel("", spin.config, spin.arrays(), ""), "cpu"),
    ):
        weights, spread = network.at(window).weigh(given)
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
