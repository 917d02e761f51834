"""What tests share: objects of every awkward shape, and decoding block by block."""

import pickle
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from unmask.geometry.labels import relabel
from unmask.instances.blockwise import Lookups, Piece
from unmask.instances.blockwise_growth import grow_window, number_objects
from unmask.instances.blockwise_holes import holes_of_block, join_holes
from unmask.instances.blockwise_objects import ObjectSums, finish, merge_objects
from unmask.instances.blockwise_seeds import join_seeds, seeds_of_block
from unmask.instances.objects import Objects
from unmask.recipe import InstanceRecipe


def blobs(seed: int) -> Objects:
    """Objects with holes, in several pieces, of one pixel, at the edges and touching by corners, of two classes."""
    random = np.random.default_rng(seed)
    size = random.integers(1, 30, 2)
    labels = random.integers(1, random.integers(2, 5), size) * (random.random(size) < random.uniform(0.2, 1))
    labels[: size[0] // 2, : size[1] // 2] = random.integers(0, 2)
    labels = relabel(labels)
    n = int(labels.max())
    return Objects(labels, random.integers(1, 3, n).astype(np.uint8), random.random(n).astype(np.float32))


@pytest.fixture(scope="session")
def make_blobs() -> Callable[[int], Objects]:
    """Seed to objects; there may be none."""
    return blobs


@pytest.fixture(scope="session")
def overlapping() -> Objects:
    """A bar, and another across it with a hole in what both cover, each whole in a layer."""
    layers = np.zeros((2, 50, 40), np.int32)
    layers[0, 10:20, 5:35], layers[1, 5:45, 15:25] = 1, 2
    layers[1, 12:14, 17:20] = 0
    labels = np.where(layers[0] > 0, layers[0], layers[1]).astype(np.int32)
    return Objects(labels, np.array([2, 1], np.uint8), np.array([0.1, 0.75], np.float32), layers=layers)


def cut(size: tuple[int, int], tops: list[int], lefts: list[int]) -> list[tuple[slice, slice]]:
    """Blocks of an image, in raster order."""
    rows, columns = (
        [slice(*pair) for pair in pairwise([*starts, end])] for starts, end in zip((tops, lefts), size, strict=True)
    )
    return [*product(rows, columns)]


def sent(value: Any) -> Any:
    """What comes out of another process."""
    return pickle.loads(pickle.dumps(value))


def window_of(block: tuple[slice, slice], size: tuple[int, int], reach: int) -> tuple[slice, slice]:
    """The block and `reach` pixels around it, as far as the image goes."""
    rows, columns = (
        slice(max(0, side.start - reach), min(end, side.stop + reach)) for side, end in zip(block, size, strict=True)
    )
    return rows, columns


def pieces_of(window: tuple[slice, slice], blocks: list, labels: list, lookups: Lookups) -> list[Piece]:
    """What a window takes from the labels of blocks."""
    pieces = []
    for i, (rows, columns) in enumerate(blocks):
        top, bottom = max(rows.start, window[0].start), min(rows.stop, window[0].stop)
        left, right = max(columns.start, window[1].start), min(columns.stop, window[1].stop)
        if top < bottom and left < right:
            part = labels[i][top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
            pieces.append(Piece(part, lookups.table(i), top - window[0].start, left - window[1].start))
    return pieces


def decode_in_blocks(
    maps: np.ndarray,
    parameters: InstanceRecipe,
    tops: list[int],
    lefts: list[int],
    image: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, ObjectSums]:
    """Labels and sums of an image, all passes block by block, each in another order, all messages sent."""
    size = (maps.shape[1], maps.shape[2])
    blocks, grid = cut(size, tops, lefts), (len(tops), len(lefts))
    random = np.random.default_rng(seed)

    def each(work: Callable[[int], tuple[np.ndarray, Any]]) -> tuple[list, list]:
        done = {i: sent(work(i)) for i in random.permutation(len(blocks)).tolist()}
        return [done[i][0] for i in range(len(blocks))], [done[i][1] for i in range(len(blocks))]

    def seeds(i: int) -> tuple[np.ndarray, Any]:
        return seeds_of_block(1 - maps[0][blocks[i]], parameters, origin(i), size[1])

    def origin(i: int) -> tuple[int, int]:
        return blocks[i][0].start, blocks[i][1].start

    def grown(i: int) -> tuple[np.ndarray, Any]:
        window = window_of(blocks[i], size, parameters.reach)
        inner = [slice(s.start - w.start, s.stop - w.start) for s, w in zip(blocks[i], window, strict=True)]
        pieces = pieces_of(window, blocks, labels, lookups)
        return grow_window(pieces, 1 - maps[0][window], parameters, tuple(inner), origin(i), size[1])

    def finished(i: int) -> tuple[np.ndarray, Any]:
        part = None if image is None else image[blocks[i]]
        return finish(labels[i], lookups.table(i), maps[:, blocks[i][0], blocks[i][1]], part, origin(i))

    labels, messages = each(seeds)
    lookups = sent(join_seeds(messages, grid, parameters))
    labels, messages = each(grown)
    lookups = sent(number_objects(messages, parameters))
    if parameters.max_hole:
        labels, messages = each(lambda i: holes_of_block(labels[i], lookups.table(i), parameters.max_hole))
        lookups = sent(join_holes(lookups, messages, grid, parameters.max_hole))
    labels, parts = each(finished)
    whole = np.full(size, -1, np.int32)
    for place, part in zip(blocks, labels, strict=True):
        assert part.dtype == np.int32
        whole[place] = part
    return whole, merge_objects(parts)


@pytest.fixture(scope="session")
def in_blocks() -> Callable[..., tuple[np.ndarray, ObjectSums]]:
    """Decodes probabilities block by block: (maps, parameters, first rows, first columns, image, seed of the order)."""
    return decode_in_blocks
