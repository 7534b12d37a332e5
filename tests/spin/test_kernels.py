"""The kernels against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

from spinimpute.spin import kernels


def test_linear_and_activations() -> None:
    rng = np.random.default_rng(1)
    weight, x = rng.normal(size=(8, 12)).astype(np.float32), rng.normal(size=(12, 37)).astype(np.float32)
    bias, out = rng.normal(size=8).astype(np.float32), np.empty((8, 37), np.float32)
    kernels.linear(weight, bias, x, out)
    expected = weight @ x + bias[:, None]
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    kernels.silu(out)
    np.testing.assert_allclose(out, expected / (1 + np.exp(-expected)), rtol=1e-4, atol=1e-5)


def test_layer_norm_of_some_rows() -> None:
    rng = np.random.default_rng(2)
    x, out = rng.normal(2, 3, (8, 20)).astype(np.float32), np.zeros((8, 20), np.float32)
    weight, bias = rng.normal(size=(2, 8)).astype(np.float32)
    kernels.layer_norm(x, 6, weight, bias, out)
    rows = x[:6]
    normed = (rows - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + 1e-5)
    np.testing.assert_allclose(out[:6], normed * weight[:6, None] + bias[:6, None], rtol=1e-4, atol=1e-5)
    assert not out[6:].any()


@pytest.mark.parametrize("n", [1, 5])
def test_softmax_over_haplotypes(n: int) -> None:
    scores = np.random.default_rng(3).normal(0, 40, (3, n, kernels.GROUP)).astype(np.float32)
    powers = np.exp(scores.astype(float) - scores.max(axis=1, keepdims=True))
    kernels.softmax(scores)
    np.testing.assert_allclose(scores, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("n", [3, kernels.GROUP, kernels.GROUP + 9])
@pytest.mark.parametrize("anchors", [5, kernels.GROUP])
def test_blocks_turned_in_and_out(n: int, anchors: int) -> None:
    @njit  # type: ignore[untyped-decorator]
    def run(rows: Any, places: Any, block: Any, out: Any, first: int, end: int) -> None:
        for k in range(block.shape[1]):
            kernels.turn_in(rows, places, k * block.shape[0], block, k)
        kernels.turn_out(block, first, end, out)

    rng, n_context = np.random.default_rng(6), 4
    given = rng.random((anchors, n_context, n), np.float32)
    places = np.minimum(np.arange(kernels.GROUP), anchors - 1) * n_context * n
    block = np.zeros((n, n_context, kernels.GROUP), np.float32)
    out = np.zeros((anchors + 3, n_context, n), np.float32)
    run(given.ravel(), places, block, out.reshape(-1), 2, 2 + anchors)
    np.testing.assert_array_equal(block[:, :, :anchors], given.transpose(2, 1, 0))
    np.testing.assert_array_equal(out[2 : 2 + anchors], given)
    assert not out[:2].any()
    assert not out[2 + anchors :].any()
