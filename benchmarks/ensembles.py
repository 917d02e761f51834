"""What an ensemble costs: memory above what the process held, and processor seconds, of one tile.

    OMP_NUM_THREADS=1 python benchmarks/ensembles.py

Each row is a process of its own. U-Nets of depth 4, padded, batch norm, random weights. Shown beside it: what a tile is
expected to take for a pixel it sees, from which its size follows.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Event, Thread

import psutil
import torch
from torch import Tensor

from unmask.family import family_of
from unmask.predict.openvino_engine import openvino_logits
from unmask.predict.tiles import bytes_a_pixel
from unmask.recipe import DataRecipe, Recipe, TargetRecipe, UNetRecipe

ROWS = [
    (engine, width, members, classes)
    for engine in ("eager", "openvino")
    for width, members, classes in ((8, 1, 2), (8, 3, 2), (8, 5, 2), (16, 1, 2), (16, 3, 2), (16, 5, 2))
]
ROWS += [(engine, 8, members, 21) for engine in ("eager", "openvino") for members in (1, 3)]


def peak_above(work: Callable[[], Tensor]) -> tuple[int, float]:
    """Bytes that the process held at most above what it held before, and processor seconds."""
    process, stop = psutil.Process(), Event()
    before = highest = process.memory_info().rss

    def watch() -> None:
        nonlocal highest
        while not stop.wait(0.002):
            highest = max(highest, process.memory_info().rss)

    watcher = Thread(target=watch)
    watcher.start()
    began = time.process_time()
    work()
    seconds = time.process_time() - began
    stop.set()
    watcher.join()
    return highest - before, seconds


def measure(engine: str, width: int, members: int, classes: int, side: int) -> str:
    """One row of the table."""
    names = tuple(f"class{number}" for number in range(1, classes))
    network = UNetRecipe(width=width, members=members)
    recipe = Recipe(
        network=network,
        data=DataRecipe(class_names=names, class_values=tuple(range(1, classes))),
        targets=TargetRecipe(class_weights=(1.0,) * classes),
    )
    net = family_of(recipe).build(recipe).eval().to(memory_format=torch.channels_last)
    logits = net if engine == "eager" else openvino_logits(net, torch.rand(1, 1, 64, 64))
    tile = torch.rand(1, 1, side, side)
    with torch.inference_mode():
        logits(torch.rand(1, 1, 64, 64))  # weights are put in order at the first pass
        taken, seconds = peak_above(lambda: logits(tile).softmax(1))
    pixel = taken / side**2
    return f"| {engine} | {width} | {members} | {classes} | {pixel:.0f} | {bytes_a_pixel(network)} | {seconds:.2f} |"


def main() -> None:
    """Print the table, or one row of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", type=int, help="only this row, in this process")
    parser.add_argument("--side", type=int, default=768, help="of the tile, pixels")
    given = parser.parse_args()
    if given.row is not None:
        print(measure(*ROWS[given.row], given.side), flush=True)
        return
    print("| engine | width | networks | classes | bytes a pixel | expected | processor seconds |\n" + "|---" * 7 + "|")
    for row in range(len(ROWS)):
        command = [sys.executable, __file__, "--row", str(row), "--side", str(given.side)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
