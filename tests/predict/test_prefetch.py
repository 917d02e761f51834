"""Prefetching: the same items, one ahead and no more, whatever happens to either side."""

import threading
from collections.abc import Iterator

import pytest
import torch

from unmask.predict.prefetch import ahead, tensors_ahead

LONG = 30.0  # seconds; nothing waits so long unless it is broken


class Source:
    """Numbers from 0; knows what it made, and in which thread it was closed or not."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.made = [threading.Event() for _ in range(count)]
        self.closed = False

    def numbers(self) -> Iterator[int]:
        try:
            for number in range(self.count):
                self.made[number].set()
                yield number
        finally:
            self.closed = True


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_order_is_kept(count: int) -> None:
    assert list(ahead(range(count))) == list(range(count))


def test_one_is_prepared_while_another_is_in_use_and_no_more() -> None:
    source = Source(20)
    for number in ahead(source.numbers()):
        if number < 19:
            assert source.made[number + 1].wait(LONG), "the next was not begun while this one is in use"
        assert sum(event.is_set() for event in source.made) <= number + 2


def test_items_that_are_none_or_false_are_items() -> None:
    assert list(ahead([None, 0, "", None])) == [None, 0, "", None]


def test_an_error_arrives_in_its_place() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    numbers = ahead(failing())
    assert [next(numbers), next(numbers)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(numbers)


def test_stops_when_the_consumer_does() -> None:
    source = Source(1000)
    numbers = ahead(source.numbers())
    assert [next(numbers), next(numbers)] == [0, 1]
    numbers.close()  # type: ignore[attr-defined]
    assert source.closed
    assert sum(event.is_set() for event in source.made) <= 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_stops_when_the_consumer_fails() -> None:
    source = Source(1000)

    def consume() -> None:
        for number in ahead(source.numbers()):
            if number == 2:
                raise KeyError(number)

    with pytest.raises(KeyError):
        consume()
    assert sum(event.is_set() for event in source.made) <= 4


def test_tensors_stay_with_their_keys() -> None:
    pairs = [(f"tile {number}", torch.full((1, 1, 2, 2), float(number))) for number in range(5)]
    found = list(tensors_ahead(iter(pairs), torch.device("cpu")))
    assert [key for key, _ in found] == [key for key, _ in pairs]
    assert all(one is other for (_, one), (_, other) in zip(found, pairs, strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_tensors_arrive_on_the_device() -> None:
    device = torch.device("cuda")
    for number, batch in tensors_ahead(((n, torch.full((1, 1, 512, 512), float(n))) for n in range(50)), device):
        assert batch.device.type == "cuda"
        assert torch.equal(batch.cpu(), torch.full((1, 1, 512, 512), float(number)))
