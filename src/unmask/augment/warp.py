"""Geometric augmentation: flip, rotation, scale, shift and elastic deformation in one resampling.

The elastic part is Ronneberger's (2015): random displacement vectors on a coarse 3 x 3 grid, Gaussian with a standard
deviation of 10 pixels, per-pixel displacements by bicubic interpolation.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float32
from torch import Tensor

from unmask.augment.sampling import sample
from unmask.errors import RecipeError

__all__ = ["Warp", "WarpRange", "draw_warp", "sampling_positions", "source_size", "warp"]

# Displacements beyond this many standard deviations are cut, so that a source of finite size holds every sample.
ELASTIC_LIMIT = 3.0


class WarpRange(Protocol):
    """How far a tile may be warped; `unmask.recipe.AugmentRecipe` is one."""

    @property
    def flips(self) -> bool:
        """Mirror rows and columns, each for half of the tiles."""

    @property
    def rotation(self) -> float:
        """The largest rotation to either side, degrees."""

    @property
    def scale(self) -> tuple[float, float]:
        """The smallest and the largest magnification."""

    @property
    def shift(self) -> float:
        """The largest shift along each axis, source pixels."""

    @property
    def elastic(self) -> float:
        """Standard deviation of the displacement vectors, source pixels; above a twelfth of the tile it may fold."""


@dataclass(frozen=True)
class Warp:
    """How each tile of a batch is warped.

    Attributes:
        flip: (b, 2) for rows and columns: -1 mirrors the source, 1 does not; comes before the rotation.
        angle: (b,) degrees, counter-clockwise as one looks at the image (as `torch.rot90` turns).
        scale: (b,) magnification: 2 makes objects twice as wide.
        shift: (b, 2) y and x in source pixels, of the point that comes to lie in the tile's centre.
        vectors: (b, 2, 3, 3) y and x of the elastic displacements, standard normal.
        elastic: their standard deviation in source pixels.
    """

    flip: Float32[Tensor, "b 2"]
    angle: Float32[Tensor, " b"]
    scale: Float32[Tensor, " b"]
    shift: Float32[Tensor, "b 2"]
    vectors: Float32[Tensor, "b 2 3 3"]
    elastic: float


def draw_warp(batch: int, ranges: WarpRange, generator: torch.Generator, device: torch.device) -> Warp:
    """Draws a warp for each tile of a batch.

    Angles and shifts are uniform, scales uniform in their logarithm. A change of one range leaves what is drawn for
    the others as it is.

    Args:
        batch: how many tiles.
        ranges: what may be drawn.
        generator: every random number comes from here; on the CPU it gives the same numbers for every device.
        device: where the result is wanted.
    """
    smallest, largest = ranges.scale
    uniform = torch.rand(batch, 6, generator=generator, device=generator.device).to(device)
    vectors = torch.randn(batch, 2, 3, 3, generator=generator, device=generator.device).to(device)
    even = 2 * uniform - 1  # -1 to 1
    flip = torch.where(even[:, :2] < 0, -1.0, 1.0) if ranges.flips else torch.ones_like(even[:, :2])
    return Warp(
        flip=flip,
        angle=ranges.rotation * even[:, 2],
        scale=smallest * (largest / smallest) ** uniform[:, 3],
        shift=ranges.shift * even[:, 4:],
        vectors=vectors,
        elastic=ranges.elastic,
    )


def sampling_positions(parameters: Warp, source: tuple[int, int], size: int) -> Float32[Tensor, "b 2 h w"]:
    """Where in the source each pixel of a square tile is read.

    With q a pixel's offset from the tile's centre: position = source centre + shift + flip * R(angle) q / scale
    + displacement(q). The corners of the 3 x 3 grid are the tile's corner pixels.

    Args:
        parameters: of each tile.
        source: rows and columns of the source.
        size: side of the tile.

    Returns:
        (b, 2, size, size) y and x in source pixels, in float32: off by less than 1e-3 of a pixel in sources of up to
        4096 pixels, and once rounded as `sample` does exact where the result is a whole pixel.
    """
    device = parameters.angle.device
    offset = torch.arange(size, device=device) - (size - 1) / 2
    centre = torch.tensor(source, device=device).sub(1).div(2) + parameters.shift
    matrix = _matrix(parameters)
    # matrix columns times offsets: (b, 2, h, 1) + (b, 2, 1, w)
    turned = matrix[:, :, 0, None, None] * offset[:, None] + matrix[:, :, 1, None, None] * offset
    positions = centre[:, :, None, None] + turned
    if parameters.elastic:
        # The convolution kernel of torch's bicubic has a = -0.75 and repeats the outer vectors beyond the grid.
        field = F.interpolate(parameters.vectors, (size, size), mode="bicubic", align_corners=True)
        positions = positions + parameters.elastic * field.clamp(-ELASTIC_LIMIT, ELASTIC_LIMIT)
    return positions


def source_size(tile: int, ranges: WarpRange) -> int:
    """The side of the square source that holds every sample of a square tile, whatever is drawn.

    Args:
        tile: its side in pixels.
        ranges: what may be drawn.

    Returns:
        A side in pixels, odd where the tile's is odd, so that their centres coincide.
    """
    angle = math.radians(min(ranges.rotation, 45.0))  # a square reaches furthest at 45 degrees
    turned = (tile - 1) / 2 * (math.cos(angle) + math.sin(angle)) / ranges.scale[0]
    reach = turned + ranges.shift + ELASTIC_LIMIT * ranges.elastic
    grown = math.ceil(reach - (tile - 1) / 2 - 1e-6)  # rounding must not cost a pixel
    return tile + 2 * max(0, grown)


def warp(
    images: Float32[Tensor, "b c H W"],
    targets: Float32[Tensor, "b t H W"],
    weights: Float32[Tensor, "b 1 H W"] | None,
    parameters: Warp,
    size: int,
    target_size: int,
) -> tuple[Float32[Tensor, "b c h w"], Float32[Tensor, "b t h2 w2"], Float32[Tensor, "b 1 h2 w2"] | None]:
    """Warps a batch: images and weights read bilinearly, targets by the nearest pixel, all mirrored outside.

    Args:
        images: sources, larger than the tiles by what `source_size` says.
        targets: classes, or keys below 2^24, of the same pixels; below 0 where nothing is known.
        weights: of the same pixels, or None.
        parameters: of each tile, on the images' device.
        size: side of the tile, the network's input.
        target_size: side of the network's output, which lies in the middle of its input.

    Raises:
        RecipeError: the output does not lie in the middle of the input, or the input not in that of the source.
    """
    height, width = images.shape[-2:]
    margin, odd = divmod(size - target_size, 2)
    if odd or margin < 0:
        raise RecipeError(
            f"a target of {target_size} pixels cannot lie in the middle of a tile of {size}",
            remedy="give a target that is smaller by an even number of pixels",
        )
    if (height - size) % 2 or (width - size) % 2:
        raise RecipeError(
            f"the centre of a tile of {size} pixels falls between those of a source of {height} x {width}",
            remedy="cut sources of the size that source_size gives",
        )
    positions = sampling_positions(parameters, (height, width), size)
    inner = positions[:, :, margin : size - margin, margin : size - margin]
    return (
        sample(images, positions, "bilinear"),
        sample(targets, inner, "nearest"),
        None if weights is None else sample(weights, inner, "bilinear"),
    )


def _matrix(parameters: Warp) -> Float32[Tensor, "b 2 2"]:
    """From offsets in the tile to offsets in the source, y before x."""
    angle = torch.deg2rad(parameters.angle)
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack((torch.stack((cosine, sine), -1), torch.stack((-sine, cosine), -1)), -2)
    return parameters.flip[:, :, None] * turn / parameters.scale[:, None, None]
