"""Brain tissue under the electron microscope (ISBI 2012-like): cells of all sizes, dark membranes, organelles, 8 bit.

Cells are those of a power diagram (convex and connected, some far larger than others) seen through a smooth warp that
bends their borders. Membranes take 3 to 6 pixels and belong to no cell.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int32, UInt8
from scipy import ndimage

from unmask.arrays import AnyArray
from unmask.data.phantom.noise import Window, drawn, noise, number, smooth_field
from unmask.data.phantom.shapes import blobs
from unmask.data.phantom.sites import Lattice, Sites, scattered, whole_objects

__all__ = ["membranes"]

_COARSE = 4  # one lattice cell in this many, each way, always holds a large cell: no point is far from a centre
_REACH = 3.4  # in lattice cells: (_COARSE + 0.8) / 2 * sqrt(2), the farthest that a point can be from such a centre
_STRETCH = 1.25  # cells are this much wider than high, before the warp
_BENDS = ((2.4, 0.36), (0.96, 0.14), (0.44, 0.03))  # of the warp: scale and standard deviation, in lattice cells
_NEAR = 12.0  # distances to a membrane count up to here, in pixels
_MITOCHONDRION, _VESICLE = 25.0, 6.0  # median diameters, in pixels
_ORGANELLE_REACH = 32
_FOCUS, _TRUNCATE = 0.8, 3.0


@dataclass(frozen=True)
class _Tissue:
    """What lies at each pixel of a window, before it is painted.

    Attributes:
        window: the window.
        cell: (h, w) int32, the id of the cell, under membranes too.
        distance: (h, w) to the middle of the nearest membrane, in pixels, at most _NEAR.
        thickness: (h, w) from there to the membrane's surface.
        labels: (h, w) int32, ids of cells, 0 at membranes.
    """

    window: Window
    cell: Int32[np.ndarray, "h w"]
    distance: Float64[np.ndarray, "h w"]
    thickness: Float64[np.ndarray, "h w"]
    labels: Int32[np.ndarray, "h w"]

    def cut(self, inner: Window) -> "_Tissue":
        """The part in `inner`."""
        cell, labels = self.window.cut(self.cell, inner), self.window.cut(self.labels, inner)
        distance, thickness = self.window.cut(self.distance, inner), self.window.cut(self.thickness, inner)
        return _Tissue(inner, cell, distance, thickness, labels)


def membranes(
    window: Window, shape: tuple[int, int], diameter: float, density: float
) -> tuple[UInt8[np.ndarray, "h w"], Int32[np.ndarray, "h w"]]:
    """A window of a phantom of cells in brain tissue.

    Args:
        window: inside the phantom.
        shape: (h, w) of the phantom.
        diameter: of a cell of middling size, in pixels.
        density: how many small cells lie between the large ones: the share of lattice cells that hold one.

    Returns:
        The image, and the label image of cells by their ids.
    """
    painted = window.grown(_ORGANELLE_REACH + 4)
    spacing = max(round(0.55 * diameter), 4)
    extent = math.ceil(spacing * (_REACH * _STRETCH + 3.62 * sum(size for _, size in _BENDS))) + 2
    wide = painted.grown(2 * extent + math.ceil(_NEAR))
    tissue = _grown_tissue(wide, shape, spacing, density, extent, smallest=max(int(0.02 * diameter**2), 1))
    image = _painted(tissue.cut(painted), shape)
    return _scanned(window, painted, image), wide.cut(tissue.labels, window)


def _grown_tissue(
    window: Window, shape: tuple[int, int], spacing: int, density: float, extent: int, smallest: int
) -> _Tissue:
    cell = _tessellated(window, shape, spacing, density, extent)
    edge = np.zeros(cell.shape, np.bool_)  # both sides of a border
    below, right = cell[1:] != cell[:-1], cell[:, 1:] != cell[:, :-1]
    edge[1:] |= below
    edge[:-1] |= below
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    distance = np.minimum(ndimage.distance_transform_edt(~edge) + 0.5, _NEAR)
    thickness = np.clip(2.1 + 0.4 * smooth_field(window, "membrane.thickness", 30), 1.5, 3.0)
    labels = whole_objects(np.where(distance > thickness, cell, 0), smallest)
    return _Tissue(window, cell, distance, thickness, labels)


def _tessellated(
    window: Window, shape: tuple[int, int], spacing: int, density: float, extent: int
) -> Int32[np.ndarray, "h w"]:
    """The cell of each pixel: the power diagram of the centres, warped."""
    y = _bent(window, window.rows, "y", spacing)
    x = _bent(window, window.columns, "x", spacing) / _STRETCH
    sites = _centres(window, shape, spacing, density, extent)
    places = sites.y.tolist(), sites.x.tolist(), sites.radius.tolist()
    cell, power = np.zeros(window.size, np.int32), np.full(window.size, np.inf)
    for label, centre_y, centre_x, radius in zip(sites.ids, *places, strict=True):
        part = window.around(centre_y, centre_x * _STRETCH, extent)
        if cell[part].size == 0:
            continue
        dy, dx = y[part] - centre_y, x[part] - centre_x
        mine = dy * dy + dx * dx - radius * radius
        closer = mine < power[part]
        np.copyto(power[part], mine, where=closer)
        np.copyto(cell[part], label, where=closer)
    return cell


def _bent(window: Window, place: AnyArray, axis: str, spacing: int) -> Float64[np.ndarray, "h w"]:
    """Rows or columns, moved to and fro by the warp."""
    bent = np.broadcast_to(place, window.size).astype(np.float64)
    for k, (scale, size) in enumerate(_BENDS):
        bent += size * spacing * smooth_field(window, f"tissue.bend.{axis}{k}", max(round(scale * spacing), 2))
    return bent


def _centres(window: Window, shape: tuple[int, int], spacing: int, density: float, extent: int) -> Sites:
    """A few large cells in regular disorder, many small ones between them in some places.

    Their columns are those of an image that is squeezed by _STRETCH.
    """
    left, width = math.floor(window.x0 / _STRETCH), math.ceil(window.width / _STRETCH) + 1
    squeezed = Window(window.seed, window.y0, left, window.height, width)
    lattice = Lattice((shape[0], math.ceil(shape[1] / _STRETCH)), spacing)
    sites = scattered(
        squeezed, lattice, "tissue", reach=extent, diameter=1.2 * spacing, spread=0.25, density=density, clumping=0.4
    )
    large = (sites.rows % _COARSE == 0) & (sites.columns % _COARSE == 0)
    radius = np.where(large, spacing, np.minimum(sites.radius, spacing))
    return replace(sites, radius=radius, present=sites.present | large).listed()


def _painted(tissue: _Tissue, shape: tuple[int, int]) -> Float64[np.ndarray, "h w"]:
    """Grey values before the beam's noise: cytoplasm, then organelles, then membranes over all."""
    window = tissue.window
    grain = 13 * smooth_field(window, "cytoplasm.fine", 2) + 10 * smooth_field(window, "cytoplasm.coarse", 4)
    hue = drawn(window.seed, "cytoplasm.hue", tissue.cell, np.zeros_like(tissue.cell))
    image = 158 + 34 * hue + grain
    _paint_vesicles(window, shape, image)
    _paint_mitochondria(tissue, shape, image)
    stain = np.clip(0.9 + 0.16 * smooth_field(window, "membrane.stain", 25), 0.5, 1.1)  # oblique cuts are pale
    depth = np.clip((tissue.thickness + 1 - tissue.distance) / 2, 0, 1) * stain
    lost = (tissue.labels == 0) & (tissue.distance > tissue.thickness)  # tips of cells too thin to be seen as cells
    depth = np.where(lost, np.maximum(depth, 0.7 * stain), depth)
    synapse = np.clip(smooth_field(window, "membrane.synapse", 16) - 1.7, 0, 0.8) / 0.8
    depth = np.maximum(depth, synapse * np.clip((9 - tissue.distance) / 5, 0, 1))
    return np.asarray(image + depth * (58 + 0.5 * grain - image))


def _paint_vesicles(window: Window, shape: tuple[int, int], image: Float64[np.ndarray, "h w"]) -> None:
    """Small dark rings and dots, many in some places."""
    extent = math.ceil(_VESICLE)
    sites = scattered(
        window,
        Lattice(shape, 8),
        "vesicle",
        reach=extent,
        diameter=_VESICLE,
        spread=0.15,
        density=0.1,
        clumping=0.16,
    ).listed()
    rows, columns = window.rows, window.columns
    for y, x, radius in zip(sites.y.tolist(), sites.x.tolist(), sites.radius.tolist(), strict=True):
        part = window.around(y, x, extent)
        dy, dx = rows[part[0]] - y, columns[:, part[1]] - x
        ring = np.sqrt(dy * dy + dx * dx) - (radius - 0.8)
        image[part] -= 55 * np.maximum(1 - ring * ring / 1.7, 0)


def _paint_mitochondria(tissue: _Tissue, shape: tuple[int, int], image: Float64[np.ndarray, "h w"]) -> None:
    """Grey ovals with a dark rim and faint folds, each inside the one cell that holds its centre."""
    window = tissue.window
    sites = scattered(
        window,
        Lattice(shape, 48),
        "mitochondrion",
        reach=_ORGANELLE_REACH,
        diameter=_MITOCHONDRION,
        spread=0.12,
        density=0.5,
        clumping=0.2,
    ).listed()
    for blob in blobs(sites, "mitochondrion", stretch=0.15, lobes=0.06):
        part = window.around(blob.y, blob.x, _ORGANELLE_REACH)
        row, column = math.floor(blob.y) - window.y0, math.floor(blob.x) - window.x0
        if not (0 <= row < window.height and 0 <= column < window.width):
            continue  # too far away to be seen
        if tissue.distance[row, column] < 7:
            continue  # too narrow a place
        _, across, distance = blob.frame(window.rows[part[0]], window.columns[:, part[1]])
        depth = np.minimum((1 - distance) * blob.short, tissue.distance[part] - tissue.thickness[part] - 1)
        depth = np.where(tissue.labels[part] == tissue.labels[row, column], depth, 0)
        wave = np.abs((across * blob.short / 4) % 1 - 0.5)  # folds of the inner membrane
        shade = np.where(depth < 2, 66, 128 - 90 * wave) + 0.6 * (image[part] - 170)
        opacity = np.clip(depth, 0, 1)
        image[part] += opacity * (shade - image[part])


def _scanned(window: Window, painted: Window, image: Float64[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Grey values of 8 bits: focus, uneven brightness of the section, noise of the beam."""
    sharp = painted.cut(ndimage.gaussian_filter(image, _FOCUS, truncate=_TRUNCATE), window)
    section = 10 * smooth_field(window, "beam.section", 180)
    grey = sharp + section + number(window.seed, "beam.noise", 6, 13) * noise(window, "beam.noise")
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)
