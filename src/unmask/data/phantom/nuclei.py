"""Fluorescent nuclei (DAPI-like): touching, of very unequal brightness, textured, blurred, on an uneven background.

The image is a count of photons: nuclei add up where they overlap, the optics blur them and spread a haze of light
from out of focus, a camera with offset and read noise turns photons into 12-bit numbers.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32, UInt16
from scipy import ndimage

from unmask.arrays import AnyArray
from unmask.data.phantom.noise import Window, noise, number, smooth_field
from unmask.data.phantom.shapes import Blob, blobs
from unmask.data.phantom.sites import Lattice, Sites, settled, whole_objects

__all__ = ["nuclei"]

_SPREAD = 0.18  # of diameters: 2.5 sigma is a factor of 1.57
_STRETCH, _LOBES = 0.14, 0.08  # at most a factor of 1.42 along the axis, and 1.25 by the lobes
_FOCUS, _HAZE, _TRUNCATE = 1.0, 9.0, 3.0  # sigmas of the sharp and of the diffuse part of the optics, in pixels
_OFFSET, _FULL = 100.0, 4095  # camera: grey value without light, largest value of 12 bits


@dataclass(frozen=True)
class _Stain:
    """How a nucleus shines: brightness, width of its edge in pixels, weights of two textures, dark or bright spots."""

    brightness: float
    edge: float
    fine: float
    coarse: float
    depth: float  # of the spots: nucleoli are dark (positive), condensed chromatin is bright (negative)
    spots: tuple[tuple[float, float, float], ...]  # along, across, radius in units of the half axes


def nuclei(
    window: Window, shape: tuple[int, int], diameter: float, density: float
) -> tuple[UInt16[np.ndarray, "h w"], Int32[np.ndarray, "h w"]]:
    """A window of a phantom of nuclei.

    Args:
        window: inside the phantom.
        shape: (h, w) of the phantom.
        diameter: median, in pixels.
        density: share of lattice cells that hold a nucleus.

    Returns:
        The image, and the label image of nuclei by their ids.
    """
    extent = math.ceil(diameter / 2 * math.exp(2.5 * (_SPREAD + _STRETCH)) * (1 + 3.1 * _LOBES)) + 3
    wide = window.grown(max(2 * extent, math.ceil(_TRUNCATE * _HAZE) + 1))
    lattice = Lattice(shape, max(round(1.1 * diameter), 4))
    sites = settled(wide, lattice, reach=extent, diameter=diameter, spread=_SPREAD, contact=0.92, density=density)
    light, labels = _stained(wide, sites, extent)
    labels = whole_objects(labels, smallest=max(int(0.1 * diameter**2), 1))
    return _photographed(window, wide.cut(_focused(light), window)), wide.cut(labels, window)


def _stained(window: Window, sites: Sites, extent: int) -> tuple[Float64[np.ndarray, "h w"], Int32[np.ndarray, "h w"]]:
    """Light of the nuclei before the optics (1 is a nucleus of median brightness), and their labels."""
    light, nearest = np.zeros(window.size), np.ones(window.size)
    labels = np.zeros(window.size, np.int32)
    rows, columns = window.rows, window.columns
    fine, coarse = smooth_field(window, "chromatin.fine", 2), smooth_field(window, "chromatin.coarse", 4)
    shapes = blobs(sites, "nucleus", stretch=_STRETCH, lobes=_LOBES)
    for label, blob, stain in zip(sites.ids, shapes, _stains(sites), strict=True):
        part = window.around(blob.y, blob.x, extent)
        if light[part].size == 0:
            continue
        along, across, distance = blob.frame(rows[part[0]], columns[:, part[1]])
        texture = 1 + stain.fine * fine[part] + stain.coarse * coarse[part]
        light[part] += _glow(stain, blob, along, across, distance) * np.maximum(texture, 0.2)
        closer = distance < nearest[part]
        nearest[part][closer] = distance[closer]
        labels[part][closer] = label
    return light, labels


def _stains(sites: Sites) -> list[_Stain]:
    brightness, condensed = sites.lognormal("stain.brightness", 0.5), sites.uniform("stain.condensed")
    edge = sites.uniform("stain.edge")
    grain, mixture = sites.uniform("stain.grain", 0.06, 0.26), sites.uniform("stain.mixture")
    depth = sites.uniform("stain.depth", -0.35, 0.5)
    places = [
        [sites.uniform(f"stain.spot{n}.{part}", -0.55, 0.55) for part in ("along", "across", "radius")]
        for n in range(3)
    ]
    stains = []
    for k in range(len(edge)):
        spots = tuple((along[k], across[k], 0.22 + 0.25 * size[k]) for along, across, size in places if size[k] > -0.2)
        bright = brightness[k] * (2.2 if condensed[k] < 0.04 else 1.0)  # in division: the chromatin condenses
        blur = 2.0 + 8 * max(edge[k] - 0.75, 0.0)  # some lie out of focus
        stains.append(_Stain(bright, blur, grain[k] * mixture[k], grain[k] * (1 - mixture[k]), depth[k], spots))
    return stains


def _glow(
    stain: _Stain, blob: Blob, along: AnyArray, across: AnyArray, distance: AnyArray
) -> Float64[np.ndarray, "h w"]:
    """Light of one nucleus: a flat lens with a soft edge, and spots."""
    width = stain.edge / blob.short
    edge = np.clip((1 - distance) / width + 0.5, 0, 1)
    lens = edge * edge * (3 - 2 * edge) * (0.5 + 0.5 * np.sqrt(np.maximum(1 - distance * distance, 0)))
    for spot_along, spot_across, radius in stain.spots:
        da, db = along - spot_along, across - spot_across
        dip = np.maximum(1 - (da * da + db * db) / (radius * radius), 0)
        lens *= 1 - stain.depth * dip * dip
    return np.asarray(stain.brightness * lens)


def _focused(light: Float64[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w"]:
    """Light after the optics: most of it sharp, some from far above and below the focus."""
    sharp = ndimage.gaussian_filter(light, _FOCUS, truncate=_TRUNCATE)
    haze = ndimage.gaussian_filter(light, _HAZE, truncate=_TRUNCATE)
    return np.asarray(0.88 * sharp + 0.12 * haze)


def _photographed(window: Window, light: Float64[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w"]:
    """Grey values: illumination and background are uneven; shot noise follows the light, read noise does not."""
    exposure = 60 * math.exp(number(window.seed, "camera.exposure", 0, 2.2))  # photons of a median nucleus
    glow = exposure * number(window.seed, "camera.background", 0.05, 0.5)
    lamp = 1 + 0.08 * smooth_field(window, "camera.lamp", 300)
    background = glow * (1 + 0.2 * smooth_field(window, "camera.background", 160))
    photons = lamp * (exposure * light + background)
    shot = noise(window, "camera.shot")
    # A Poisson number from a normal one, with its skew (Cornish and Fisher 1938): enough from a few photons upwards.
    counts = np.maximum(photons + np.sqrt(photons) * shot + (shot * shot - 1) / 6, 0)
    grey = _OFFSET + counts + 2.0 * noise(window, "camera.read")
    return np.asarray(np.clip(np.rint(grey), 0, _FULL), np.uint16)
