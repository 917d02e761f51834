"""Simulated microscope images with exact truth: seeded, of any size, made window by window.

A phantom of 100,000 x 100,000 pixels takes no memory: only the windows that are asked for are made, and each is, bit
for bit, what a crop of the whole would be, labels included. What looks like chance is a hash of place
(`phantom_noise.py`); what spreads (blur, objects, their pushing each other) has a bounded reach, by which a window is
grown before it is cut.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from unmask.data.files import write_text
from unmask.data.formats.images import write_image, write_labels
from unmask.data.phantom.cells import cells
from unmask.data.phantom.membranes import membranes
from unmask.data.phantom.noise import Window
from unmask.data.phantom.nuclei import nuclei
from unmask.data.sample import Sample
from unmask.errors import DataError
from unmask.geometry.labels import relabel

__all__ = ["Kind", "Phantom", "write_folder"]

Kind = Literal["nuclei", "cells", "membranes"]

_MAKERS = {"nuclei": nuclei, "cells": cells, "membranes": membranes}
_DIAMETERS = {"nuclei": 21.0, "cells": 44.0, "membranes": 46.0}  # pixels
_DENSITIES = {"nuclei": 0.5, "cells": 0.65, "membranes": 0.45}
_PIXEL_SIZES = {"nuclei": 0.5, "cells": 0.65, "membranes": 0.004}  # micrometres
_SMALLEST = {"nuclei": 8.0, "cells": 16.0, "membranes": 24.0}


@dataclass(frozen=True)
class Phantom:
    """A simulated image, of which any part can be made.

    Attributes:
        kind: "nuclei" (fluorescence, 12 bit), "cells" (phase contrast, 12 bit) or "membranes" (electron microscope,
            8 bit, where objects are cells and membranes belong to none).
        shape: (h, w) in pixels.
        seed: phantoms of different seeds differ in all: objects, exposure, contrast, noise.
        diameter: of an object of middling size in pixels, at least 8, 16 or 24 by kind; None: 21, 44, 46.
        density: share of places that hold an object, above 0 and up to 1; None: 0.5, 0.65, 0.45. It varies
            slowly over the image. Of membranes, only the small cells count.

    Raises:
        DataError: a kind that does not exist, a value out of range.
    """

    kind: Kind
    shape: tuple[int, int]
    seed: int = 0
    diameter: float | None = None
    density: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise DataError(f"there is no phantom of '{self.kind}'", remedy=f"choose {', '.join(get_args(Kind))}")
        if min(self.shape) < 1:
            raise DataError(f"a phantom of {self.shape} pixels is empty", remedy="give at least (1, 1)")
        if self.diameter is not None and not self.diameter >= _SMALLEST[self.kind]:
            problem = f"{self.kind} of diameter {self.diameter} pixels are too small to be drawn"
            raise DataError(problem, remedy=f"give at least {_SMALLEST[self.kind]:g}")
        if self.density is not None and not 0 < self.density <= 1:
            raise DataError(f"the density {self.density} is no share", remedy="give a number above 0, at most 1")

    def window(self, y0: int, x0: int, height: int, width: int) -> Sample:
        """Makes a part.

        Args:
            y0: first row.
            x0: first column.
            height: in pixels.
            width: in pixels.

        Returns:
            The image (height, width, 1), uint16 or uint8, its objects and classes (1 in objects). An object's id is the
            same in every window; ids have gaps, and an object may lie in several pieces where the window cuts it.

        Raises:
            DataError: the window is empty or reaches out of the phantom; the phantom has too many objects for int32.
        """
        inside = 0 <= y0 <= y0 + height <= self.shape[0] and 0 <= x0 <= x0 + width <= self.shape[1]
        if not inside or height < 1 or width < 1:
            problem = f"the window of {height} x {width} pixels at row {y0}, column {x0} does not lie in the phantom"
            raise DataError(problem, remedy=f"stay within {self.shape[0]} x {self.shape[1]}")
        diameter = _DIAMETERS[self.kind] if self.diameter is None else self.diameter
        density = _DENSITIES[self.kind] if self.density is None else self.density
        part = Window(self.seed, y0, x0, height, width)
        image, objects = _MAKERS[self.kind](part, self.shape, diameter, density)
        return Sample(
            name=f"{self.kind}_{self.seed}_y{y0}_x{x0}",
            image=image[..., None],
            classes=(objects > 0).astype(np.uint8),
            objects=objects,
            pixel_size=(_PIXEL_SIZES[self.kind], _PIXEL_SIZES[self.kind]),
        )

    def sample(self, name: str | None = None) -> Sample:
        """Makes all of it, under the given name."""
        whole = self.window(0, 0, *self.shape)
        return Sample(name or f"{self.kind}_{self.seed}", whole.image, whole.classes, whole.objects, whole.pixel_size)


def write_folder(out: Path, kind: Kind, n_train: int, n_test: int, size: int, seed: int) -> None:
    """Writes phantoms as a data set: images/*.tif, masks/*.tif (label images, ids from 1) and split.csv (train, test).

    Args:
        out: a folder that is empty or does not exist yet.
        kind: of the phantoms.
        n_train: how many images to train on.
        n_test: how many to test on.
        size: height and width of each, in pixels.
        seed: the same seed writes the same pixels.

    Raises:
        DataError: the folder holds something.
        UnmaskError: a file cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError("is not empty", file=out, remedy="remove it, or choose another folder")
    lines = ["name,split"]
    for number in range(n_train + n_test):
        name = f"{kind}_{number:03d}"
        sample = Phantom(kind, (size, size), seed=seed * 1_000_003 + number).sample(name)
        assert sample.objects is not None
        write_image(out / "images" / f"{name}.tif", sample.image, sample.pixel_size)
        write_labels(out / "masks" / f"{name}.tif", relabel(sample.objects), sample.pixel_size)
        lines.append(f"{name},{'train' if number < n_train else 'test'}")
    write_text(out / "split.csv", "\n".join(lines) + "\n")
