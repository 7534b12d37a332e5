"""The course of a training run: a CSV log and a picture of the loss."""

from __future__ import annotations

import csv
from pathlib import Path

LOG, PICTURE = "history.csv", "loss.png"
_COLUMNS = ("step", "training_loss", "validation_loss", "validation_r2")


class History:
    """Appends a row per validation to history.csv; rows after the step that a run resumes from are
    dropped.
    """

    def __init__(self, directory: Path, step: int) -> None:
        self._log = directory / LOG
        self._picture = directory / PICTURE
        rows = self._rows() if self._log.exists() else []
        with self._log.open("w", newline="") as file:
            csv.writer(file).writerows([_COLUMNS, *(row for row in rows if int(row[0]) <= step)])

    def add(self, step: int, training_loss: float, validation_loss: float, validation_r2: float) -> None:
        """Append a row; losses in nats."""
        values = [f"{value:.6f}" for value in (training_loss, validation_loss, validation_r2)]
        with self._log.open("a", newline="") as file:
            csv.writer(file).writerow([step, *values])

    def draw(self) -> None:
        """Draw training and validation loss against the step into loss.png."""
        from matplotlib.figure import Figure  # slow to import, and needed only here

        rows = self._rows()
        if not rows:
            return
        steps = [int(row[0]) for row in rows]
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.add_subplot()
        for column, name in ((1, "training"), (2, "validation")):
            axes.plot(steps, [float(row[column]) for row in rows], marker="o", markersize=3, label=name)
        axes.set(xlabel="step", ylabel="binary cross-entropy (nats)", title="spinimpute training")
        axes.legend()
        figure.savefig(self._picture, dpi=120)

    def _rows(self) -> list[list[str]]:
        with self._log.open(newline="") as file:
            return list(csv.reader(file))[1:]
