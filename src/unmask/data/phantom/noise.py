"""Random numbers that are a function of place: the same pixel of a phantom gets the same number in every window.

A generator with a state would have to run over a whole phantom to reach one window of it. Here each number is the hash
of a seed, a stream's name and a pair of integers (a pixel, or a cell of a lattice), so any part can be made alone. The
hash mixes with the finaliser of SplitMix64 (Steele, Lea, Flood 2014; variant 13 of Stafford). Everything per pixel is
built of sums, products, quotients and table look-ups, which NumPy computes alike wherever an element lies in its array.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float64, Int64, UInt64
from scipy import special

from unmask.arrays import AnyArray

__all__ = ["Window", "drawn", "noise", "number", "smooth_field"]

_ROW_STEP, _COLUMN_STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)
_MULTIPLIERS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

# A uniform node has variance 1/3; cubic B-spline weights squared, summed and averaged over a cell give 151/315 an axis.
_FIELD_GAIN = math.sqrt(3) * 315 / 151


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels of a field that has no edges.

    Attributes:
        seed: of the phantom.
        y0: first row; may be negative.
        x0: first column; may be negative.
        height: in pixels.
        width: in pixels.
    """

    seed: int
    y0: int
    x0: int
    height: int
    width: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns in pixels."""
        return self.height, self.width

    @property
    def rows(self) -> Int64[np.ndarray, "h 1"]:
        """The row of each pixel, as a column."""
        return np.arange(self.y0, self.y0 + self.height)[:, None]

    @property
    def columns(self) -> Int64[np.ndarray, "1 w"]:
        """The column of each pixel, as a row."""
        return np.arange(self.x0, self.x0 + self.width)[None]

    def grown(self, margin: int) -> "Window":
        """The window with `margin` more pixels on each side."""
        return Window(self.seed, self.y0 - margin, self.x0 - margin, self.height + 2 * margin, self.width + 2 * margin)

    def cut(self, image: AnyArray, inner: "Window") -> AnyArray:
        """The part of this window's `image` that lies in `inner`."""
        y, x = inner.y0 - self.y0, inner.x0 - self.x0
        return image[y : y + inner.height, x : x + inner.width]

    def around(self, y: float, x: float, reach: float) -> tuple[slice, slice]:
        """Where this window's arrays hold the pixels within `reach` of (y, x) in rows and in columns; may be empty."""
        top, bottom = math.floor(y - reach) - self.y0, math.ceil(y + reach) - self.y0 + 1
        left, right = math.floor(x - reach) - self.x0, math.ceil(x + reach) - self.x0 + 1
        return slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))


def drawn(seed: int, stream: str, rows: AnyArray, columns: AnyArray) -> Float64[np.ndarray, "*shape"]:
    """A number of [0, 1) for each pair of integers.

    Args:
        seed: of the phantom.
        stream: what the numbers are for; streams of different names are independent.
        rows: integers of any sign, at least one axis.
        columns: the same, of a shape that broadcasts with that of `rows`.
    """
    return (_hashed(seed, stream, rows, columns) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def number(seed: int, stream: str, low: float, high: float) -> float:
    """One number of [low, high) for a whole phantom, such as its exposure."""
    return low + (high - low) * float(drawn(seed, stream, np.zeros(1, np.int64), np.zeros(1, np.int64))[0])


def noise(window: Window, stream: str) -> Float64[np.ndarray, "h w"]:
    """Independent normal numbers, one a pixel: mean 0, standard deviation 1."""
    return np.take(_normal_quantiles(), _hashed(window.seed, stream, window.rows, window.columns) >> np.uint64(48))


def smooth_field(window: Window, stream: str, scale: int) -> Float64[np.ndarray, "h w"]:
    """A smooth random field: uniform values at the nodes of a lattice, joined by cubic B-splines.

    Args:
        window: of the phantom.
        stream: the field's name.
        scale: distance between nodes in pixels; spots are about 1.5 times as large.

    Returns:
        Mean 0, standard deviation 1 on average over a cell of nodes, never beyond 3.62 in size.
    """
    first_row, row_weights = _spline(window.y0, window.height, scale)
    first_column, column_weights = _spline(window.x0, window.width, scale)
    node_rows = np.arange(first_row[0], first_row[-1] + 4)[:, None]
    node_columns = np.arange(first_column[0], first_column[-1] + 4)[None]
    nodes = (2 * drawn(window.seed, stream, node_rows, node_columns) - 1) * _FIELD_GAIN
    along = np.zeros((window.height, nodes.shape[1]))
    for k, weight in enumerate(row_weights):
        along += weight[:, None] * nodes[first_row - first_row[0] + k]
    field = np.zeros(window.size)
    for k, weight in enumerate(column_weights):
        field += weight * along[:, first_column - first_column[0] + k]
    return field


def _hashed(seed: int, stream: str, rows: AnyArray, columns: AnyArray) -> UInt64[np.ndarray, "*shape"]:
    """64 random bits for each pair of integers."""
    key = np.frombuffer(hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest(), "<u8")
    by_row = _mixed(rows.astype(np.uint64) * _ROW_STEP + key)
    return _mixed(columns.astype(np.uint64) * _COLUMN_STEP + by_row)


def _mixed(bits: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    bits = (bits ^ (bits >> np.uint64(30))) * _MULTIPLIERS[0]
    bits = (bits ^ (bits >> np.uint64(27))) * _MULTIPLIERS[1]
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def _spline(start: int, length: int, scale: int) -> tuple[AnyArray, tuple[AnyArray, AnyArray, AnyArray, AnyArray]]:
    """For each pixel of a line, the first of its four nodes and the weights of all four."""
    pixel = np.arange(start, start + length)
    t = (pixel % scale) / scale
    weights = (
        (1 - t) * (1 - t) * (1 - t) / 6,
        (3 * t * t * t - 6 * t * t + 4) / 6,
        (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6,
        t * t * t / 6,
    )
    return pixel // scale - 1, weights


@cache
def _normal_quantiles() -> Float64[np.ndarray, "65536"]:
    return np.asarray(special.ndtri((np.arange(65536) + 0.5) / 65536))
