"""Rounded outlines: an ellipse whose radius swells and shrinks smoothly around it."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from unmask.arrays import AnyArray
from unmask.data.phantom.sites import Sites

__all__ = ["Blob", "blobs"]


@dataclass(frozen=True)
class Blob:
    """A star-shaped outline.

    Attributes:
        y: centre, in pixels of the phantom.
        x: the same.
        long: half axis of the ellipse, in pixels.
        short: the other half axis.
        angle: of the long axis from the x axis, in radians.
        lobes: cosine and sine amplitudes of the waves of the radius with 2, 3 and 4 periods around the outline.
    """

    y: float
    x: float
    long: float
    short: float
    angle: float
    lobes: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

    def frame(
        self, rows: AnyArray, columns: AnyArray
    ) -> tuple[Float64[np.ndarray, "h w"], Float64[np.ndarray, "h w"], Float64[np.ndarray, "h w"]]:
        """Coordinates of pixels in the frame of the blob.

        Args:
            rows: (h, 1) or (h, w) in pixels of the phantom.
            columns: (1, w) or (h, w), the same.

        Returns:
            Along and across the long axis, in units of the half axes; and the distance from the centre in units of the
            distance of the outline in that direction: below 1 inside.
        """
        dy, dx = rows - self.y, columns - self.x
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        along, across = (dx * cos + dy * sin) / self.long, (dy * cos - dx * sin) / self.short
        distance = np.sqrt(along * along + across * across)
        scale = 1 / np.maximum(distance, 1e-9)
        return along, across, distance / self._waves(along * scale, across * scale)

    def _waves(self, cos: AnyArray, sin: AnyArray) -> Float64[np.ndarray, "h w"]:
        """The outline's radius in the direction (cos, sin); multiple angles by the addition theorem, one by one."""
        waves = np.ones(cos.shape)
        multiple_cos, multiple_sin = cos, sin
        for cosine_amplitude, sine_amplitude in self.lobes:
            multiple_cos, multiple_sin = (
                multiple_cos * cos - multiple_sin * sin,
                multiple_sin * cos + multiple_cos * sin,
            )
            waves += cosine_amplitude * multiple_cos + sine_amplitude * multiple_sin
        return waves


def blobs(sites: Sites, stream: str, *, stretch: float, lobes: float) -> list[Blob]:
    """One outline an object, of the area that its radius says (but for its lobes).

    Args:
        sites: the objects.
        stream: the name of the random numbers.
        stretch: sigma of the lognormal law of the ratio of an axis to the radius.
        lobes: largest amplitude of the wave with 2 periods; those with 3 and 4 have two thirds and half of it.
    """
    ratios = [max(ratio, 1 / ratio) for ratio in sites.lognormal(f"{stream}.stretch", stretch)]
    angles = sites.uniform(f"{stream}.angle", 0, math.pi)
    amplitudes = [
        (sites.uniform(f"{stream}.cos{n}", -size, size), sites.uniform(f"{stream}.sin{n}", -size, size))
        for n, size in ((2, lobes), (3, lobes * 2 / 3), (4, lobes / 2))
    ]
    outlines = []
    for k, (y, x, radius) in enumerate(zip(sites.y.tolist(), sites.x.tolist(), sites.radius.tolist(), strict=True)):
        two, three, four = ((cosines[k], sines[k]) for cosines, sines in amplitudes)
        outlines.append(Blob(y, x, radius * ratios[k], radius / ratios[k], angles[k], (two, three, four)))
    return outlines
