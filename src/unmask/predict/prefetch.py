"""The next input is prepared while the current one is computed: reading and decoding cost no time of their own.

One item ahead, no more: two inputs in memory are enough to hide the shorter of two works behind the longer.
"""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["ahead", "tensors_ahead"]

Item = TypeVar("Item")
Key = TypeVar("Key")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items in the same order, each prepared by a thread while the one before it is in use.

    What `items` raises is raised here, in its place. Closed or abandoned early, it waits for the one item under way,
    and closes `items` if that is a generator.
    """
    source = iter(items)
    end = object()
    try:
        with ThreadPoolExecutor(1, "ahead") as thread:
            coming = thread.submit(next, source, end)
            while (item := coming.result()) is not end:
                coming = thread.submit(next, source, end)
                yield item  # type: ignore[misc]  # it is no `end`
    finally:
        if isinstance(source, Generator):
            source.close()


def tensors_ahead(batches: Iterable[tuple[Key, Tensor]], device: torch.device) -> Iterator[tuple[Key, Tensor]]:
    """Inputs prepared one ahead; for CUDA also copied to the device, on a stream of their own.

    Args:
        batches: what each belongs to, and the tensor, on the CPU.
        device: where they are computed.

    Yields:
        The same pairs; the tensors on the device if that is CUDA.
    """
    if device.type != "cuda":
        yield from ahead(batches)
        return
    stream = torch.cuda.Stream(device)
    for key, batch in ahead(_copied(batches, device, stream)):
        # Its memory belongs to the other stream, which must not use it again before this one has done with it.
        batch.record_stream(torch.cuda.current_stream(device))
        yield key, batch


def _copied(
    batches: Iterable[tuple[Key, Tensor]], device: torch.device, stream: torch.cuda.Stream
) -> Iterator[tuple[Key, Tensor]]:
    for key, batch in batches:
        with torch.cuda.stream(stream):
            moved = batch.pin_memory().to(device, non_blocking=True)
        stream.synchronize()  # only the thread that prepares waits
        yield key, moved
