from __future__ import annotations

import pickle

import pytest

from spinimpute.errors import SpinImputeError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (SpinImputeError("rule"), "rule"),
        (SpinImputeError("rule", where="x.vcf 20:5"), "x.vcf 20:5: rule"),
        (SpinImputeError("rule", found="7", remedy="mend it"), "rule; found 7; mend it"),
        (SpinImputeError("rule", where="a\nb.vcf", found="x\ty"), "a b.vcf: rule; found x y"),
    ],
)
def test_one_line(error: SpinImputeError, line: str) -> None:
    assert str(error) == line


def test_survives_a_process_boundary() -> None:
    error = SpinImputeError("rule", where="x", found="y", remedy="z")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
