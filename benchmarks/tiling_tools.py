"""The tools that tiling.py compares: an image in, probabilities out, the same weights in each."""

import contextlib
import copy
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import psutil
import torch
from monai.inferers.utils import sliding_window_inference
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from tiling_models import Padding, to_batch
from torch import Tensor, nn

from unmask.arrays import FloatImage, ProbabilityMap
from unmask.errors import PredictionError
from unmask.model import Model
from unmask.predict.engines import Engine, EngineName, choose_engine, open_engine, open_network
from unmask.predict.predictor import Predictor
from unmask.predict.probabilities import predict_probabilities
from unmask.predict.tiles import Network, default_memory, plan_tiles

__all__ = [
    "WINDOW",
    "Tool",
    "chosen_engine",
    "engines",
    "in_tiles",
    "peers",
    "unmask_tools",
    "whole",
]

CPU = torch.device("cpu")
WINDOW = 512  # of the peers, pixels
BATCHES = (1, 4)  # windows that MONAI computes at once
MONAI = {"constant": 0.25, "gaussian": 0.5}  # the overlap of each mode
Predict = Callable[[FloatImage], ProbabilityMap]
ENGINES: tuple[EngineName, ...] = ("eager", "openvino")


@dataclass(frozen=True)
class Tool:
    """One way of predicting an image.

    Attributes:
        name: of the row; of tools of one name the faster counts.
        variant: what differs between tools of one name.
        padding: of its network; whose whole-image pass its result is compared with.
        predict: (h, w, 1) to probabilities (2, h, w).
        small_only: it takes memory with the image, and is left out of the larger ones.
    """

    name: str
    variant: str
    padding: Padding
    predict: Predict
    small_only: bool = False


def peers(model: Model) -> Iterator[Tool]:
    """MONAI and nnU-Net as their users run them, then with the memory format that suits most processors better.

    Args:
        model: zero padded.
    """
    for suffix, memory in (("", torch.contiguous_format), (", channels_last", torch.channels_last)):
        net = copy.deepcopy(model.net).to(memory_format=memory)
        for (mode, overlap), batch in product(MONAI.items(), BATCHES):
            predict = partial(_monai, net, overlap, mode, batch)
            yield Tool(f"MONAI {mode} {overlap}{suffix}", f"batch {batch}", "same", predict, small_only=bool(suffix))
        predict = partial(_nnunet, _nnunet_predictor(net))
        yield Tool(f"nnU-Net gaussian 0.5{suffix}", "", "same", predict, small_only=bool(suffix))
        yield Tool(f"one padded pass{suffix}", "", "same", partial(_one_pass, net), small_only=True)


def unmask_tools(model: Model) -> Iterator[Tool]:
    """Tiles of the size that the command chooses, through each engine."""
    side, padding = chosen_side(model), "same" if model.halo.padded else "valid"
    for name, engine in engines(model).items():
        network = open_network(model, engine)
        yield Tool(f"unmask {padding}, {name}", f"tiles of {side}", padding, partial(in_tiles, network, model, side))


def engines(model: Model) -> dict[str, Engine]:
    """What computes a tile in single precision, by the names that `--engine` takes; those that work here."""
    found: dict[str, Engine] = {}
    for name in ENGINES:
        try:
            found[name] = open_engine(model, CPU, name)
        except PredictionError as error:
            print(f"{name}: {error}")
    return found


def chosen_side(model: Model) -> int:
    """Largest side of a tile, as the command chooses it with the memory that is free."""
    # What this process holds, peers and images, is not the command's.
    memory = default_memory() + psutil.Process().memory_info().rss
    return Predictor(model, "cpu", memory).side


def chosen_engine(model: Model, side: int) -> Engine:
    """The engine that the command chooses for an image; says why."""
    tiles = plan_tiles(side, side, model.halo, chosen_side(model))
    read = tiles[0].rows.read_stop - tiles[0].rows.read_start
    return choose_engine(model, CPU, len(tiles), read, print)


def in_tiles(network: Network, model: Model, side: int, image: FloatImage) -> ProbabilityMap:
    """Probabilities of an image from tiles of at most `side` pixels, as the command computes them."""
    classes = 1 + len(model.recipe.data.class_names)
    return predict_probabilities(network, image, side, classes)[0]


@torch.inference_mode()
def whole(model: Model, image: FloatImage) -> ProbabilityMap:
    """One pass over the whole image, written once more without the code of tiles.

    The image's sides are multiples of the network's stride. Unpadded convolutions see its mirror image outside.
    """
    halo, (height, width) = model.halo, image.shape[:2]
    if halo.padded:
        return _one_pass(model.net, image)
    around_each = [(halo.halo, halo.input_for(length) - halo.halo - length) for length in (height, width)]
    around: FloatImage = np.pad(image, [*around_each, (0, 0)], mode="reflect")
    return np.ascontiguousarray(_one_pass(model.net, around)[:, :height, :width])


def _probabilities(logits: Tensor) -> ProbabilityMap:
    found: ProbabilityMap = logits.float().softmax(dim=0).numpy()
    return found


@torch.inference_mode()
def _one_pass(net: nn.Module, image: FloatImage) -> ProbabilityMap:
    return _probabilities(net(to_batch(image))[0])


@torch.inference_mode()
def _monai(net: nn.Module, overlap: float, mode: str, batch: int, image: FloatImage) -> ProbabilityMap:
    logits = sliding_window_inference(to_batch(image), WINDOW, batch, net, overlap=overlap, mode=mode)
    assert isinstance(logits, Tensor), "the network has one output"
    return _probabilities(logits[0])


def _nnunet(predictor: nnUNetPredictor, image: FloatImage) -> ProbabilityMap:
    # A 2-D configuration takes a stack of slices: (c, 1, h, w).
    logits = predictor.predict_sliding_window_return_logits(to_batch(image).transpose(0, 1))
    return _probabilities(logits[:, 0])


def _nnunet_predictor(net: nn.Module) -> nnUNetPredictor:
    """Its defaults, without mirroring, which would cost four times as much."""
    with contextlib.redirect_stdout(io.StringIO()):  # it says what it cannot do on a CPU
        predictor = nnUNetPredictor(
            tile_step_size=0.5,
            use_gaussian=True,
            use_mirroring=False,
            perform_everything_on_device=False,
            device=CPU,
            allow_tqdm=False,
        )
        configuration = ConfigurationManager({"architecture": {}, "patch_size": [WINDOW, WINDOW]})
        labels = {"labels": {"background": 0, "object": 1}}
        predictor.manual_initialization(net, PlansManager({}), configuration, None, labels, "", None)
    return predictor
