"""Where the objects of a phantom lie: one at most in each cell of a square lattice, moved by its neighbours.

An object's id is the number of its lattice cell, so ids are unique over a phantom of any size and need no counting.
Everything an object is made of (place, size, brightness, shape) is hashed from the indices of its cell.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64
from skimage import measure

from unmask.arrays import AnyArray, LabelImage
from unmask.data.phantom.noise import Window, drawn, smooth_field
from unmask.errors import DataError

__all__ = ["Lattice", "Sites", "scattered", "settled", "whole_objects"]

_RING = 2  # neighbours in this many lattice cells each way push and pull an object
_ROUNDS = 4  # of pushing and pulling
_EDGE = 8  # lattice cells outside the phantom that still hold objects: these reach into it


@dataclass(frozen=True)
class Lattice:
    """Square cells of `spacing` pixels over a phantom and a little beyond its edges.

    Attributes:
        shape: (h, w) of the phantom, in pixels.
        spacing: side of a cell, in pixels.

    Raises:
        DataError: more cells than int32 has ids.
    """

    shape: tuple[int, int]
    spacing: int

    def __post_init__(self) -> None:
        largest = np.iinfo(np.int32).max
        if math.prod(self.cells) > largest:
            problem = (
                f"a phantom of {self.shape[0]} x {self.shape[1]} pixels has more than {largest} places for objects"
            )
            raise DataError(problem, remedy="choose a smaller shape or a larger diameter")

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of cells, with those beyond the edges."""
        return tuple(-(-side // self.spacing) + 2 * _EDGE for side in self.shape)  # type: ignore[return-value]

    def near(self, window: Window, margin: int) -> tuple[Int64[np.ndarray, "r 1"], Int64[np.ndarray, "1 c"]]:
        """Indices of the cells with a pixel within `margin` of the window, also such as lie outside the lattice."""
        wide = window.grown(margin)
        s = self.spacing
        rows = np.arange(wide.y0 // s, (wide.y0 + wide.height - 1) // s + 1)
        columns = np.arange(wide.x0 // s, (wide.x0 + wide.width - 1) // s + 1)
        return rows[:, None], columns[None]

    def ids(self, rows: AnyArray, columns: AnyArray) -> Int32[np.ndarray, "*shape"]:
        """The id of each cell, from 1; 0 where a cell lies outside the lattice."""
        n_rows, n_columns = self.cells
        row, column = np.broadcast_arrays(rows + _EDGE, columns + _EDGE)
        inside = (row >= 0) & (row < n_rows) & (column >= 0) & (column < n_columns)
        return np.where(inside, row * n_columns + column + 1, 0).astype(np.int32)


@dataclass(frozen=True)
class Sites:
    """Places for objects near a window: arrays of one shape, (r, c) by lattice cells, or (n,) ordered by id.

    Attributes:
        seed: of the phantom.
        rows: of the lattice, int64.
        columns: of the lattice, int64.
        ids: int32; 0 where a cell lies outside the lattice.
        y: centres in pixels of the phantom.
        x: the same.
        radius: in pixels.
        present: whether the cell holds an object.
    """

    seed: int
    rows: Int64[np.ndarray, "*shape"]
    columns: Int64[np.ndarray, "*shape"]
    ids: Int32[np.ndarray, "*shape"]
    y: Float64[np.ndarray, "*shape"]
    x: Float64[np.ndarray, "*shape"]
    radius: Float64[np.ndarray, "*shape"]
    present: Bool[np.ndarray, "*shape"]

    def listed(self, edge: int = 0) -> "Sites":
        """The objects that are there, as (n,) arrays, without those of the outer `edge` rows and columns of cells."""
        keep = self.present & (self.ids > 0)
        if edge:
            keep[:edge], keep[-edge:], keep[:, :edge], keep[:, -edge:] = False, False, False, False
        arrays = (self.rows, self.columns, self.ids, self.y, self.x, self.radius, self.present)
        return Sites(self.seed, *(array[keep] for array in arrays))

    def uniform(self, stream: str, low: float = 0.0, high: float = 1.0) -> list[float]:
        """One number of [low, high) an object, for (n,) sites."""
        numbers: list[float] = (low + (high - low) * drawn(self.seed, stream, self.rows, self.columns)).tolist()
        return numbers

    def lognormal(self, stream: str, sigma: float) -> list[float]:
        """One positive number of median 1 an object, for (n,) sites; at most a factor exp(2.5 sigma) from 1."""
        numbers: list[float] = _lognormal(self.seed, stream, self.rows, self.columns, sigma).tolist()
        return numbers


def scattered(
    window: Window,
    lattice: Lattice,
    stream: str,
    *,
    reach: int,
    diameter: float,
    spread: float,
    density: float,
    clumping: float,
) -> Sites:
    """Objects at random places, crowded here and sparse there.

    Args:
        window: of the phantom.
        lattice: of the phantom.
        stream: name of the random numbers.
        reach: all lattice cells with a pixel within this many pixels of the window are returned.
        diameter: median, in pixels.
        spread: of diameters, as the sigma of a lognormal law.
        density: share of lattice cells that hold an object, averaged over a large phantom.
        clumping: standard deviation of that share; it varies over about five lattice cells.
    """
    seed = window.seed
    rows, columns = np.broadcast_arrays(*lattice.near(window, reach))
    y = (rows + 0.1 + 0.8 * drawn(seed, f"{stream}.y", rows, columns)) * lattice.spacing
    x = (columns + 0.1 + 0.8 * drawn(seed, f"{stream}.x", rows, columns)) * lattice.spacing
    radius = diameter / 2 * _lognormal(seed, f"{stream}.size", rows, columns, spread)
    cells = Window(seed, int(rows[0, 0]), int(columns[0, 0]), *rows.shape)
    share = density + clumping * smooth_field(cells, f"{stream}.density", 5)
    present = drawn(seed, f"{stream}.present", rows, columns) < share
    return Sites(seed, rows, columns, lattice.ids(rows, columns), y, x, radius, present)


def settled(
    window: Window, lattice: Lattice, *, reach: int, diameter: float, spread: float, contact: float, density: float
) -> Sites:
    """Objects moved out of each other and towards neighbours that they almost touch, as cells settle on a dish.

    Args:
        window: of the phantom.
        lattice: of the phantom.
        reach: of an object around its centre, in pixels; all objects that reach into the window are returned.
        diameter: median, in pixels.
        spread: of diameters, as the sigma of a lognormal law.
        contact: two objects are at rest when their centres are this many times the sum of their radii apart.
        density: share of lattice cells that hold an object, averaged over a large phantom.

    Returns:
        (n,) sites.
    """
    edge = _RING * _ROUNDS  # an object feels cells up to this many away, so the outer ones of the block come out wrong
    margin = reach + (2 + edge) * lattice.spacing
    sites = scattered(
        window, lattice, "site", reach=margin, diameter=diameter, spread=spread, density=density, clumping=0.35
    )
    y, x = sites.y, sites.x
    for _ in range(_ROUNDS):
        y, x = _pushed(y, x, sites.radius, sites.present, contact)
    return replace(sites, y=y, x=x).listed(edge)


def _pushed(
    y: AnyArray, x: AnyArray, radius: AnyArray, present: AnyArray, contact: float
) -> tuple[Float64[np.ndarray, "r c"], Float64[np.ndarray, "r c"]]:
    """One round: each object moves by a part of what its neighbours want."""
    push_y, push_x = np.zeros_like(y), np.zeros_like(x)
    steps = range(-_RING, _RING + 1)
    for offset in [(i, j) for i in steps for j in steps if (i, j) != (0, 0)]:
        dy, dx = y - np.roll(y, offset, (0, 1)), x - np.roll(x, offset, (0, 1))
        distance = np.maximum(np.sqrt(dy * dy + dx * dx), 1e-3)
        rest = contact * (radius + np.roll(radius, offset, (0, 1)))
        wanted = np.where(distance < 1.25 * rest, rest - distance, 0.0)
        strength = np.where(wanted > 0, 0.35, 0.2) * wanted * np.roll(present, offset, (0, 1)) / distance
        push_y += strength * dy
        push_x += strength * dx
    limit = 0.2 * radius
    return y + np.clip(push_y, -limit, limit), x + np.clip(push_x, -limit, limit)


def whole_objects(labels: LabelImage, smallest: int) -> LabelImage:
    """Leaves the largest connected piece (4 neighbours) of each object, and none of less than `smallest` pixels.

    True for those objects that lie wholly in the image, so the image must be a window grown by an object's extent.
    """
    pieces = measure.label(labels, background=0, connectivity=1)  # type: ignore[no-untyped-call]
    sizes = np.bincount(pieces.ravel())
    owner = np.zeros(sizes.size, np.int32)
    owner[pieces] = labels
    order = np.lexsort((np.arange(sizes.size), -sizes, owner))
    keep = np.zeros(sizes.size, np.bool_)
    keep[order[np.diff(owner[order], prepend=-1) > 0]] = True
    keep &= sizes >= smallest
    return np.where(keep[pieces], labels, 0).astype(np.int32)


def _lognormal(
    seed: int, stream: str, rows: AnyArray, columns: AnyArray, sigma: float
) -> Float64[np.ndarray, "*shape"]:
    """Positive numbers of median 1, at most 2.5 sigma from it on a logarithmic scale."""
    normal = sum(2 * drawn(seed, f"{stream}.{part}", rows, columns) - 1 for part in "abc")  # nearly, of variance 1
    exponents = sigma * np.clip(normal, -2.5, 2.5)
    return np.array([math.exp(exponent) for exponent in exponents.flat]).reshape(exponents.shape)
