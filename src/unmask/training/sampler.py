"""Tiles for training: which images, where, cut out with mirrored surroundings. A pure function of seed and step.

Nothing is carried from step to step, so a resumed run sees what an uninterrupted one would have seen.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from unmask.arrays import AnyArray
from unmask.geometry.grid import mirror
from unmask.targets.targets import LARGEST_KEY, Targets

__all__ = ["Prepared", "PreparedImages", "TileBatch", "TileSampler", "resized"]

# Half of the tiles are centred on an object, so that sparse objects are seen often enough; the others anywhere where
# something is known.
ON_OBJECT = 0.5


@dataclass(frozen=True)
class Prepared:
    """An image ready for cutting: (h, w, c) float32 normalised, and its targets."""

    image: AnyArray
    targets: Targets

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self.image.nbytes + self.targets.nbytes)


def resized(prepared: Prepared, size: tuple[int, int]) -> Prepared:
    """At another size: grey values and weights bilinear, target maps by the nearest pixel."""
    if prepared.image.shape[:2] == size:
        return prepared
    weight = prepared.targets.weight
    maps = F.interpolate(torch.from_numpy(prepared.targets.maps)[None].double(), size, mode="nearest-exact")
    return Prepared(
        _bilinear(prepared.image, size),
        Targets(
            maps[0].numpy().astype(prepared.targets.maps.dtype),
            None if weight is None else _bilinear(weight[..., None], size)[..., 0],
            prepared.targets.copies,
        ),
    )


def _bilinear(image: AnyArray, size: tuple[int, int]) -> AnyArray:
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    return F.interpolate(batch, size, mode="bilinear", align_corners=False)[0].permute(1, 2, 0).contiguous().numpy()


@dataclass(frozen=True)
class TileBatch:
    """Source windows of a step's tiles, not augmented yet, on the CPU."""

    names: tuple[str, ...]
    images: Float[Tensor, "b c h w"]
    targets: Integer[Tensor, "b t h w"]
    weights: Float[Tensor, "b 1 h w"] | None


class PreparedImages:
    """Prepared images by name, made when first wanted; the least recently used are dropped beyond `memory` bytes."""

    def __init__(self, prepare: Callable[[str], Prepared], memory: int) -> None:
        self._prepare = prepare
        self._memory = memory
        self._held: OrderedDict[str, Prepared] = OrderedDict()
        self._bytes = 0

    def __getitem__(self, name: str) -> Prepared:
        if name in self._held:
            self._held.move_to_end(name)
            return self._held[name]
        prepared = self._prepare(name)
        self._held[name] = prepared
        self._bytes += prepared.nbytes
        while self._bytes > self._memory and len(self._held) > 1:
            self._bytes -= self._held.popitem(last=False)[1].nbytes
        return prepared


class TileSampler:
    """Cuts each step's source windows, one step ahead of the network in a thread of its own.

    Args:
        images: by name.
        names: the training images.
        tile: side of the network's output, pixels.
        source: side of a source window, pixels: the network's input and what augmentation may reach beyond it.
        batch: windows a step on this device.
        seed: of the run.
        rank: of this device; devices draw different windows.
    """

    def __init__(
        self,
        images: PreparedImages,
        names: tuple[str, ...],
        *,
        tile: int,
        source: int,
        batch: int,
        seed: int,
        rank: int = 0,
    ) -> None:
        self._images = images
        self._names = names
        self._tile = tile
        self._source = source
        self._batch = batch
        self._key = (seed, rank)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tiles")
        self._ahead: tuple[int, Future[TileBatch]] | None = None

    def batch(self, step: int) -> TileBatch:
        """The windows of a step; those of the next are begun."""
        ahead = self._ahead if self._ahead is not None and self._ahead[0] == step else None
        found = ahead[1].result() if ahead else self._cut(step)
        self._ahead = (step + 1, self._thread.submit(self._cut, step + 1))
        return found

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _cut(self, step: int) -> TileBatch:
        random = np.random.default_rng((*self._key, step))
        names = [self._names[i] for i in random.integers(len(self._names), size=self._batch)]
        windows = [self._window(self._images[name], random) for name in names]
        images = torch.from_numpy(np.stack([window[0] for window in windows])).permute(0, 3, 1, 2)
        targets = torch.from_numpy(_stack_layers([window[1] for window in windows]))
        weights = [window[2] for window in windows if window[2] is not None]
        return TileBatch(
            tuple(names), images, targets, torch.from_numpy(np.stack(weights))[:, None] if weights else None
        )

    def _window(self, prepared: Prepared, random: np.random.Generator) -> tuple[AnyArray, AnyArray, AnyArray | None]:
        height, width = prepared.targets.maps.shape[1:]
        y, x = _known_pixel(prepared.targets, random)
        inside = prepared.targets.foreground
        if random.random() < ON_OBJECT and inside.size:
            y, x = divmod(int(inside[random.integers(inside.size)]), width)
        # Mirrored surroundings teach nothing new: the tile stays inside the image where it fits.
        y, x = _inside(y, height, self._tile), _inside(x, width, self._tile)
        half = self._source // 2
        rows = mirror(y - half, y - half + self._source, height)
        columns = mirror(x - half, x - half + self._source, width)
        at = np.ix_(rows, columns)
        targets = prepared.targets
        maps = targets.maps[:, rows[:, None], columns]
        if targets.copies:
            down, right = _folds(y - half, self._source, height), _folds(x - half, self._source, width)
            keys = maps + (down[:, None] * (int(right.max()) + 1) + right) * targets.copies
            # Of an image far smaller than its tile the furthest mirror images have no keys left: they are background.
            maps = np.where(maps > 0, np.where(keys < LARGEST_KEY, keys, 0), maps)
        return prepared.image[at], maps, None if targets.weight is None else targets.weight[at]


def _known_pixel(targets: Targets, random: np.random.Generator) -> tuple[int, int]:
    """Any pixel about which something is known; any at all where nothing is."""
    height, width = targets.maps.shape[1:]
    counts = targets.known
    if counts is None or not counts[-1]:
        return int(random.integers(height)), int(random.integers(width))
    number = int(random.integers(counts[-1]))
    y = int(np.searchsorted(counts, number, side="right"))
    return y, int(np.flatnonzero(targets.maps[0, y] >= 0)[number - counts[y]])  # counted from the row's end


def _folds(start: int, length: int, size: int) -> AnyArray:
    """(length,) int64: number of the mirror image that each position lies in, from 0."""
    positions, last = np.arange(start, start + length), max(1, size - 1)
    folds: AnyArray = np.where(positions < 0, positions // last, np.maximum(0, -(-positions // last) - 1))
    return folds - folds.min()


def _stack_layers(maps: list[AnyArray]) -> AnyArray:
    """Maps of several tiles, (b, t, h, w); tiles with fewer layers of objects get empty ones."""
    most = max(one.shape[0] for one in maps)
    return np.stack([np.pad(one, ((0, most - one.shape[0]), (0, 0), (0, 0))) for one in maps])


def _inside(centre: int, size: int, tile: int) -> int:
    """The nearest centre whose tile lies inside the image; the image's centre where none does."""
    return size // 2 if size <= tile else min(max(centre, tile // 2), size - (tile + 1) // 2)
