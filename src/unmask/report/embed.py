"""Files inside the page: data URIs."""

import base64
import io

import numpy as np
from PIL import Image

from unmask.arrays import AnyArray, ClassMap

__all__ = ["data_uri", "map_uri", "png_uri"]


def data_uri(content: bytes, kind: str) -> str:
    """A file as a URI that holds it.

    Args:
        content: of the file.
        kind: its media type, "image/png".
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def png_uri(picture: AnyArray) -> str:
    """A PNG of a picture, (h, w, 3) uint8; grey ones take a third."""
    grey = bool((picture == picture[..., :1]).all())
    return _png(Image.fromarray(np.ascontiguousarray(picture[..., 0] if grey else picture)))


def map_uri(classes: ClassMap, colours: AnyArray) -> str:
    """A PNG of a class map, its background transparent.

    Args:
        classes: (h, w).
        colours: (n, 3) uint8 of classes 1, 2, ...; used again from the first where there are more classes.
    """
    table = np.concatenate([np.zeros((1, 3), np.uint8), np.resize(colours, (255, 3))])
    image = Image.fromarray(classes)
    image.putpalette(table.tobytes())
    return _png(image, transparency=0)


def _png(image: Image.Image, transparency: int | None = None) -> str:
    buffer = io.BytesIO()
    if transparency is None:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "PNG", optimize=True, transparency=transparency)
    return data_uri(buffer.getvalue(), "image/png")
