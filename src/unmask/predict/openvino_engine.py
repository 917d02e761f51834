"""OpenVINO: a network's logits on the CPU, converted in memory, in single precision, for any input length.

One compiled model serves every shape. Converted by tracing, the crops follow the input's shape; a model of its own for
each shape was at most 4 % faster (docs/engines.md).
"""

import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from unmask.errors import PredictionError

__all__ = ["has_openvino", "openvino_logits"]


def has_openvino() -> bool:
    """Whether the package is installed; does not import it."""
    return find_spec("openvino") is not None


def openvino_logits(net: nn.Module, example: Float32[Tensor, "1 c h w"]) -> Callable[[Tensor], Tensor]:
    """What computes a network's logits with OpenVINO, from any thread.

    Args:
        net: in evaluation mode, on the CPU.
        example: an input, of any valid length.

    Returns:
        (1, c, h, w) float32 of any valid length to (1, classes, h', w') float32. Neither is copied where the input is
        contiguous.

    Raises:
        PredictionError: OpenVINO is not installed.
        RuntimeError: it cannot convert this network.
    """
    if not has_openvino():
        raise PredictionError("the engine openvino is not installed", remedy="type pip install 'unmask[openvino]'")
    # Importing openvino would report to its makers, unasked; without this package of its own it does not.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    with warnings.catch_warnings():
        # OpenVINO traces with torch.jit, which says that it will go one day.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        converted = openvino.convert_model(net, example_input=example)
    compiled = openvino.Core().compile_model(converted, "CPU", _settings())

    def logits(batch: Float32[Tensor, "1 c h w"]) -> Float32[Tensor, "1 classes h2 w2"]:
        # A request of its own each time: several threads may ask, and what it gives stays its own.
        request = compiled.create_infer_request()
        found = request.infer([batch.contiguous().numpy()], share_inputs=True, share_outputs=True)
        return torch.from_numpy(found[0])

    return logits


def _settings() -> dict[str, str | int | bool]:
    """Of the CPU plugin; left alone it would compute in bfloat16 on processors that have it."""
    return {
        "INFERENCE_PRECISION_HINT": "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
        "PERFORMANCE_HINT": "LATENCY",  # all threads at one tile
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,  # or the workers of a machine would all sit on its first cores
    }
