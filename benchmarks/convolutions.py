"""The best rate of 3 x 3 convolutions that this machine reaches: what a network can hope for."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import nn

from unmask.predict.openvino_engine import openvino_logits

__all__ = ["Rate", "convolution_rates"]

CHANNELS, SIDES, RUNS = (16, 32, 64, 128, 256), (64, 128, 256, 512, 1024), 3
# Convolutions in a row: reading the input and handing over the result must not count for much.
LAYERS = 4
MOST_FLOP = 100e9  # a pass; larger ones take long and are no faster
TOLERANCE = 1e-3  # relative; bfloat16, which some libraries choose on their own, is off by more
Way = Literal["eager", "eager channels_last", "openvino"]
Run = Callable[[], object]


@dataclass(frozen=True)
class Rate:
    """Floating-point operations a second of convolutions in single precision.

    Attributes:
        way: what computed.
        channels: before and after each convolution.
        side: of the square map, pixels.
        gflops: 10^9 multiplications and additions a second.
    """

    way: Way
    channels: int
    side: int
    gflops: float


def convolution_rates() -> Iterator[Rate]:
    """Rates of all sizes in all ways; each the best of three runs."""
    for channels in CHANNELS:
        for side in SIDES:
            flop = LAYERS * 2 * 9 * channels**2 * side**2
            if flop > MOST_FLOP:
                continue
            for way, run in _ways(channels, side).items():
                yield Rate(way, channels, side, flop / _seconds(run) / 1e9)


@torch.inference_mode()
def _seconds(run: Run) -> float:
    run()
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


@torch.inference_mode()
def _ways(channels: int, side: int) -> dict[Way, Run]:
    torch.manual_seed(0)
    net = nn.Sequential(*(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(LAYERS))).eval()
    image = torch.randn(1, channels, side, side)
    compiled = openvino_logits(net, image)
    expected = net(image)
    difference = float((compiled(image) - expected).abs().max())
    if not difference <= TOLERANCE * float(expected.abs().max()):  # also of NaN
        raise RuntimeError(f"openvino's convolutions differ by {difference:.1e}")
    last = torch.channels_last
    return {
        "eager": partial(net, image),
        "eager channels_last": partial(copy.deepcopy(net).to(memory_format=last), image.contiguous(memory_format=last)),
        "openvino": partial(compiled, image),
    }
