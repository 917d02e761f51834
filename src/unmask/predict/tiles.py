"""Overlap-tile prediction: probabilities of a whole image from tiles, equal to one pass over it.

Whatever the tile size, the result is that of one pass over the whole image, within float rounding: tiles start at
multiples of the network's stride and read its halo, mirrored outside the image for unpadded networks (Ronneberger
2015), clipped at the image's edge for zero-padded ones. `unmask.geometry.grid` has the arithmetic.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from unmask.arrays import FloatImage, ProbabilityMap
from unmask.geometry.grid import Span, Tile, clipped_axis, mirror, mirrored_axis, tiles
from unmask.nets import Halo

__all__ = ["default_memory", "exact_convolutions", "plan_tiles", "predict_probabilities", "predict_window", "tile_side"]

# Beyond this side a tile saves no work any more (the halo is a few per cent) and falls out of the caches.
LARGEST_TILE = 1024


def default_memory(device: torch.device | None = None) -> int:
    """Memory to work in, bytes: half of what is free on a CUDA device, a quarter of what is free on the machine."""
    if device is not None and device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    return int(psutil.virtual_memory().available // 4)


def tile_side(memory: int, bytes_per_pixel: int, halo: Halo) -> int:
    """The side of the largest tile (pixels written) whose network activations fit into `memory` bytes."""
    side = int((memory / bytes_per_pixel) ** 0.5) - 2 * halo.halo
    return max(halo.stride, min(LARGEST_TILE, side) // halo.stride * halo.stride)


def plan_tiles(height: int, width: int, halo: Halo, side: int) -> list[Tile]:
    """Tiles of an image of `height` x `width` pixels, evenly large and none above `side`, in raster order."""
    rows, columns = (_axis(size, _even(size, side), halo) for size in (height, width))
    return tiles(rows, columns)


def predict_probabilities(
    net: nn.Module,
    image: FloatImage,
    halo: Halo,
    side: int,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> ProbabilityMap:
    """Class probabilities of every pixel.

    Args:
        net: in evaluation mode, on `device`, in channels_last.
        image: (h, w, c) normalised.
        halo: of the net.
        side: largest side of a tile, pixels written.
        device: where the net is.
        progress: called with (pixels done, pixels in all) after each tile.

    Returns:
        (classes, h, w) float32, softmax over classes.
    """
    height, width = image.shape[:2]
    result: ProbabilityMap | None = None
    done = 0
    for tile in plan_tiles(height, width, halo, side):
        probabilities = _predict_tile(net, image, tile, device)
        if result is None:
            result = np.empty((probabilities.shape[0], height, width), np.float32)
        rows, columns = tile.rows, tile.columns
        result[:, rows.start : rows.stop, columns.start : columns.stop] = probabilities
        done += (rows.stop - rows.start) * (columns.stop - columns.start)
        if progress is not None:
            progress(done, height * width)
    assert result is not None, "an image has at least one pixel"
    return result


def _predict_tile(net: nn.Module, image: FloatImage, tile: Tile, device: torch.device) -> ProbabilityMap:
    rows, columns = tile.rows, tile.columns
    window = image[
        np.ix_(
            mirror(rows.read_start, rows.read_stop, image.shape[0]),
            mirror(columns.read_start, columns.read_stop, image.shape[1]),
        )
    ]
    return predict_window(net, window, tile, device)


@torch.inference_mode()
def predict_window(net: nn.Module, window: FloatImage, tile: Tile, device: torch.device) -> ProbabilityMap:
    """Class probabilities of what a tile writes.

    Args:
        net: in evaluation mode, on `device`, in channels_last.
        window: (h, w, c) normalised, what the tile reads.
        tile: of the image.
        device: where the net is.

    Returns:
        (classes, rows, columns) float32, softmax over classes.
    """
    rows, columns = tile.rows, tile.columns
    # The permuted view of an h w c window is channels_last already.
    batch = torch.from_numpy(window).permute(2, 0, 1)[None].to(device)
    with exact_convolutions(device):
        output: Tensor = net(batch.contiguous(memory_format=torch.channels_last))
    logits = output[
        0,
        :,
        rows.offset : rows.offset + rows.stop - rows.start,
        columns.offset : columns.offset + columns.stop - columns.start,
    ]
    probabilities: ProbabilityMap = logits.float().softmax(dim=0).cpu().numpy()
    return probabilities


@contextmanager
def exact_convolutions(device: torch.device) -> Iterator[None]:
    """Full single precision: TF32, a GPU's default, would differ from tile to tile and from the CPU."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        yield


def _even(size: int, side: int) -> int:
    """The smallest tile side that needs no more tiles than `side` does."""
    return -(-size // -(-size // side))


def _axis(size: int, side: int, halo: Halo) -> list[Span]:
    side = -(-side // halo.stride) * halo.stride
    if halo.padded:
        return clipped_axis(size, side, halo.halo, halo.stride)
    return mirrored_axis(size, side, halo.halo, halo.stride, halo.remainder)
