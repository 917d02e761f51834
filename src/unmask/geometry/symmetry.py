"""The eight symmetries of the square: flips and rotations by 90 degrees of an image, and of windows within it.

A window may reach outside the image: there the image is mirrored (`unmask.geometry.grid.mirror`), and mirroring
commutes with every symmetry. So a window of the turned image is the turned window of the image, wherever it lies.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from unmask.arrays import AnyArray

__all__ = ["SYMMETRIES", "Interval", "Symmetry"]

Interval = tuple[int, int]
"""Start and stop of a range of rows or columns; may lie outside the image."""


@dataclass(frozen=True)
class Symmetry:
    """A symmetry of the square (dihedral group of order 8): rows and columns swapped, then reversed.

    Attributes:
        transposed: rows and columns swap places, first of all.
        rows_reversed: then the last row comes first.
        columns_reversed: and the last column comes first.
    """

    transposed: bool
    rows_reversed: bool
    columns_reversed: bool

    @property
    def inverse(self) -> "Symmetry":
        """What leads back."""
        if not self.transposed:
            return self
        return Symmetry(True, self.columns_reversed, self.rows_reversed)

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the turned image, from those of the image."""
        return (size[1], size[0]) if self.transposed else size

    def image(self, image: AnyArray) -> AnyArray:
        """An image (h, w, c), turned: a view, (w, h, c) where transposed."""
        return self._of(image, 0)

    def maps(self, maps: AnyArray) -> AnyArray:
        """Maps (c, h, w), turned: a view, (c, w, h) where transposed."""
        return self._of(maps, 1)

    def window(self, rows: Interval, columns: Interval, size: tuple[int, int]) -> tuple[Interval, Interval]:
        """Where a window of the image lies in the turned image.

        Args:
            rows: of the window; may lie outside the image.
            columns: as `rows`.
            size: rows and columns of the image, not yet turned.

        Returns:
            Its rows and its columns in the turned image.
        """
        if self.transposed:
            rows, columns = columns, rows
        height, width = self.size(size)
        return (
            (height - rows[1], height - rows[0]) if self.rows_reversed else rows,
            (width - columns[1], width - columns[0]) if self.columns_reversed else columns,
        )

    def _of(self, array: AnyArray, axis: int) -> AnyArray:
        """Rows, which are this axis, and columns, which are the next, turned."""
        if self.transposed:
            array = array.swapaxes(axis, axis + 1)
        return np.flip(array, (axis,) * self.rows_reversed + (axis + 1,) * self.columns_reversed)


SYMMETRIES = tuple(Symmetry(*turn) for turn in product((False, True), repeat=3))
"""The eight, the identity first."""
