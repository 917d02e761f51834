"""Masks that belong to another image, or lie turned or mirrored over their own.

Where a mask fits, the image is steep along the borders of its objects: the score of a mask is by how many standard
deviations (of the square root of steepness) the mean along its borders is above the mean of the image. It is about 0
for a mask of another image, whatever that shows, and for the right mask turned.

Measured: of 473 images of DSB 2018, 60 bright-field ones, a Cell Tracking Challenge set, two EM sets, balloon and COCO
(all but COCO's photographs), the right orientation scores best everywhere, by 0.22 or more; COCO's worst is 0.11 below.
Masks given to other images of their set score less than a twelfth of the set's median in 90 % of cases in DSB 2018;
the lowest right one of these sets scores .09 of it (balloon). COCO's scores vary too much to tell, and it is not
judged so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from unmask.check.finding import Sight
from unmask.check.images import grey
from unmask.check.shift import SMALLEST, borders, slope
from unmask.data.sample import Sample

__all__ = ["Fit", "fit", "fit_sights"]

ORIENTATIONS = (
    "as it is",
    "upside down",
    "mirrored left to right",
    "turned by 180 degrees",
    "with rows and columns swapped",
    "turned by 90 degrees anticlockwise",
    "turned by 90 degrees clockwise",
    "swapped along the other diagonal",
)
BETTER = 0.5  # by which another orientation must score above the mask as it is
SHARE = 0.25  # of that score, at most, is what the mask has as it is
UNFIT = 0.08  # of the set's median
EVEN = 0.7  # of the median, at least, is what three quarters of a set have that is judged by it
SURE = 12.0  # standard errors that the best score must be above chance; neighbouring pixels agree
FEWEST = 5  # images that make a set


@dataclass(frozen=True)
class Fit:
    """How well the mask of an image fits, in each orientation.

    Attributes:
        name: of the image in its data set.
        file: of the image.
        scores: as `ORIENTATIONS`; the last four only of square images.
        pixels: along borders: what the scores are means of.
    """

    name: str
    file: Path
    scores: Float64[np.ndarray, " k"]
    pixels: int


def fit(sample: Sample) -> Fit | None:
    """The scores of one image; None where it is small, or nothing in it has a border."""
    if sample.objects is None or min(sample.size) < SMALLEST:
        return None
    border = borders(sample.objects)
    rise_y, rise_x = slope(grey(sample.image))
    steep = np.sqrt(np.hypot(rise_y, rise_x))
    spread = float(steep.std())
    if not border.any() or spread == 0:
        return None
    square = border.shape[0] == border.shape[1]
    turned = [
        (border.T if swapped else border)[::down, ::right]
        for swapped in ((False, True) if square else (False,))
        for down, right in ((1, 1), (-1, 1), (1, -1), (-1, -1))
    ]
    scores = np.array([(float(steep[one].mean()) - float(steep.mean())) / spread for one in turned])
    return Fit(sample.name, sample.file or Path(), scores, int(np.count_nonzero(border)))


def fit_sights(found: Sequence[Fit]) -> list[Sight]:
    """Sights "turned" and "unfit" of a set of images."""
    own = np.array([one.scores[0] for one in found])
    median = float(np.median(own)) if own.size else 0.0
    even = own.size >= FEWEST and np.percentile(own, 25) >= EVEN * median
    sights = []
    for one in found:
        best = int(one.scores.argmax())
        sure = one.scores[best] * one.pixels**0.5 > SURE
        if sure and one.scores[best] - one.scores[0] >= BETTER and one.scores[0] < SHARE * one.scores[best]:
            sights.append(Sight("turned", one.name, one.file, f"the mask would fit {ORIENTATIONS[best]}"))
        elif even and one.scores[0] < UNFIT * median:
            sights.append(Sight("unfit", one.name, one.file, "the image is no steeper along the mask's borders"))
    return sights
