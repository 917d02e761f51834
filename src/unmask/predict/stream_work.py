"""The working folder of a streamed prediction: what each pass left of each block, so that a killed run goes on.

    WORK/constants.json       of the normalisation
    WORK/model.safetensors    for workers
    WORK/probabilities.zarr   (c, h, w) float32, a chunk a block and channel
    WORK/seeds.zarr, grown.zarr   labels of each block, under ids of its own
    WORK/objects.zarr         label image of a model of classes, whose result is the class map
    WORK/PASS-STAMP/BLOCK.npz the few numbers that the image must know of a block; stamped by those of the pass before

A record is written when the block's pixels are: where there is a record, the pass is done there, unless the pixels fail
their checksum.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

from unmask.arrays import AnyArray
from unmask.data.formats.npz import read_arrays, write_arrays
from unmask.data.streams.sinks import BlockSink

__all__ = ["Index", "Records", "read_record", "stamp_of", "write_record"]

Index = tuple[int, int]  # row and column of a block
Record = TypeVar("Record")


def write_record(path: Path, record: object) -> None:
    """Writes a dataclass of arrays, or of dataclasses of arrays, whole or not at all."""
    write_arrays(path, _flat(record))


def read_record(path: Path, kind: type[Record]) -> Record | None:
    """What `write_record` wrote; None where it is not there or damaged. Nothing in the file is executed."""
    arrays = read_arrays(path)
    try:
        return None if arrays is None else _made(kind, "", arrays)
    except KeyError:  # another version's record, which had other fields
        return None


def stamp_of(records: Iterable[object]) -> str:
    """Changes when any of some records does: what was made of others is not used again."""
    found = 0
    for record in records:
        for name, array in _flat(record).items():
            found = crc32(array.tobytes(), crc32(f"{name} {array.dtype} {array.shape}".encode(), found))
    return f"{found:08x}"


def _flat(record: Any, before: str = "") -> dict[str, AnyArray]:
    found: dict[str, AnyArray] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        found |= _flat(value, f"{before}{field.name}.") if is_dataclass(value) else {before + field.name: value}
    return found


def _made(kind: Any, before: str, arrays: dict[str, AnyArray]) -> Any:
    values = {
        field.name: _made(field.type, f"{before}{field.name}.", arrays)
        if is_dataclass(field.type)
        else arrays[before + field.name]
        for field in fields(kind)
    }
    return kind(**values)


@dataclass(frozen=True)
class Records:
    """One pass over all blocks.

    Attributes:
        folder: where its records lie.
        sinks: where the pixels lie that it writes, or that it was made of and later passes read.
    """

    folder: Path
    sinks: tuple[BlockSink, ...] = ()

    def run(self, index: Index, kind: type[Record], work: Callable[[], Record]) -> Record:
        """The record of a block; the pass is done on it where there is none yet, or its pixels are damaged.

        Args:
            index: of the block.
            kind: of the record.
            work: writes the block's pixels and gives its record.
        """
        earlier = self.earlier(index, kind)
        if earlier is not None and all(sink.verify(index) for sink in self.sinks):
            return earlier
        record = work()
        write_record(self._path(index), record)
        return record

    def earlier(self, index: Index, kind: type[Record]) -> Record | None:
        """The record of a block, if there is a sound one."""
        return read_record(self._path(index), kind)

    def _path(self, index: Index) -> Path:
        return self.folder / f"{index[0]}_{index[1]}.npz"
