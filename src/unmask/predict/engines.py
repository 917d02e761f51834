"""Engines: what computes a U-Net's logits of a tile.

    eager      PyTorch, layer by layer; every other engine is checked against it
    compile    torch.compile: slow to start, for GPUs
    openvino   OpenVINO on the CPU, with unmask[openvino]
    bf16 fp16  PyTorch in half precision: probabilities change, so never chosen, only asked for

docs/engines.md has their times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Literal, get_args

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from unmask.errors import PredictionError
from unmask.model import Model
from unmask.nets import MaskRCNN
from unmask.predict.openvino_engine import has_openvino, openvino_logits
from unmask.predict.tiles import Cutting, Network, exact_convolutions

__all__ = [
    "ENGINES",
    "EXACT",
    "EXACT_ENGINES",
    "HALF",
    "Engine",
    "EngineName",
    "choose_engine",
    "open_engine",
    "open_network",
]

EngineName = Literal["eager", "compile", "openvino", "bf16", "fp16"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
EXACT_ENGINES: tuple[EngineName, ...] = ("eager", "compile", "openvino")

# Largest differences of a probability from eager's, in single and in half precision.
EXACT, HALF = 1e-5, 2e-2
# `choose_engine` says what these follow from; seconds, but for the tiles.
FEWEST_TILES, WORTH_MEASURING = 4, 20.0
COMPILE_START, COMPILE_GAIN = 240.0, 0.1


@dataclass(frozen=True)
class Engine:
    """Computes logits, in inference mode, from any thread.

    Attributes:
        name: as `--engine` takes it.
        device: where it computes.
        exact: its probabilities are eager's within 1e-5.
        logits: (1, c, h, w) float32 on the device to (1, classes, h', w') logits.
    """

    name: EngineName
    device: torch.device
    exact: bool
    logits: Callable[[Tensor], Tensor]

    @torch.inference_mode()
    def __call__(self, batch: Float32[Tensor, "1 c h w"]) -> Float32[Tensor, "1 classes h2 w2"]:
        """Logits of a tile, on the engine's device; `batch` may be on any, of any length that the network takes."""
        if self.device.type == "cuda":
            batch = batch.pin_memory()  # the copy waits for nothing
        return self.logits(batch.to(self.device, non_blocking=True)).float()


def open_engine(model: Model, device: torch.device, name: EngineName) -> Engine:
    """An engine, checked against eager on the model's own test input.

    The model's network moves to the device, in channels_last. For Mask R-CNN there is eager alone, which has the name
    and the device but no logits: its windows are computed by `unmask.predict.detections`.

    Raises:
        PredictionError: the engine is not there, cannot compute this network here, or its probabilities differ from
            eager's by more than 1e-5 (bf16 and fp16: 2e-2).
    """
    detects = isinstance(model.net, MaskRCNN)
    if detects and name != "eager":
        raise PredictionError(f"the engine {name} is for U-Nets, this model is a Mask R-CNN", remedy=REMEDY)
    if name == "openvino" and device.type != "cpu":
        raise PredictionError(f"the engine openvino computes on the CPU, not on {device}", remedy=REMEDY)
    net = model.net.eval().to(device).to(memory_format=torch.channels_last)
    eager = Engine("eager", device, True, _no_logits if detects else partial(_eager, net, device))
    if name == "eager":
        return eager
    try:
        engine = Engine(name, device, name in EXACT_ENGINES, _logits(net, name, device, model.test_input()))
        difference = _difference(engine, eager, model)
    except (RuntimeError, ImportError, OSError) as error:  # of compilers and converters, or their libraries
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise PredictionError(f"the engine {name} does not work here ({reason})", remedy=REMEDY) from error
    allowed = EXACT if engine.exact else HALF
    if not difference <= allowed:
        raise PredictionError(
            f"the engine {name} differs from eager by {difference:.2g} in a probability, more than {allowed:g}",
            remedy=REMEDY,
        )
    return engine


def open_network(model: Model, engine: Engine) -> Network:
    """An engine as a network for tiles, with another of its kind for the network without padding, if it has any.

    Raises:
        PredictionError: as `open_engine`.
    """
    twin = model.unpadded
    if twin is None:
        return Network(Cutting(model.halo), engine)
    return Network(Cutting(model.halo, twin.halo), engine, open_engine(model.share(twin), engine.device, engine.name))


REMEDY = "type --engine eager"


def choose_engine(model: Model, device: torch.device, tiles: int, length: int, tell: Callable[[str], None]) -> Engine:
    """The fastest exact engine for what is to be done, measured where that pays.

    With E seconds a tile in eager and n tiles: OpenVINO saves a tenth of n E or more, on some CPUs half of it
    (docs/engines.md). Looking for it costs a quarter of a tile of each of two engines, E / 2, and OpenVINO's start,
    about 2 s. So

    - below 4 tiles nothing is measured: E / 2 could be what is saved. Eager.
    - a quarter of a tile is measured in eager; below n E = 20 s what is saved may be less than looking costs. Eager.
    - OpenVINO is measured on a CPU where it is installed.
    - torch.compile starts in about a minute for each shape of tile, say four: 240 s. It is measured where a tenth of
      n E is more, and on GPUs only: on the CPU measured it was no faster.

    Args:
        model: a Mask R-CNN has eager alone.
        device: where to compute.
        tiles: how many are to be predicted in all.
        length: of a tile's input, pixels.
        tell: is given a sentence if anything was measured against eager.
    """
    eager = open_engine(model, device, "eager")
    if isinstance(model.net, MaskRCNN) or tiles < FEWEST_TILES:
        return eager
    eager(model.test_input())  # the first pass also loads libraries and starts threads
    side = model.halo.input_for(max(1, length // 2 - (0 if model.halo.padded else 2 * model.halo.halo)))
    batch, tile = torch.rand((1, model.recipe.data.channels, side, side)), (length / side) ** 2
    measured = [(tile * _seconds(eager, batch), eager)]
    for name in _candidates(device, tiles * measured[0][0]):
        try:
            engine = open_engine(model, device, name)
        except PredictionError as error:
            tell(f"engine: {name} is left out, {error.problem}")
            continue
        measured.append((tile * _seconds(engine, batch), engine))
    if len(measured) == 1:
        return eager
    (best, chosen), *others = sorted(measured, key=lambda pair: pair[0])
    slower = ", ".join(f"{engine.name} {seconds:.2g} s" for seconds, engine in others)
    tell(f"engine: {chosen.name}, {best:.2g} s a tile; {slower}")
    return chosen


def _candidates(device: torch.device, work: float) -> list[EngineName]:
    """What to measure beside eager, for so many seconds of it."""
    found: list[EngineName] = []
    if device.type == "cpu" and work >= WORTH_MEASURING and has_openvino():
        found.append("openvino")
    if device.type == "cuda" and work * COMPILE_GAIN >= COMPILE_START:
        found.append("compile")
    return found


def _logits(net: nn.Module, name: EngineName, device: torch.device, example: Tensor) -> Callable[[Tensor], Tensor]:
    match name:
        case "eager":
            return partial(_eager, net, device)
        case "compile":
            # A compilation a shape. A dynamic one took three times as long, and again for each range of sizes.
            return partial(_eager, torch.compile(net, dynamic=False), device)
        case "openvino":
            return openvino_logits(net, example)
        case "bf16":
            return partial(_half, net, device, torch.bfloat16)
        case "fp16":
            return partial(_half, net, device, torch.float16)


def _eager(net: Callable[[Tensor], Tensor], device: torch.device, batch: Tensor) -> Tensor:
    with exact_convolutions(device):
        return net(batch.contiguous(memory_format=torch.channels_last))


def _half(net: nn.Module, device: torch.device, dtype: torch.dtype, batch: Tensor) -> Tensor:
    with torch.autocast(device.type, dtype):
        logits: Tensor = net(batch.contiguous(memory_format=torch.channels_last))
    return logits


def _no_logits(batch: Tensor) -> Tensor:
    raise TypeError("a Mask R-CNN has no logits of a tile")


def _difference(engine: Engine, eager: Engine, model: Model) -> float:
    """The largest difference of a probability, on the test input and on an oblong one; not compiled for that alone."""
    square = model.test_input()
    batches = [square]
    if engine.name != "compile":
        batches.append(torch.cat([square, square[..., : model.halo.stride]], dim=3))
    worst = [(engine(batch).softmax(1) - eager(batch).softmax(1)).abs().max() for batch in batches]
    return float(torch.stack(worst).max())


def _seconds(engine: Engine, batch: Tensor) -> float:
    begun = perf_counter()
    engine(batch).cpu()  # a GPU's work is done when it is here
    return perf_counter() - begun
