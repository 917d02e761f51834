"""Exact percentiles of an image that comes in blocks, as often as asked: by counting, not by sorting.

Grey values become unsigned keys of the same order. One pass counts how often each value of the keys' first 16 bits
occurs; that settles images of 8 and 16 bits. Of those of 32 bits, and of float32, it settles the first 16 bits of every
value that is looked for; a second pass counts the last 16 bits of the pixels that begin like one of them. (64 bits take
four passes.) Memory is half a megabyte a channel and beginning, at most six of them, whatever the image's size.

Between passes stand a few integers, so that blocks can be counted anywhere and in any order, and counts be added.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numba
import numpy as np
from jaxtyping import Float64, Int64, UInt64
from numpy import ndarray

from unmask.arrays import AnyArray, RawImage
from unmask.errors import DataError

__all__ = ["Counts", "Search", "search", "searched"]

Counts = Int64[ndarray, "c beginnings digits"]  # pixels by channel, known bits of values looked for, and next bits

_DIGIT = 16


@dataclass(frozen=True)
class Search:
    """Values looked for, and what is known of them so far.

    `count` every block, add the counts up and `narrow`, until it is `done`. Then it has the `values`.

    Attributes:
        dtype: of the image.
        channels: of the image.
        percentiles: looked for; the smallest and the largest grey value always are.
        pixels: in a channel; 0 before the first pass.
        bits: how many bits of the keys are known.
        prefixes: (c, values) these bits.
        ranks: (c, values) how many of the pixels that begin so come before the value.
    """

    dtype: np.dtype[np.generic]
    channels: int
    percentiles: tuple[float, ...]
    pixels: int
    bits: int
    prefixes: UInt64[ndarray, "c values"]
    ranks: Int64[ndarray, "c values"]

    @property
    def done(self) -> bool:
        """Whether every value is known to the last bit."""
        return self.bits == 8 * self.dtype.itemsize

    def count(self, block: RawImage, counts: Counts | None = None) -> Counts:
        """Counts the pixels of a block by what is not known yet.

        Args:
            block: (h, w, c), any part of the image.
            counts: of other blocks, to be added to in place.

        Raises:
            DataError: it has values that are not finite.
            ValueError: it is of another type, or has other channels, than the image.
        """
        if block.dtype != self.dtype or block.shape[2] != self.channels:
            raise ValueError(f"a block of {block.shape[2]} channels of {block.dtype}, not {self.channels} {self.dtype}")
        beginnings = self._beginnings()
        width = min(_DIGIT, 8 * self.dtype.itemsize)
        if counts is None:
            counts = np.zeros((*beginnings.shape, 1 << width), np.int64)
        shift = 8 * self.dtype.itemsize - self.bits - width
        _count(_keys(block).reshape(-1, self.channels), beginnings, self.bits, shift, counts)
        return counts

    def narrow(self, counts: Counts) -> "Search":
        """The search with more bits known.

        Args:
            counts: of all blocks, added up.
        """
        if self.bits == 0:
            pixels = int(counts[0, 0].sum())
            return replace(self, pixels=pixels, ranks=self._wanted(pixels))._narrow(counts)
        return self._narrow(counts)

    def values(self) -> tuple[Float64[ndarray, "c percentiles"], AnyArray, AnyArray]:
        """What was looked for, once it is `done`.

        Returns:
            Percentiles of each channel, interpolated between neighbours as `numpy.percentile` does; the smallest grey
            value of each channel, and the largest.
        """
        found = _from_keys(self.prefixes, self.dtype)
        before, after = found[:, 2::2], found[:, 3::2]
        virtual = _positions(self.pixels, self.percentiles)
        return _between(before, after, virtual - np.floor(virtual)), found[:, 0], found[:, 1]

    def _wanted(self, pixels: int) -> Int64[ndarray, "c values"]:
        """Ranks of the smallest value, the largest, and the two neighbours of each percentile."""
        before = np.floor(_positions(pixels, self.percentiles)).astype(np.int64)
        after = np.minimum(before + 1, pixels - 1)
        ranks = np.concatenate([[0, pixels - 1], np.stack([before, after], axis=1).ravel()])
        return np.tile(ranks, (self.channels, 1))

    def _beginnings(self) -> UInt64[ndarray, "c beginnings"]:
        """The prefixes of each channel in order, each once; a channel with fewer repeats its last."""
        each = [np.unique(known) for known in self.prefixes]
        width = max(known.size for known in each)
        return np.stack([np.pad(known, (0, width - known.size), mode="edge") for known in each])

    def _narrow(self, counts: Counts) -> "Search":
        prefixes, ranks, beginnings = self.prefixes.copy(), self.ranks.copy(), self._beginnings()
        width = counts.shape[2].bit_length() - 1
        for channel, place in np.ndindex(*ranks.shape):
            known = self.prefixes[channel, place]
            below = np.cumsum(counts[channel, np.searchsorted(beginnings[channel], known)])
            digit = int(np.searchsorted(below, ranks[channel, place], side="right"))
            ranks[channel, place] -= below[digit - 1] if digit else 0
            prefixes[channel, place] = (int(known) << width) + digit
        return replace(self, prefixes=prefixes, ranks=ranks, bits=self.bits + width)


def search(dtype: np.dtype[np.generic], channels: int, wanted: Sequence[float]) -> Search:
    """A search in which nothing is known yet.

    Args:
        dtype: of the image: bool, or integers or floats of up to 64 bits.
        channels: of the image.
        wanted: percentiles, 0 to 100.
    """
    empty = np.zeros((channels, 2 + 2 * len(wanted)), np.int64)
    return Search(np.dtype(dtype), channels, tuple(wanted), 0, 0, empty.astype(np.uint64), empty)


def searched(blocks: Callable[[], Iterable[RawImage]], wanted: Sequence[float]) -> Search:
    """A search that is done, over all blocks of an image.

    Args:
        blocks: gives all parts of the image, (h, w, c) each, whenever it is called: once for each pass.
        wanted: percentiles, 0 to 100.

    Raises:
        DataError: the image has values that are not finite.
    """
    found: Search | None = None
    while found is None or not found.done:
        counts: Counts | None = None
        for block in blocks():
            found = found or search(block.dtype, block.shape[2], wanted)
            counts = found.count(block, counts)
        if found is None or counts is None:
            raise ValueError("an image has at least one block")
        found = found.narrow(counts)
    return found


def _positions(pixels: int, wanted: Sequence[float]) -> Float64[ndarray, " percentiles"]:
    """Where percentiles lie among the sorted values, counted from 0."""
    return (pixels - 1) * np.true_divide(wanted, 100)


def _between(before: AnyArray, after: AnyArray, share: Float64[ndarray, " percentiles"]) -> AnyArray:
    """Linear interpolation from the nearer end; differences in floats' own type: to the bit `numpy.percentile`'s."""
    if before.dtype.kind != "f":
        before, after = before.astype(np.float64), after.astype(np.float64)
    step = after - before
    return np.where(share < 0.5, before + step * share, after - step * (1 - share))


def _keys(block: RawImage) -> AnyArray:
    """Unsigned integers in the order of the grey values; 0.0 and -0.0 are one."""
    kind, bits = block.dtype.kind, 8 * block.dtype.itemsize
    unsigned = np.dtype(f"u{block.dtype.itemsize}")
    sign = unsigned.type(1 << (bits - 1))
    native = np.ascontiguousarray(block, block.dtype.newbyteorder("="))
    if kind != "f":
        return native.view(unsigned) ^ sign if kind == "i" else native.view(unsigned)
    if not np.isfinite(native).all():
        raise DataError(
            "the image has values that are not finite",
            remedy="replace them, in Python with numpy.nan_to_num(image), and save it again",
        )
    keys = (native + native.dtype.type(0)).view(unsigned)
    negative = (keys.view(f"i{block.dtype.itemsize}") >> (bits - 1)).view(unsigned)  # all bits set, or none
    return keys ^ (negative | sign)


def _from_keys(keys: UInt64[ndarray, "c values"], dtype: np.dtype[np.generic]) -> AnyArray:
    """The grey values of keys."""
    unsigned = np.dtype(f"u{dtype.itemsize}")
    sign = unsigned.type(1 << (8 * dtype.itemsize - 1))
    found = keys.astype(unsigned)
    if dtype.kind == "i":
        found ^= sign
    elif dtype.kind == "f":
        found ^= np.where(found & sign, sign, ~unsigned.type(0))
    return found.view(dtype.newbyteorder("="))


@numba.njit(cache=True, nogil=True)
def _count(keys: AnyArray, beginnings: UInt64[ndarray, "c beginnings"], known: int, shift: int, counts: Counts) -> None:
    """Counts keys by the bits after those known, if they begin with one of those looked for."""
    digits = np.uint64(counts.shape[2] - 1)
    rest = np.uint64(shift)
    for i in range(keys.shape[0]):
        for channel in range(keys.shape[1]):
            key = np.uint64(keys[i, channel]) >> rest
            if known == 0:
                counts[channel, 0, key] += 1
                continue
            prefix = key >> np.uint64(_DIGIT)
            for place in range(beginnings.shape[1]):
                if beginnings[channel, place] == prefix:
                    counts[channel, place, key & digits] += 1
                    break
