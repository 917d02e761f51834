"""The table of objects of an image that was worked on in blocks: the columns of `measure`, to the bit.

But for the last digit of sums of float images, which depends on their order.
"""

from collections.abc import Sequence

import numpy as np

from unmask.instances.blockwise_objects import ObjectSums
from unmask.instances.quantities import Columns, quantities

__all__ = ["columns_of"]


def columns_of(
    objects: ObjectSums,
    shapes: Sequence[Columns],
    name: str,
    class_names: Sequence[str],
    pixel_size: tuple[float, float] | None,
) -> Columns:
    """The columns of `unmask.instances.table.measure`.

    Args:
        objects: whole; all of the image, or some of it to write a long table part by part.
        shapes: of `shapes_of_window` and `shapes_of_large`; those of other objects are passed over.
        name: the image's name.
        class_names: without the background.
        pixel_size: (y, x) in micrometres, or None where it is not known.

    Returns:
        A column a quantity, n elements each, in the order in which they are written. Perimeter and solidity are NaN
        where no shape is given.
    """
    classes, scores = objects.classes_and_scores()
    columns: Columns = {
        "image": np.full(len(objects), name, object),
        "label": objects.numbers.astype(np.int64),
        "class": np.array([class_names[k - 1] for k in classes], object),
        "score": scores,
    }
    return columns | quantities(objects, shapes, pixel_size)
