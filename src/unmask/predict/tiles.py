"""Tiles of an image for a network: where they lie, and how large the memory lets them be.

Whatever the tile size, the result is that of one pass over the whole image, within float rounding: tiles start at
multiples of the network's stride and read its halo, mirrored outside the image for unpadded networks (Ronneberger
2015), clipped at the image's edge for zero-padded ones. `unmask.geometry.grid` has the arithmetic.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import TypeAlias

import psutil
import torch
from torch import Tensor

from unmask.errors import PredictionError
from unmask.geometry.grid import Span, Tile, clipped_axis, clipped_span, inner_span, mirrored_axis, mirrored_span, tiles
from unmask.geometry.symmetry import Interval
from unmask.nets import Halo
from unmask.recipe import UNetRecipe

__all__ = [
    "BESIDE",
    "Cutting",
    "Logits",
    "Network",
    "axes_of",
    "bytes_a_pixel",
    "default_memory",
    "exact_convolutions",
    "least_side",
    "plan_tiles",
    "span_at",
    "tile_at",
    "tile_side",
    "usable_device",
    "window_at",
]

Logits: TypeAlias = Callable[[Tensor], Tensor]
"""(1, c, h, w) float32 on the CPU, in channels_last, to logits (1, classes, h', w') float32."""


@dataclass(frozen=True)
class Cutting:
    """From which window of an image a network computes what a tile writes.

    Attributes:
        halo: of the network.
        inner: of a zero-padded network without its padding: it gives the same values far from the image's edge, and
            looks at less. None for unpadded networks.
    """

    halo: Halo
    inner: Halo | None = None

    def tile(self, size: tuple[int, int], rows: Interval, columns: Interval) -> tuple[Tile, bool]:
        """The tile that writes some rows and columns of an image, and whether it is for the network without padding."""
        if self.inner is not None and self.inner.front is not None:
            inner = self.inner.halo, self.inner.stride, self.inner.remainder, self.inner.front
            low, high = (inner_span(*part, *inner) for part in (rows, columns))
            ends = (-(-n // self.halo.stride) * self.halo.stride for n in size)
            if all(span.read_start >= 0 and span.read_stop <= end for span, end in zip((low, high), ends, strict=True)):
                return Tile(low, high), True
        low, high = (span_at(n, *part, self.halo) for n, part in zip(size, (rows, columns), strict=True))
        return Tile(low, high), False


@dataclass(frozen=True)
class Network:
    """A network for tiles of images of any size.

    Attributes:
        cutting: from which windows it computes.
        logits: what computes.
        inner: the same without padding, for tiles that are far from the image's edge; where `cutting` has it.
    """

    cutting: Cutting
    logits: Logits
    inner: Logits | None = None

    def of(self, inner: bool) -> Logits:
        """What computes a tile, as `Cutting.tile` says."""
        if not inner:
            return self.logits
        assert self.inner is not None, "`cutting` has it"
        return self.inner


# A pixel that the network sees takes these bytes: so many for each channel of its width, and for what follows, in
# a thread or two.
BYTES_A_CHANNEL, BYTES_A_CLASS, BYTES = 18, 8, 160
# How many times as much with several members: the next does not take all that one has freed (benchmarks/ensembles.py).
BESIDE_A_MEMBER = 2.2
BESIDE = 400 * 10**6
"""Bytes that a process comes to hold beside its tiles: compiled loops, blocks of files, what is free but kept."""
LEAST_HALOS = 4  # pixels that a tile writes at least, however little memory is given: less is mostly looked at twice
FLAGS = RLock()  # cuDNN's are those of all threads
# Beyond this side a tile saves no work any more (the halo is a few per cent) and falls out of the caches.
LARGEST_TILE = 1024


def default_memory(device: torch.device | None = None) -> int:
    """Memory to work in, bytes: half of what is free on a CUDA device, a quarter of what is free on the machine."""
    if device is not None and device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    return int(psutil.virtual_memory().available // 4)


def bytes_a_pixel(network: UNetRecipe, classes: int) -> int:
    """What a pixel of the image that a U-Net sees takes of the memory while it is worked on.

    Args:
        network: of an ensemble, whose members are asked one after another.
        classes: without the background.
    """
    seen = network.enlarge**2 / network.reduce**2
    layers = BYTES_A_CHANNEL * network.width * seen + BYTES_A_CLASS * (classes - 1)
    return round(layers * (1 if network.members == 1 else BESIDE_A_MEMBER)) + BYTES


def usable_device(name: str | None) -> torch.device:
    """A device by its name; a GPU if there is one when None.

    Raises:
        PredictionError: it cannot be used here.
    """
    if name is None:
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise PredictionError(
            f"the device {name} cannot be used here ({str(error).splitlines()[0]})", remedy="type --device cpu"
        ) from None


def least_side(halo: Halo) -> int:
    """The side of the smallest tile that is worth it, pixels written."""
    return min(LARGEST_TILE, max(halo.stride, LEAST_HALOS * halo.halo // halo.stride * halo.stride))


def tile_side(memory: int, bytes_per_pixel: int, halo: Halo) -> int:
    """The side of the largest tile (pixels written) whose network activations fit into `memory` bytes."""
    side = int((memory / bytes_per_pixel) ** 0.5) - 2 * halo.halo
    return max(halo.stride, min(LARGEST_TILE, side) // halo.stride * halo.stride)


def plan_tiles(height: int, width: int, halo: Halo, side: int) -> list[Tile]:
    """Tiles of an image of `height` x `width` pixels, evenly large and none above `side`, in raster order."""
    return tiles(*axes_of((height, width), halo, side))


def axes_of(size: tuple[int, int], halo: Halo, side: int) -> tuple[list[Span], list[Span]]:
    """The rows and the columns of these tiles."""
    rows, columns = (_axis(n, _even(n, side), halo) for n in size)
    return rows, columns


def tile_at(size: tuple[int, int], halo: Halo, side: int, index: tuple[int, int]) -> Tile:
    """One of these tiles, by its place among their rows and columns."""
    rows, columns = axes_of(size, halo, side)
    return Tile(rows[index[0]], columns[index[1]])


def span_at(size: int, start: int, stop: int, halo: Halo) -> Span:
    """One axis of a tile anywhere: what the network reads to write [start, stop) of an image of `size` pixels."""
    if halo.padded:
        return clipped_span(size, start, stop, halo.halo, halo.stride)
    return mirrored_span(start, stop, halo.halo, halo.stride, halo.remainder)


def window_at(size: tuple[int, int], start: tuple[int, int], side: int, halo: Halo) -> Tile:
    """A tile of `side` pixels, cut at the image's end, that begins at row and column `start`, any of the image's."""
    rows, columns = (span_at(n, at, min(n, at + side), halo) for n, at in zip(size, start, strict=True))
    return Tile(rows, columns)


@contextmanager
def exact_convolutions(device: torch.device) -> Iterator[None]:
    """Full single precision: TF32, a GPU's default, would differ from tile to tile and from the CPU."""
    if device.type != "cuda":
        yield
        return
    with FLAGS, torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        yield


def _even(size: int, side: int) -> int:
    """The smallest tile side that needs no more tiles than `side` does."""
    return -(-size // -(-size // side))


def _axis(size: int, side: int, halo: Halo) -> list[Span]:
    side = -(-side // halo.stride) * halo.stride
    if halo.padded:
        return clipped_axis(size, side, halo.halo, halo.stride)
    return mirrored_axis(size, side, halo.halo, halo.stride, halo.remainder)
