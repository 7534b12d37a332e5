"""Configurations: defaults declared once, TOML read strictly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spinimpute.config import CalibrateConfig, ImputeConfig, TrainConfig, train_config
from spinimpute.errors import SpinImputeError


@pytest.mark.parametrize(
    ("setting", "value"), [("window", 0), ("overlap", -1), ("nthreads", 0), ("seed", -1)]
)
def test_values_out_of_range_are_refused(setting: str, value: float) -> None:
    with pytest.raises(SpinImputeError, match=f"{setting} must be"):
        ImputeConfig(ref=Path("r"), gt=Path("g"), out="o", **{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "setting", ["steps", "width", "layers", "heads", "context", "batch", "learning_rate"]
)
def test_training_values_must_be_positive(setting: str) -> None:
    with pytest.raises(SpinImputeError, match=setting):
        TrainConfig(refs=(Path("r"),), out=Path("o"), **{setting: 0})  # type: ignore[arg-type]


def test_calibration_reads_its_panel_many_times() -> None:
    with pytest.raises(SpinImputeError, match="so give a file"):
        CalibrateConfig(ref=Path("-"), gt=Path("g"), out=Path("o"))
    with pytest.raises(SpinImputeError, match="people must be"):
        CalibrateConfig(ref=Path("r"), gt=Path("g"), out=Path("o"), people=0)


def test_training_needs_something_to_train_on() -> None:
    with pytest.raises(SpinImputeError, match="--ref or --simulate"):
        TrainConfig(refs=(), out=Path("o"))
    assert TrainConfig(refs=(), out=Path("o"), simulate=2).simulate == 2


def test_maps_are_none_one_or_one_each() -> None:
    refs = (Path("a"), Path("b"), Path("c"))
    for maps in (0, 1, 3):
        TrainConfig(refs=refs, out=Path("o"), maps=(Path("m"),) * maps)
    with pytest.raises(SpinImputeError, match="found 2"):
        TrainConfig(refs=refs, out=Path("o"), maps=(Path("m"),) * 2)
    TrainConfig(refs=refs, validation=refs[:2], out=Path("o"), maps=(Path("m"),) * 5)


def test_toml_paths_are_relative_to_the_file_and_options_overrule(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(
        'refs = ["p.bcf"]\nout = "model"\nsteps = 70\nlearning_rate = 1\ninit = "small"\nnthreads = 2\n'
    )
    config = train_config(path, {"steps": 9, "out": None, "maps": ()})
    assert config == TrainConfig(
        refs=(tmp_path / "p.bcf",), out=tmp_path / "model", steps=9, learning_rate=1, init="small", nthreads=2
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stepz = 3", "unknown settings; found stepz"),
        ('steps = "3"', "steps must be int"),
        ("steps = true", "steps must be int"),
        ("steps = 1.5", "steps must be int"),
        ("refs = [1]", "refs must be tuple"),
        ("steps = ", "cannot be read"),
    ],
)
def test_malformed_toml_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text)
    with pytest.raises(SpinImputeError, match=words) as caught:
        train_config(path, {"out": Path("o")})
    assert str(path) in str(caught.value)


def test_absent_toml_and_absent_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpinImputeError, match="cannot be read"):
        train_config(tmp_path / "none.toml", {})
    with pytest.raises(SpinImputeError, match="no --out"):
        train_config(None, {"refs": (Path("r"),)})


def test_going_on_from_a_model_takes_smaller_steps() -> None:
    fresh = TrainConfig(refs=(Path("panel.vcf"),), out=Path("model"))
    assert replace(fresh, init="spin-small").peak_learning_rate < fresh.peak_learning_rate
    assert replace(fresh, init="spin-small", learning_rate=0.01).peak_learning_rate == 0.01
