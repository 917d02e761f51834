"""Engines of the U-Net on a CPU: seconds a tile, and the work a second that was of use.

    OMP_NUM_THREADS=1 python benchmarks/engines.py eager openvino bf16
    OMP_NUM_THREADS=2 python benchmarks/engines.py eager openvino bf16

Networks of depth 4, unpadded, random weights, one channel, two classes. Engines take turns, the fastest of three
counts. Of use is what one pass over a whole image would compute for the pixels that the tile writes, without its halo.
"""

import sys
import time
from statistics import median

import openvino
import torch

from unmask.errors import PredictionError
from unmask.model import Model
from unmask.nets import UNet
from unmask.nets.operations import operations
from unmask.predict.engines import ENGINES, Engine, EngineName, open_engine
from unmask.recipe import Recipe, UNetRecipe

WIDTHS, SIDES, RUNS = (16, 32), (572, 876, 1212), 3
CPU = torch.device("cpu")


def a_model(width: int) -> Model:
    """Random weights; a small head, so that no probability is simply 0 or 1."""
    torch.manual_seed(0)
    network = UNetRecipe(width=width, depth=4, padding="valid")
    net = UNet(width=width, depth=4).eval()
    with torch.no_grad():
        net.head.weight.mul_(0.02)
    return Model(net, Recipe(network=network))


def work_per_pixel(width: int) -> float:
    """Floating point operations a written pixel, halos left out: those of a padded network."""
    side = 64
    return operations(UNetRecipe(width=width, depth=4, padding="same"), 1, 2, side, side) / side**2


def opened(model: Model, names: list[str]) -> dict[EngineName, Engine]:
    """Every engine that works here; says how long it took to start."""
    engines: dict[EngineName, Engine] = {}
    for name in (name for name in ENGINES if name in names):
        begun = time.perf_counter()
        try:
            engines[name] = open_engine(model, CPU, name)
        except PredictionError as error:
            print(f"{name}: {error}")
        else:
            print(f"{name}: started in {time.perf_counter() - begun:.1f} s", flush=True)
    return engines


def main() -> None:
    """A row a tile: width, input side, engine, seconds (fastest, middle), processor seconds, and of these GFLOP/s of
    use and microseconds a written pixel.
    """
    print(
        f"torch {torch.__version__}, openvino {openvino.__version__}, {torch.get_num_threads()} threads", sys.platform
    )
    for width in WIDTHS:
        model = a_model(width)
        work, engines = work_per_pixel(width), opened(model, sys.argv[1:])
        for side in SIDES:
            batch = torch.rand(1, 1, side, side)
            pixels = model.halo.output(side) ** 2
            wall: dict[str, list[float]] = {name: [] for name in engines}
            busy: dict[str, list[float]] = {name: [] for name in engines}
            for _ in range(RUNS):
                for name, engine in engines.items():
                    begun, used = time.perf_counter(), time.process_time()
                    engine(batch)
                    busy[name].append(time.process_time() - used)
                    wall[name].append(time.perf_counter() - begun)
            for name in engines:
                times, cpu = wall[name], busy[name]
                print(
                    f"| {width} | {side} | {name} | {min(times):.2f} | {median(times):.2f} | {min(cpu):.2f} | "
                    f"{pixels * work / min(cpu) / 1e9:.0f} | {min(cpu) / pixels * 1e6:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
