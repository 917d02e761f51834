"""Cells under phase contrast: sheets of cells in contact with gaps between them, dark inside, with bright halos.

A phase-contrast microscope shows how much a cell delays light, less the mean of its surroundings (the phase ring is not
a point): so borders glow and the middle of a large cell fades to the grey of the background. Yin, Kanade and Chen 2012
model it so, and so does this file: image = lamp * (1 - contrast * (phase - blurred phase)). A cell that rounds up
delays light by more than half a wave, and turns bright.
"""

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt16
from scipy import ndimage

from unmask.data.phantom.noise import Window, noise, number, smooth_field
from unmask.data.phantom.shapes import blobs
from unmask.data.phantom.sites import Lattice, Sites, settled, whole_objects

__all__ = ["cells"]

_SPREAD, _STRETCH, _LOBES = 0.14, 0.12, 0.1
_FOCUS, _RING, _TRUNCATE = 0.8, 7.0, 3.0  # sigmas of the optics and of the phase ring, in pixels
_BEND = 1.6  # standard deviation of the shifts that make borders wavy, in pixels
_NO_CELL = -1
_NO_LOBES = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))


def cells(
    window: Window, shape: tuple[int, int], diameter: float, density: float
) -> tuple[UInt16[np.ndarray, "h w"], Int32[np.ndarray, "h w"]]:
    """A window of a phantom of cells.

    Args:
        window: inside the phantom.
        shape: (h, w) of the phantom.
        diameter: median of a cell that lies alone, in pixels.
        density: share of lattice cells that hold a cell.

    Returns:
        The image, and the label image of cells by their ids.
    """
    extent = math.ceil(diameter / 2 * math.exp(2.5 * (_SPREAD + _STRETCH)) * (1 + 3.1 * _LOBES) + 3.7 * _BEND) + 2
    wide = window.grown(2 * extent + math.ceil(_TRUNCATE * _RING) + 1)
    lattice = Lattice(shape, max(round(0.82 * diameter), 4))
    sites = settled(wide, lattice, reach=extent, diameter=diameter, spread=_SPREAD, contact=0.8, density=density)
    owner, rim = _spread_out(wide, sites, extent)
    labels = np.append(sites.ids, np.int32(0))[owner]
    labels = whole_objects(labels, smallest=max(int(0.1 * diameter**2), 1))
    granules = _organelles(wide, sites, owner, extent) * np.minimum(rim / 0.2, 1)
    phase = np.where(labels > 0, _thickness(sites, owner, rim) + granules, 0.0)
    return _photographed(window, wide, phase), wide.cut(labels, window)


def _spread_out(
    window: Window, sites: Sites, extent: int
) -> tuple[Int64[np.ndarray, "h w"], Float64[np.ndarray, "h w"]]:
    """Which cell covers a pixel (its place in `sites`, or -1), and how deep: 0 at a border, 1 in the middle."""
    nearest, second = np.ones(window.size), np.ones(window.size)
    owner = np.full(window.size, _NO_CELL)
    rows = window.rows + _BEND * smooth_field(window, "cell.bend.y", 9)
    columns = window.columns + _BEND * smooth_field(window, "cell.bend.x", 9)
    rounded = _rounded(sites)
    for k, blob in enumerate(blobs(sites, "cell", stretch=_STRETCH, lobes=_LOBES)):
        if rounded[k]:
            blob = replace(blob, long=0.62 * blob.long, short=0.62 * blob.short, lobes=_NO_LOBES)
        part = window.around(blob.y, blob.x, extent)
        if owner[part].size == 0:
            continue
        _, _, distance = blob.frame(rows[part], columns[part])
        closer = distance < nearest[part]
        second[part] = np.minimum(second[part], np.maximum(nearest[part], distance))
        nearest[part][closer] = distance[closer]
        owner[part][closer] = k
    return owner, second - nearest


def _rounded(sites: Sites) -> list[bool]:
    """The few cells that round up before they divide."""
    return [part < 0.06 for part in sites.uniform("cell.rounded")]


def _thickness(
    sites: Sites, owner: Int64[np.ndarray, "h w"], rim: Float64[np.ndarray, "h w"]
) -> Float64[np.ndarray, "h w"]:
    """Phase of the cell bodies in half waves: flat with steep borders, or a ball that delays much more."""
    flat = sites.uniform("cell.height", 0.5, 0.9)
    heights = [3.4 if ball else height for ball, height in zip(_rounded(sites), flat, strict=True)]
    slope = np.minimum(rim / 0.3, 1)
    return np.asarray(np.array([*heights, 0.0])[owner] * slope * (2 - slope))


def _organelles(
    window: Window, sites: Sites, owner: Int64[np.ndarray, "h w"], extent: int
) -> Float64[np.ndarray, "h w"]:
    """Phase of granules, thickest around nuclei, and of nuclei with nucleoli."""
    grain = smooth_field(window, "cell.grain.fine", 2) + 0.8 * smooth_field(window, "cell.grain.coarse", 4)
    phase = 0.11 * grain
    nuclei = blobs(sites, "cell.nucleus", stretch=0.1, lobes=0.05)
    spots = [
        (sites.uniform(f"cell.nucleolus{n}.y", -0.5, 0.5), sites.uniform(f"cell.nucleolus{n}.x", -0.5, 0.5))
        for n in range(2)
    ]
    for k, nucleus in enumerate(nuclei):
        part = window.around(nucleus.y, nucleus.x, extent)
        if phase[part].size == 0:
            continue
        along, across, distance = nucleus.frame(window.rows[part[0]], window.columns[:, part[1]])
        along, across, distance = along / 0.42, across / 0.42, distance / 0.42
        inside = np.clip((1 - distance) * 4, 0, 1)
        envelope = np.maximum(1 - np.abs(distance - 1) * 5, 0)
        body = phase[part] * (1 - 0.75 * inside) - 0.12 * inside + 0.16 * envelope
        for ys, xs in spots:
            da, db = along - ys[k], across - xs[k]
            body += 0.55 * np.maximum(1 - (da * da + db * db) * 14, 0)
        phase[part] = np.where(owner[part] == k, body, phase[part])
    return phase


def _photographed(window: Window, wide: Window, phase: Float64[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w"]:
    """Grey values of a 12-bit camera: lamp, contrast by the phase ring, optics, shot noise."""
    phase = np.maximum(np.minimum(phase, 2.2 - phase), -1.1)  # past half a wave a longer delay is brighter
    delayed = phase - ndimage.gaussian_filter(phase, _RING, truncate=_TRUNCATE)
    shown = wide.cut(ndimage.gaussian_filter(delayed, _FOCUS, truncate=_TRUNCATE), window)
    contrast = number(window.seed, "phase.contrast", 0.22, 0.38)
    lamp = 1 + 0.05 * smooth_field(window, "phase.lamp", 260) + 0.012 * smooth_field(window, "phase.dust", 7)
    light = number(window.seed, "phase.exposure", 1100, 1700) * lamp * (1 - contrast * shown)
    grey = light + np.sqrt(light) * number(window.seed, "phase.noise", 0.5, 1.2) * noise(window, "phase.shot")
    return np.asarray(np.clip(np.rint(grey), 0, 4095), np.uint16)
