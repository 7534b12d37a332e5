"""Grey pictures drawn in code, for image completion: discs, boxes and rings on shaded ground, 32 x 32.

They stand in for CelebA, which cannot be shipped. Axes as in `spinimpute.networks.processes`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spinimpute.networks.likelihood import Task

SIDE = 32
EDGE = 1.0  # width of a soft edge, in pixels
SHAPES = 3  # at most


def draw_pictures(number: int, device: torch.device) -> Tensor:
    """Pictures (number, SIDE, SIDE), grey values in [-.5, .5], by the global random state."""
    line = torch.arange(SIDE, device=device, dtype=torch.float32)
    rows, columns = line.view(1, -1, 1), line.view(1, 1, -1)
    slopes = (torch.rand(2, number, 1, 1, device=device) - 0.5) / SIDE
    grey = torch.rand(number, 1, 1, device=device) + slopes[0] * rows + slopes[1] * columns
    for place in range(SHAPES):
        cover = _shape(number, rows, columns)
        if place > 0:  # the first shape is always there
            cover = cover * (torch.rand(number, 1, 1, device=device) < 0.5)
        grey = grey + cover * (torch.rand(number, 1, 1, device=device) - grey)
    return grey.clamp(0, 1) - 0.5


def _shape(number: int, rows: Tensor, columns: Tensor) -> Tensor:
    """How far (0 to 1) a random disc, box or ring covers each pixel."""
    device = rows.device
    row, column = (SIDE * torch.rand(2, number, 1, 1, device=device)).unbind()
    radius = SIDE * (0.1 + 0.25 * torch.rand(number, 1, 1, device=device))
    kind = torch.randint(3, (number, 1, 1), device=device)
    down, right = rows - row, columns - column
    round_distance = torch.hypot(down, right)
    square_distance = torch.maximum(down.abs(), right.abs())
    ring_distance = (round_distance - radius).abs() + 0.6 * radius  # a ring as thick as .8 radii
    distance = torch.where(kind == 0, round_distance, torch.where(kind == 1, square_distance, ring_distance))
    return ((radius - distance) / EDGE + 0.5).clamp(0, 1)


def ask_pixels(pictures: Tensor, context: int, targets: int) -> Task:
    """Completion of pictures (B, SIDE, SIDE) from `context` random pixels of each at other random ones.

    Inputs are rows and columns in [-1, 1].
    """
    number = len(pictures)
    order = torch.rand(number, SIDE * SIDE, device=pictures.device).argsort(-1)[:, : context + targets]
    x = pixel_inputs(order)
    y = pictures.flatten(1).gather(1, order).unsqueeze(-1)
    return Task(x[:, :context], y[:, :context], x[:, context:], y[:, context:])


def pixel_inputs(pixels: Tensor) -> Tensor:
    """Inputs (..., 2) of pixels (...) counted row by row."""
    return torch.stack([pixels // SIDE, pixels % SIDE], -1).float() * (2 / (SIDE - 1)) - 1
