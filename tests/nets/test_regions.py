"""Regions of a batch, by hand and beside slow versions."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from unmask.nets.regions import Regions, first_of_each


def test_clipped_at_the_edges_of_their_own_images() -> None:
    boxes = torch.tensor([[-5.0, -6, 70, 80], [-5.0, -6, 70, 80], [3.0, 4, 5, 6]])
    clipped = Regions(boxes, torch.tensor([1, 0, 0])).clipped([(50, 60), (20, 30)])
    assert clipped.boxes.tolist() == [[0, 0, 30, 20], [0, 0, 60, 50], [3, 4, 5, 6]]
    assert clipped.images.tolist() == [1, 0, 0]


def test_take_by_mask_and_by_positions() -> None:
    regions = Regions(torch.arange(12.0).view(3, 4), torch.tensor([0, 1, 2]))
    assert regions.take(torch.tensor([True, False, True])).images.tolist() == [0, 2]
    assert regions.take(torch.tensor([2, 0])).boxes[0].tolist() == [8, 9, 10, 11]
    assert len(regions.take(torch.tensor([1]))) == 1


@given(st.lists(st.integers(0, 4)), st.integers(0, 4))
def test_first_of_each(images: list[int], limit: int) -> None:
    slow = [[at for at, image in enumerate(images) if image == one][:limit] for one in range(5)]
    found = first_of_each(torch.tensor(images, dtype=torch.int64), 5, limit)
    assert found.tolist() == [at for part in slow for at in part]
