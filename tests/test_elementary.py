"""exp and log against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from spinimpute import elementary


def test_exp_and_log() -> None:
    x = np.linspace(-87, 88, 20_001, dtype=np.float32)
    np.testing.assert_allclose([elementary.exp(v) for v in x], np.exp(x.astype(float)), rtol=3e-7)
    y = np.exp(np.linspace(-80, 80, 20_001)).astype(np.float32)
    np.testing.assert_allclose([elementary.log(v) for v in y], np.log(y.astype(float)), rtol=3e-7, atol=2e-7)


def test_exp_stays_finite() -> None:
    assert elementary.exp(np.float32(1000)) == pytest.approx(np.exp(88.0), rel=1e-6)
    assert 0 < elementary.exp(np.float32(-1000)) < 1e-37
