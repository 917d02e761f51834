"""Pasting the masks of detections: torchvision's full frames beside crops, in time and in memory.

    python benchmarks/paste.py [MASKS] [SIDE]

MASKS (1000) masks of 28 x 28 in boxes of about 60 pixels, on an image of SIDE x SIDE (2048) pixels. Each way runs in a
process of its own, on one thread, once to warm up and then three times: the fastest counts, and the peak of resident
memory beyond that before, by Linux's account. torchvision pastes 200 masks a call and drops them again, as it needs 8
bytes a mask and pixel: 33 GB for all of the 1,000 at once.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from unmask.instances.detections import Detections
from unmask.instances.paint import paint
from unmask.instances.paste import crops
from unmask.recipe import DetectionRecipe

BOX = 60  # pixels, on average
REPEATS = 3
CALL = 200  # masks


def detections(count: int, side: int) -> Detections:
    """Discs of blurred edge in random boxes."""
    random = np.random.default_rng(0)
    start = random.uniform(0, side - BOX, (count, 2))
    boxes = np.concatenate([start, start + random.uniform(0.5 * BOX, 1.5 * BOX, (count, 2))], axis=1).clip(0, side)
    y, x = (np.mgrid[:28, :28] - 13.5) / 14
    disc = 1 / (1 + np.exp(12 * (np.hypot(y, x) - random.uniform(0.8, 1, (count, 1, 1)))))
    scores = np.linspace(1, 0.5, count, dtype=np.float32)
    classes = np.ones(count, np.uint8)
    return Detections((side, side), boxes.astype(np.float32), classes, scores, disc.astype(np.float32))


def job(way: str, found: Detections) -> Callable[[], Any]:
    """What is measured."""
    if way == "crops":
        return lambda: list(crops(found, 0.5))
    if way == "paint":
        return lambda: paint(found, DetectionRecipe())
    import torch
    from torchvision.models.detection.roi_heads import paste_masks_in_image

    torch.set_num_threads(1)
    masks, boxes = torch.from_numpy(found.masks)[:, None], torch.from_numpy(found.boxes)

    def paste() -> None:
        for part in range(0, len(found), CALL):
            paste_masks_in_image(masks[part : part + CALL], boxes[part : part + CALL], found.size)

    return paste


def measure(way: str, count: int, side: int) -> tuple[float, float]:
    """Seconds and MiB, in this process."""
    job(way, detections(3, 256))()
    run = job(way, detections(count, side))
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        result = None  # or two would be held at a time
        result = run()
        seconds.append(time.perf_counter() - begun)
    peak = memory("VmHWM") - before
    # Small crops may lie in memory that the process had anyway.
    held = sum(crop.mask.nbytes for crop in result or ()) / 2**20 if way == "crops" else 0.0
    return min(seconds), max(peak, held)


def memory(name: str) -> float:
    """A line of Linux's own account of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def main() -> None:
    """Measure each way in its own process, one after the other."""
    count, side = (int(value) for value in [*sys.argv[1:3], *("1000", "2048")[len(sys.argv) - 1 :]])
    import numba
    import torch
    import torchvision

    print(f"{count} masks, {side} x {side}; torch {torch.__version__}, torchvision {torchvision.__version__}, ", end="")
    print(f"numpy {np.__version__}, numba {numba.__version__}, python {sys.version.split()[0]}")
    peer = (0.0, 0.0)
    for way in ("torchvision", "crops", "paint"):
        command = [sys.executable, __file__, str(count), str(side), way]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        seconds, mebibytes = float(answer[0]), float(answer[1])
        peer = (seconds, mebibytes) if way == "torchvision" else peer
        ratios = f"{peer[0] / seconds:.0f} times as fast, 1/{peer[1] / mebibytes:.0f} of the memory"
        print(f"{way:12} {seconds:8.4f} s {mebibytes:9.1f} MiB   {ratios}")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(*measure(sys.argv[3], int(sys.argv[1]), int(sys.argv[2])))
    else:
        main()
