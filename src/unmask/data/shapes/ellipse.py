"""Circles and ellipses as outlines."""

import numpy as np
from jaxtyping import Float64

from unmask.data.shapes.annotations import FARTHEST

__all__ = ["ellipse"]

FINENESS = 0.05  # pixels that the outline may lie within the ellipse
FEWEST, MOST = 16, 10_000  # corners; the most are enough for a radius of a million pixels


def ellipse(x: float, y: float, rx: float, ry: float, theta: float = 0.0) -> Float64[np.ndarray, "p 2"]:
    """Corners on an ellipse, so many that it can hardly be told from it.

    Args:
        x: of its centre, pixels.
        y: of its centre.
        rx: half its width before it is turned.
        ry: half its height.
        theta: radians by which it is turned, clockwise as seen on the screen.

    Returns:
        x and y of each corner.

    Raises:
        ValueError: a number is not finite, or beyond `FARTHEST`.
    """
    if not (np.abs([x, y, rx, ry, theta]) <= FARTHEST).all():  # not true of NaN either
        raise ValueError("an ellipse has finite numbers, and no image is so large")
    radius = max(abs(rx), abs(ry), 1.0)
    # Between corners 2a apart as seen from the centre, the outline lies r (1 - cos a) < r a^2 / 2 within.
    count = int(np.clip(np.ceil(np.pi * np.sqrt(radius / (2 * FINENESS))), FEWEST, MOST))
    angles = 2 * np.pi * np.arange(count) / count
    along, across = rx * np.cos(angles), ry * np.sin(angles)
    cos, sin = np.cos(theta), np.sin(theta)
    corners: Float64[np.ndarray, "p 2"] = np.stack([x + along * cos - across * sin, y + along * sin + across * cos], 1)
    return corners
