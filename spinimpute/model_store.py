"""Where the models are: shipped ones at the top of a checkout or inside the installed package, others in any
folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spinimpute.errors import SpinImputeError

CONFIG = "config.toml"
WEIGHTS = "weights.safetensors"
SITES = "sites.tsv.gz"  # of a calibrated model
CARD = "MODEL_CARD.md"

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "models", _PACKAGE.parent / "models")


@dataclass(frozen=True)
class StoredModel:
    """A folder that holds a model's configuration, its weights and usually its model card."""

    name: str
    folder: Path

    @property
    def card(self) -> Path:
        """The model card's path."""
        return self.folder / CARD


def shipped_models() -> list[StoredModel]:
    """The models that come with this version, by name."""
    for place in _PLACES:
        if place.is_dir():
            folders = sorted(path.parent for path in place.glob(f"*/{CONFIG}"))
            return [StoredModel(folder.name, folder) for folder in folders]
    return []


def find_model(name: str) -> StoredModel:
    """The shipped model called `name`, or the model in the folder `name`; SpinImputeError if neither
    exists.
    """
    shipped = {model.name: model for model in shipped_models()}
    if name in shipped:
        return shipped[name]
    folder = Path(name)
    absent = [file for file in (CONFIG, WEIGHTS) if not (folder / file).is_file()]
    if folder.is_dir() and absent:
        found = f"no {' and no '.join(absent)}"
        remedy = "give a folder made by spinimpute train"
        raise SpinImputeError("not a model folder", where=name, found=found, remedy=remedy)
    if absent:
        known = ", ".join(shipped) or "none"
        raise SpinImputeError(
            "unknown model", found=name, remedy=f"shipped models: {known}; or give a folder"
        )
    return StoredModel(folder.resolve().name, folder)
