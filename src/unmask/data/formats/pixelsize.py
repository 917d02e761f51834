"""The size of a pixel in micrometres, where a file says it.

A file says it in five ways: OME's PhysicalSizeX and Y with a unit; the scale and the units of an OME-Zarr's axes;
ImageJ's `unit=micron` beside TIFF resolution tags, which then count pixels per that unit; TIFF resolution tags in
centimetres or inches; and dots per inch in PNG, JPEG and BMP. Programs that know no pixel size fill in the resolution
of a screen or printer, so those are not believed.
"""

import math
from typing import Any
from xml.etree import ElementTree

__all__ = ["from_dpi", "from_ome", "from_resolution", "from_scale"]

MICROMETRES = {
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "um": 1.0,
    "µm": 1.0,  # the micro sign, U+00B5
    "μm": 1.0,  # the Greek letter, U+03BC
    "\\u00b5m": 1.0,  # as ImageJ escapes it
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "inch": 25_400.0,
    "in": 25_400.0,
    "m": 1e6,
    "meter": 1e6,
}
SCREENS_AND_PRINTERS = (1.0, 72.0, 96.0, 100.0, 150.0, 300.0)  # dots per inch that nobody measured


def from_resolution(per_unit: tuple[float, float], unit: str) -> tuple[float, float] | None:
    """Pixel size from pixels per unit of length.

    Args:
        per_unit: (y, x), pixels in one unit.
        unit: "micron", "cm", "inch" ... as ImageJ, OME and TIFF name units.

    Returns:
        (y, x) in micrometres; None for a unit that is no length, for values that are not positive, and for the
        resolutions of screens and printers (1, 72, 96, 100, 150 and 300 dots per inch).
    """
    scale = MICROMETRES.get(unit.lower())
    if scale is None or min(per_unit) <= 0:
        return None
    size = _sound(scale / per_unit[0], scale / per_unit[1])
    if size is None or any(abs(25_400.0 / size[1] - dpi) < 0.6 for dpi in SCREENS_AND_PRINTERS):
        return None
    return size


def from_dpi(dpi: tuple[float, float] | None) -> tuple[float, float] | None:
    """Pixel size from Pillow's (x, y) dots per inch; (y, x) in micrometres or None, as `from_resolution`."""
    return None if dpi is None else from_resolution((float(dpi[1]), float(dpi[0])), "inch")


def from_ome(xml: str) -> tuple[float, float] | None:
    """Pixel size from OME-XML: PhysicalSizeY and PhysicalSizeX, in micrometres unless a unit is given.

    Source: https://docs.openmicroscopy.org/ome-model/

    Returns:
        (y, x) in micrometres, or None where the first image gives no length.
    """
    try:
        pixels = next(element for element in ElementTree.fromstring(xml).iter() if element.tag.endswith("}Pixels"))
    except (ElementTree.ParseError, StopIteration):
        return None
    return _sound(_ome_length(pixels.attrib, "Y"), _ome_length(pixels.attrib, "X"))


def from_scale(scale: tuple[float, float], units: tuple[str, str]) -> tuple[float, float] | None:
    """Pixel size from the scale of an OME-Zarr image.

    Args:
        scale: (y, x), distance of pixels.
        units: of y and of x, such as "micrometer"; empty where there is none.

    Returns:
        (y, x) in micrometres; None without units of length.
    """
    y, x = (length * MICROMETRES.get(unit.lower(), 0.0) for length, unit in zip(scale, units, strict=True))
    return _sound(y, x)


def _ome_length(attributes: dict[str, Any], axis: str) -> float:
    scale = MICROMETRES.get(str(attributes.get(f"PhysicalSize{axis}Unit", "µm")).lower(), 0.0)
    try:
        return float(attributes.get(f"PhysicalSize{axis}", 0)) * scale
    except ValueError:
        return 0.0


def _sound(y: float, x: float) -> tuple[float, float] | None:
    return (y, x) if 0 < y < math.inf and 0 < x < math.inf else None
