"""Where a network runs: on the CPU compiled, which takes no torch, or on a GPU."""

from __future__ import annotations

from pathlib import Path

from spinimpute.errors import SpinImputeError

CPU, CUDA = "cpu", "cuda"
# Context haplotypes at all anchors of the targets computed together, of one target at least: bounds memory.
BATCH_TOKENS = {CPU: 1, CUDA: 1 << 18}
# Drivers of GPUs that torch calls cuda: NVIDIA's, AMD's, and either under Windows' Linux.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def choose_device(name: str) -> str:
    """Return the device for auto, cpu, cuda or cuda:i.

    Raises SpinImputeError for another name and for a GPU that is not there. torch, which takes a second to
    import, is asked only where there may be a GPU.
    """
    if name == "auto":
        return CUDA if any(Path(driver).exists() for driver in _DRIVERS) and _count_gpus() else CPU
    kind, _, index = name.partition(":")
    if kind not in (CPU, CUDA) or (index and not index.isdigit()) or (kind == CPU and index):
        raise SpinImputeError(
            "a device is auto, cpu, cuda or cuda:i",
            where="--device",
            found=f"'{name}'",
            remedy="use --device cpu",
        )
    if kind == CUDA and int(index or 0) >= (n := _count_gpus()):
        raise SpinImputeError(
            "the GPU must exist",
            where="--device",
            found=f"'{name}' with {n} CUDA devices",
            remedy="use --device cpu",
        )
    return name


def kind_of(device: str) -> str:
    """Return cpu or cuda."""
    return device.partition(":")[0]


def _count_gpus() -> int:
    import torch

    return torch.cuda.device_count()
