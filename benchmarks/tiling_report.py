"""The tables and the JSON file of tiling.py."""

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from convolutions import Rate, convolution_rates
from tiling_measure import Row, TileRow, compare, compare_tiles
from tiling_models import both_paddings, random_model, work_per_pixel
from tiling_tools import chosen_engine

from unmask.model import Model
from unmask.recipe import UNetRecipe
from unmask.version import __version__

__all__ = ["report"]

PACKAGES = ("torch", "openvino", "monai", "nnunetv2", "numpy")
DEFAULT, GAUSSIAN = "MONAI constant 0.25", "MONAI gaussian 0.5"


def report(widths: list[int], sides: list[int], file: Path | None, out: Path) -> None:
    """Measure all; print tables as they come, then write the JSON file."""
    head = {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "versions": {"unmask": __version__, **{name: version(name) for name in PACKAGES}},
        "weights": "random" if file is None else str(file),
    }
    print(json.dumps(head, indent=1), flush=True)
    rates = list(convolution_rates())
    best = max(rates, key=lambda rate: rate.gflops)
    _print_convolutions(rates, best)
    rows: list[Row] = []
    tiles: list[TileRow] = []
    choices: list[dict[str, int | str]] = []
    for model in [random_model(width) for width in widths] if file is None else [Model.load(file)]:
        network = model.recipe.network
        assert isinstance(network, UNetRecipe), "the model is a U-Net"
        if any(side % model.halo.stride for side in sides):
            raise SystemExit(f"--sides: multiples of {model.halo.stride}, the stride of {file}")
        print(
            f"\nwidth {network.width}, depth {network.depth}: {work_per_pixel(model) / 1e3:.1f} kFLOP a pixel",
            flush=True,
        )
        for found in compare(model, network.width, sides):
            rows += found
            _print_rows(found, best.gflops)
            choice = chosen_engine(both_paddings(model)["valid"], found[0].side).name
            choices.append({"width": network.width, "side": found[0].side, "engine": choice})
            print(f"unmask chooses {choice}", flush=True)
        for tile in compare_tiles(model, network.width, min(sides)):
            tiles.append(tile)
            _print_tile(tile, best.gflops)
    result = head | {
        "best_convolution": asdict(best),
        "convolutions": [asdict(rate) for rate in rates],
        "rows": [asdict(row) for row in rows],
        "chosen": choices,
        "tiles": [asdict(tile) for tile in tiles],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten: {out}")


def _print_convolutions(rates: list[Rate], best: Rate) -> None:
    for way in dict.fromkeys(rate.way for rate in rates):
        top = max((rate for rate in rates if rate.way == way), key=lambda rate: rate.gflops)
        print(f"convolutions, {way:19} {top.gflops:6.1f} GFLOP/s  ({top.channels} channels, {top.side} x {top.side})")
    print(f"best: {best.gflops:.1f} GFLOP/s", flush=True)


def _print_rows(rows: list[Row], best: float) -> None:
    """One image's table; `x default` and `x Gaussian` compare pixels a second with MONAI's two ways."""
    speed = {row.tool: row.megapixels for row in rows}
    print(
        f"\n{rows[0].side} x {rows[0].side:<28} {'s':>7} {'Mpixel/s':>9} {'x default':>9} {'x Gaussian':>10} "
        f"{'GFLOP/s':>8} {'of best':>7} {'seam':>8} {'mean':>8}"
    )
    for row in rows:
        seam = f"{row.seam.largest:8.1e} {row.seam.mean:8.1e}" if row.seam else f"{'-':>8} {'-':>8}"
        print(
            f"{row.tool:35} {row.seconds:7.2f} {row.megapixels:9.3f} {row.megapixels / speed[DEFAULT]:9.2f} "
            f"{row.megapixels / speed[GAUSSIAN]:10.2f} {row.gflops:8.1f} {row.gflops / best:7.0%} {seam}",
            flush=True,
        )


def _print_tile(tile: TileRow, best: float) -> None:
    print(
        f"{tile.engine:10} tiles of {tile.written:4} pixels, {tile.read:4} read: {tile.megapixels:7.3f} Mpixel/s "
        f"{tile.gflops:7.1f} GFLOP/s {tile.gflops / best:5.0%}",
        flush=True,
    )


def _processor() -> str:
    """Its name, by Linux's account."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
