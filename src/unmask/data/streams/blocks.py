"""Blocks that cover an image: rows and columns of each, in raster order."""

from collections.abc import Iterator

__all__ = ["blocks_of"]


def blocks_of(size: tuple[int, int], block: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of blocks that cover an image, in raster order; those at its end are cut.

    Args:
        size: of the image, pixels.
        block: rows and columns of a block.
    """
    for row in range(0, size[0], block[0]):
        for column in range(0, size[1], block[1]):
            yield slice(row, min(row + block[0], size[0])), slice(column, min(column + block[1], size[1]))
