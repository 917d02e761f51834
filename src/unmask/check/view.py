"""One image of a data set as a small picture: its objects outlined, what is ignored striped."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor

from unmask.arrays import AnyArray, RGBImage
from unmask.data.picture import grey_stretch
from unmask.data.sample import Sample
from unmask.geometry.labels import outlines

__all__ = ["CLASS_COLOURS", "view"]

# After Okabe and Ito (2008), brightened for dark images; one a class, used again from the first where there are more.
CLASS_COLOURS = ("#ffe74a", "#3fc0ff", "#ff8a3d", "#ff86d8", "#4fe39a", "#ffffff", "#b39cff", "#c8e04f")
STRIPE = 6  # pixels of the picture
TINT = 0.4  # of the class's colour in a filled region
IGNORED = (150, 150, 150)


def view(sample: Sample, side: int, *, filled: bool = False) -> RGBImage:
    """A picture of one sample, as it was read.

    Args:
        sample: an image, with or without its annotation.
        side: of the square that the picture fits into, pixels; smaller images are enlarged by a whole factor.
        filled: tint the regions of each class instead of outlining them: for classes that cover the image.

    Returns:
        (h, w, 3) uint8. Objects of one class are outlined in its colour, overlapping ones in every layer.
    """
    height, width = sample.size
    factor = side / max(height, width)
    factor = float(int(factor)) if factor >= 1 else factor
    size = max(1, round(height * factor)), max(1, round(width * factor))
    picture = _image(grey_stretch(sample.image), size)
    if sample.ignore is not None:
        _stripe(picture, _nearest(sample.ignore, size))
    if sample.objects is None or sample.classes is None:
        return picture
    colours = np.array([ImageColor.getrgb(colour) for colour in CLASS_COLOURS], np.uint8)
    if filled:
        kinds = _nearest(sample.classes, size).astype(np.int64)
        tint = colours[(kinds - 1) % len(colours)]
        picture[kinds > 0] = (TINT * tint + (1 - TINT) * picture)[kinds > 0].astype(np.uint8)
        return picture
    for labels, classes in _layers(sample):
        ids, kinds = _nearest(labels, size), _nearest(classes, size)
        rim, line = outlines(ids, 2), outlines(ids)
        picture[rim] //= 2
        picture[line] = colours[(kinds[line].astype(np.int64) - 1) % len(colours)]
    return picture


def _layers(sample: Sample) -> Sequence[tuple[AnyArray, AnyArray]]:
    """Label images and their class maps, one of each a layer."""
    assert sample.objects is not None, "checked by the caller"
    assert sample.classes is not None, "checked by the caller"
    if sample.layers is None or sample.layer_classes is None:
        return [(sample.objects, sample.classes)]
    return [(layer, sample.layer_classes[layer]) for layer in sample.layers]


def _image(rgb: RGBImage, size: tuple[int, int]) -> RGBImage:
    larger = size[0] > rgb.shape[0]
    kind = Image.Resampling.NEAREST if larger else Image.Resampling.BOX
    return np.array(Image.fromarray(rgb).resize(size[::-1], kind))


def _nearest(values: AnyArray, size: tuple[int, int]) -> AnyArray:
    """Values at the centres of the picture's pixels."""
    rows = ((np.arange(size[0]) + 0.5) * values.shape[0] / size[0]).astype(np.int64)
    columns = ((np.arange(size[1]) + 0.5) * values.shape[1] / size[1]).astype(np.int64)
    return values[rows[:, None], columns]


def _stripe(picture: RGBImage, where: AnyArray) -> None:
    rows, columns = np.indices(where.shape)
    picture[where & ((rows + columns) // STRIPE % 2 == 0)] = IGNORED
