"""RoIAlign on a CPU: torchvision's operator beside a weighted sum of rows, forwards and backwards.

    python benchmarks/roi_align.py

A pyramid of 256 channels of an image of 800 x 1088: 1,000 regions of 7 x 7 cells, and 500 of 14 x 14. Runs alternate,
the fastest of three counts.
"""

import time
from collections.abc import Callable
from functools import partial

import torch
import torchvision
from torch import Tensor

from unmask.nets.regions import Regions
from unmask.nets.roi_align import RegionFeatures, by_operator

RUNS = 3
Cut = Callable[[list[Tensor], Regions, int], Tensor]


def regions(count: int) -> Regions:
    """Squarish regions of 10 to 400 pixels."""
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(count, 2, generator=generator) * torch.tensor([900.0, 700.0])
    side = (
        10 * 40 ** torch.rand(count, 1, generator=generator) * (0.7 + 0.6 * torch.rand(count, 2, generator=generator))
    )
    return Regions(torch.cat([start, start + side], dim=1), torch.zeros(count, dtype=torch.int64))


def seconds(cut: Cut, maps: list[Tensor], found: Regions, side: int) -> tuple[float, float]:
    """Of a pass forwards and of one backwards."""
    leaves = [features.detach().requires_grad_() for features in maps]
    begun = time.perf_counter()
    cells = cut(leaves, found, side)
    done = time.perf_counter()
    cells.sum().backward()
    return done - begun, time.perf_counter() - done


def main() -> None:
    """Check, measure, print."""
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, {torch.get_num_threads()} threads")
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, 256, 800 >> level, 1088 >> level, generator=generator) for level in range(2, 6)]
    # Each in the layout that it wants: neither has to turn its maps first.
    rows = [features.contiguous(memory_format=torch.channels_last) for features in maps]
    ways = {
        "operator": partial(seconds, by_operator, maps),
        "rows": partial(seconds, lambda given, found, side: RegionFeatures(given).cut(found, side), rows),
    }
    for count, side in ((1000, 7), (500, 14)):
        found = regions(count)
        difference = (RegionFeatures(rows).cut(found, side) - by_operator(maps, found, side)).abs().max()
        assert difference < 1e-3, difference
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(RUNS):
            for name, way in ways.items():
                times[name].append(way(found, side))
        (theirs, back), (ours, ours_back) = ([min(each) for each in zip(*times[name], strict=True)] for name in ways)
        print(
            f"{count} regions of {side} x {side}: forwards {theirs:.3f} s and {ours:.3f} s, {theirs / ours:.1f} x; "
            f"backwards {back:.3f} s and {ours_back:.3f} s, {back / ours_back:.1f} x"
        )


if __name__ == "__main__":
    main()
