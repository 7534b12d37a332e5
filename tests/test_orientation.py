from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spinimpute.alleles import Fate
from spinimpute.orientation import FrequencyJudge


def carriers(share: float, n: int) -> NDArray[np.int8]:
    return (np.arange(n) < round(share * n)).astype(np.int8)[None]


@pytest.mark.parametrize(
    ("panel", "target", "n", "expected"),
    [
        (0.1, 0.15, 200, Fate.STRAND_FLIPPED),
        (0.9, 0.8, 200, Fate.STRAND_FLIPPED),
        (0.1, 0.85, 200, Fate.SWAPPED),
        (0.8, 0.1, 200, Fate.SWAPPED),
        (0.45, 0.1, 200, None),  # within .1 of a half
        (0.1, 0.45, 20_000, None),
        (0.1, 0.3, 100, Fate.STRAND_FLIPPED),  # 4 standard deviations of .05 are .2
        (0.1, 0.3, 80, None),
        (0.1, 0.0, 16, Fate.STRAND_FLIPPED),
        (0.1, 0.0, 14, None),  # too few to be sure
    ],
)
def test_frequencies_tell_or_do_not(panel: float, target: float, n: int, expected: Fate | None) -> None:
    assert FrequencyJudge(lambda row: panel, 1000, carriers(target, n))(0, 0) is expected


def test_missing_alleles_do_not_count() -> None:
    missing = np.full((1, 10), -1, np.int8)
    judge = FrequencyJudge(lambda row: 0.1, 1000, np.concatenate([missing, carriers(0.9, 100)], axis=1))
    assert judge(0, 0) is Fate.SWAPPED
    assert FrequencyJudge(lambda row: 0.1, 1000, missing)(0, 0) is None


def test_a_small_panel_tells_nothing() -> None:
    assert FrequencyJudge(lambda row: 0.1, 20, carriers(0.1, 1000))(0, 0) is None
