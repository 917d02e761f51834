"""Array types and the legend of their axes.

Axes, in the order in which they stand:

    b       images of a batch
    c       channels of an image, or classes of a network's output (0 is always background)
    h, w    rows (y, downwards) and columns (x, to the right), in pixels
    n       objects

NumPy images are `h w c` (as files hold them), torch tensors are `b c h w` (as networks want them).
Label images hold 0 for background and one id an object; class maps hold 0 for background and one index a class.
"""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float32, Int32, Shaped, UInt8

__all__ = ["AnyArray", "ClassMap", "FloatImage", "LabelImage", "MaskImage", "ProbabilityMap", "RGBImage", "RawImage"]

AnyArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]

RawImage: TypeAlias = Shaped[np.ndarray, "h w c"]  # as the file holds it: uint8, uint16, int16, int32 or float32
FloatImage: TypeAlias = Float32[np.ndarray, "h w c"]  # normalised
LabelImage: TypeAlias = Int32[np.ndarray, "h w"]  # 0 background, else the object's id
ClassMap: TypeAlias = UInt8[np.ndarray, "h w"]  # 0 background, else the class
MaskImage: TypeAlias = Bool[np.ndarray, "h w"]
ProbabilityMap: TypeAlias = Float32[np.ndarray, "c h w"]  # sums to 1 over c; channel 0 is background
RGBImage: TypeAlias = UInt8[np.ndarray, "h w 3"]
