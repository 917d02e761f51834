"""Phantoms of any size as OME-Zarr, written block by block in the memory of a few blocks."""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from jaxtyping import Bool, Int32

from unmask.data.formats.omezarr_writer import CHUNK
from unmask.data.phantom.phantom import Phantom
from unmask.data.streams.blocks import blocks_of
from unmask.data.streams.pyramid import build_pyramid, create_level
from unmask.data.streams.sinks import BlockSink, label_sink
from unmask.data.streams.whole_folder import check_replaceable, publish, writing
from unmask.errors import UnmaskError

__all__ = ["write_large"]

_LARGEST_ID = 2**31 - 1

_Span = tuple[slice, slice]
_Ids = Int32[np.ndarray, " n"]


def write_large(
    path: Path,
    phantom: Phantom,
    *,
    truth: Path | None = None,
    block: int = CHUNK,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes a phantom as an OME-Zarr image with its pyramid; an older OME-Zarr of that name is replaced.

    Image and truth get their names when both are whole; until then they lie beside these, hidden, and the next writer
    of that name removes what a killed one left.

    Args:
        path: the folder to make, such as x.ome.zarr.
        phantom: of any size.
        truth: the folder to make of the label image of its objects, under their ids; None: it is not wanted.
        block: side of a chunk, pixels; each is made alone.
        workers: processes that make blocks; 1: this one. More are spawned, so that a script that asks for them must be
            guarded by `if __name__ == "__main__"`.
        progress: called with (blocks done, blocks in all).

    Returns:
        How many objects the phantom has: ids with at least one pixel in it.

    Raises:
        DataError: the phantom has too many objects for int32.
        UnmaskError: a folder cannot be written, or what lies there would be lost; one name for image and truth.
    """
    if truth is not None and truth.resolve() == path.resolve():
        raise UnmaskError("is the name of the image and of its truth", file=path, remedy="give the truth another one")
    check_replaceable(path)
    corner = phantom.window(0, 0, 1, 1)
    sides = (block, block)
    labels = None if truth is None else label_sink(truth, phantom.shape, sides, _LARGEST_ID, corner.pixel_size)
    folder = path.with_name(f".unmask-{path.name}")
    spans = list(blocks_of(phantom.shape, sides))
    try:
        with writing(path):
            if folder.exists():
                shutil.rmtree(folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            create_level(zarr.create_group(folder, zarr_format=3), "0", phantom.shape, corner.image.dtype.name, sides)
            count = _count(_Block(phantom, folder, labels).write_all(spans, workers), len(spans), progress)
            build_pyramid(folder, path.name, corner.pixel_size, labels=False)
        if labels is not None:
            labels.build_levels()
        publish(folder, path)
        if labels is not None:
            publish(labels.folder, labels.path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if labels is not None:
            labels.discard()
    return count


@dataclass(frozen=True)
class _Block:
    """Makes blocks and writes them, here or in other processes.

    Attributes:
        phantom: that is written.
        folder: of the image's group.
        labels: where the truth goes, or None.
    """

    phantom: Phantom
    folder: Path
    labels: BlockSink | None

    def write(self, span: _Span) -> _Ids:
        """Makes one block; gives the ids of the objects in it."""
        rows, columns = span
        made = self.phantom.window(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
        assert made.objects is not None
        zarr.open_array(self.folder / "0", mode="r+")[span] = made.image[..., 0]
        if self.labels is not None:
            height, width = self.labels.block
            self.labels.write_block((rows.start // height, columns.start // width), made.objects)
        return np.unique(made.objects)

    def write_all(self, spans: Sequence[_Span], workers: int) -> Iterator[_Ids]:
        """All blocks, in order of `spans`."""
        if workers == 1:
            yield from map(self.write, spans)
            return
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            yield from pool.map(self.write, spans)


def _count(blocks: Iterator[_Ids], total: int, progress: Callable[[int, int], None] | None) -> int:
    """How many ids there are in all blocks; an object has one id, whichever of them it lies in."""
    seen: Bool[np.ndarray, " ids"] = np.zeros(1, np.bool_)
    for done, ids in enumerate(blocks, start=1):
        if ids[-1] >= seen.size:  # ids grow from the first row of blocks to the last: room for twice as many each time
            seen = np.append(seen, np.zeros(2 * int(ids[-1]) + 1 - seen.size, np.bool_))
        seen[ids] = True
        if progress is not None:
            progress(done, total)
    return int(np.count_nonzero(seen[1:]))
