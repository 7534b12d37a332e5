"""Make the example files of this folder: python examples/make_examples.py (needs the extra "simulate")."""

from __future__ import annotations

from pathlib import Path

from spinimpute.training.dataset import DatasetSpec, write_dataset
from spinimpute.training.simulation import RegionSpec

SPEC = DatasetSpec(
    region=RegionSpec(model="out_of_africa", people=450, length=1_200_000),
    targets=40,
    chromosomes=("1", "2"),
    typed_spacing=3_000,
    missing=0.005,
)
SEED = 20

if __name__ == "__main__":
    write_dataset(Path(__file__).parent, SPEC, SEED)
