"""Training from a VCF: it learns, resumes on the same path, leaves a model that loads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import phased_records, sample_names, write_vcf
from test_retrieval import mosaics

from spinimpute.config import TrainConfig
from spinimpute.errors import SpinImputeError
from spinimpute.spin.checkpoint import load_model
from spinimpute.training import loop
from spinimpute.training.loop import TrainSummary, train


class Ears:
    """Remembers what the training says."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.validations: list[tuple[int, float, float]] = []
        self.lines: list[str] = []

    def step(self, step: int, steps: int, loss: float, rate: float) -> None:
        self.losses.append(loss)

    def validation(self, step: int, loss: float, r2: float) -> None:
        self.validations.append((step, loss, r2))

    def log(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(8)
    pos = np.cumsum(rng.integers(300, 2500, 800))
    alleles = mosaics(rng, 800, 200, founders=10).astype(np.int8)
    path = tmp_path_factory.mktemp("panel") / "panel.vcf.gz"
    write_vcf(path, phased_records(pos, alleles), sample_names(100))
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STRETCHES": 24, "VALIDATION_DRAWS": 3, "VALIDATION_STRETCHES": 24}.items():
        monkeypatch.setattr(loop, name, value)


def _config(panel: Path, out: Path, steps: int) -> TrainConfig:
    return TrainConfig(
        refs=(panel,), out=out, steps=steps, width=16, layers=1, context=16, batch=64, checkpoint_every=4
    )


def _run(config: TrainConfig) -> tuple[TrainSummary, Ears]:
    ears = Ears()
    return train(config, ears), ears


@pytest.mark.usefixtures("small")
def test_training_learns_and_leaves_a_model(panel: Path, tmp_path: Path) -> None:
    summary, ears = _run(_config(panel, tmp_path / "model", 40))
    first, last = ears.validations[0], ears.validations[-1]
    assert last[1] < 0.9 * first[1]
    assert last[2] > first[2]
    assert summary.loss == pytest.approx(last[1])
    loaded = load_model(str(tmp_path / "model"))
    assert loaded.config.width == 16
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"config.toml", "weights.safetensors", "history.csv", "loss.png"} <= names
    assert len((tmp_path / "model" / "history.csv").read_text().splitlines()) == 11


@pytest.mark.usefixtures("small")
def test_a_resumed_run_takes_the_same_path(
    panel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(panel, tmp_path / "whole", 8)
    _run(config)
    stopped = replace(config, out=tmp_path / "stopped")

    class Stop(Ears):
        def step(self, step: int, steps: int, loss: float, rate: float) -> None:
            if step == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(stopped, Stop())
    _, ears = _run(stopped)
    assert "resumed at step 4" in ears.lines
    whole, resumed = (load_model(str(tmp_path / name)) for name in ("whole", "stopped"))
    assert whole.digest == resumed.digest
    assert (tmp_path / "whole" / "history.csv").read_text() == (
        tmp_path / "stopped" / "history.csv"
    ).read_text()


@pytest.mark.usefixtures("small")
def test_fine_tuning_helps_or_does_nothing(panel: Path, tmp_path: Path) -> None:
    first, _ = _run(_config(panel, tmp_path / "first", 12))
    start = load_model(str(tmp_path / "first"))
    init = str(tmp_path / "first")
    spoilt = replace(_config(panel, tmp_path / "spoilt", 4), init=init, learning_rate=3.0)
    _, ears = _run(spoilt)
    assert "the initial model is kept: training did not improve it" in ears.lines
    assert load_model(str(tmp_path / "spoilt")).digest == start.digest
    summary, _ = _run(replace(_config(panel, tmp_path / "tuned", 40), init=init, learning_rate=1e-3))
    assert summary.loss < first.loss
    assert load_model(str(tmp_path / "tuned")).digest != start.digest


def test_a_panel_with_too_few_variants_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.vcf.gz"
    write_vcf(
        path, phased_records([100, 200], np.array([[0, 1, 0, 1], [1, 0, 0, 1]], np.int8)), sample_names(2)
    )
    with pytest.raises(SpinImputeError, match="a training panel needs a stretch"):
        _run(_config(path, tmp_path / "model", 4))
