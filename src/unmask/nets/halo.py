"""Halo, stride and valid sizes of a network, derived from its own layers by integer arithmetic.

The network's graph is walked once, along one axis. Every tensor is described by the pixels of the input that one of
its positions can depend on: position i hears [step * i + first, step * i + last] of the input. Convolutions, pooling,
transposed convolutions and crops change these three integers, and the length; everything else must work pixel by pixel.

For the paper's network this gives halo 92, stride 16, and 572 -> 388.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx import Node, symbolic_trace

from unmask.errors import ModelError
from unmask.nets.unet import beside

__all__ = ["Halo", "derive_halo"]

POINTWISE = (nn.ReLU, nn.Dropout, nn.Identity, nn.BatchNorm2d, nn.Sigmoid, nn.Softmax, nn.LeakyReLU, nn.GELU)


@dataclass(frozen=True)
class Halo:
    """What tiling needs to know of a network.

    Attributes:
        halo: pixels of surroundings that an output pixel needs on each side. Unpadded networks: what the output is
            smaller by. Padded ones: the radius of the receptive field.
        stride: origins of tiles are multiples of it.
        remainder: valid input lengths are this modulo `stride`.
        smallest: the shortest valid input length.
        padded: the output is as large as the input.
    """

    halo: int
    stride: int
    remainder: int
    smallest: int
    padded: bool

    def valid(self, length: int) -> bool:
        """Whether the network takes an input of this length."""
        return length >= self.smallest and length % self.stride == self.remainder

    def output(self, length: int) -> int:
        """Output length of a valid input length."""
        return length if self.padded else length - 2 * self.halo

    def input_for(self, length: int) -> int:
        """The shortest valid input length whose output has at least `length` pixels."""
        wanted = max(self.smallest, length if self.padded else length + 2 * self.halo)
        return wanted + (self.remainder - wanted) % self.stride


@dataclass(frozen=True)
class _Field:
    """One axis of a tensor: its length, and what position i hears: [step * i + first, step * i + last]."""

    length: int
    step: int
    first: int
    last: int


class _Invalid(Exception):
    """This input length does not fit: a pooled length is odd or nothing is left."""


def derive_halo(net: nn.Module) -> Halo:
    """Halo, stride and valid sizes of a network.

    Raises:
        ModelError: a layer that looks at the whole tile (instance or group norm), or one this arithmetic does not know.
    """
    graph = symbolic_trace(net)
    lengths: list[int] = []
    fields: list[_Field] = []
    deepest = 1
    # Valid lengths repeat with the stride; the search ends after two of them, at the first that fits and the next.
    for length in range(1, 4096):
        try:
            field, deepest = _walk(graph, length)
        except _Invalid:
            continue
        lengths.append(length)
        fields.append(field)
        if len(lengths) == 2:
            break
    stride = lengths[1] - lengths[0]
    field = fields[1]
    if stride != deepest or field.step != 1:
        raise ModelError(
            f"the network's output has stride {field.step} and its deepest level {deepest}: it cannot be tiled"
        )
    padded = field.length == lengths[1]
    halo = max(-field.first, field.last) if padded else (lengths[1] - field.length) // 2
    return Halo(halo, stride, lengths[0] % stride, lengths[0], padded)


def _walk(graph: torch.fx.GraphModule, length: int) -> tuple[_Field, int]:
    known: dict[Node, _Field] = {}
    deepest = 1
    modules = dict(graph.named_modules())
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            known[node] = _Field(length, 1, 0, 0)
        elif node.op == "call_module":
            known[node] = _through(modules[str(node.target)], known[node.args[0]])
        elif node.op == "call_function" and node.target is beside:
            known[node] = _beside(known[node.args[0]], known[node.args[1]])
        elif node.op == "output":
            return known[node.args[0]], deepest
        else:
            raise ModelError(f"{node.target} is an operation whose reach is not known: the network cannot be tiled")
        deepest = max(deepest, known[node].step)
    raise AssertionError("a traced graph ends with its output")


def _through(module: nn.Module, field: _Field) -> _Field:
    match module:
        case nn.Conv2d():
            return _slide(
                field, _one(module.kernel_size), _one(module.stride), _one(module.padding), _one(module.dilation)
            )
        case nn.MaxPool2d() | nn.AvgPool2d():
            if field.length % _one(module.stride):
                raise _Invalid
            return _slide(field, _one(module.kernel_size), _one(module.stride), _one(module.padding), 1)
        case nn.ConvTranspose2d() if module.kernel_size == module.stride and _one(module.padding) == 0:
            up = _one(module.stride)
            # Position i hears position i // up below, whose pixels start up to (up - 1) fine steps before step * i.
            step = field.step // up
            return _Field(field.length * up, step, field.first - (up - 1) * step, field.last)
        case _ if isinstance(module, POINTWISE):
            return field
        case _:
            raise ModelError(
                f"{type(module).__name__} looks at a whole tile, or its reach is unknown: the network cannot be tiled",
                remedy="use batch norm or none",
            )


def _slide(field: _Field, kernel: int, stride: int, padding: int, dilation: int) -> _Field:
    span = (kernel - 1) * dilation
    length = (field.length + 2 * padding - span - 1) // stride + 1
    if length < 1:
        raise _Invalid
    first = field.first - padding * field.step
    return _Field(length, field.step * stride, first, field.last + (span - padding) * field.step)


def _beside(skip: _Field, up: _Field) -> _Field:
    margin = skip.length - up.length
    if margin < 0 or margin % 2:
        raise _Invalid
    cut = margin // 2 * skip.step
    return _Field(up.length, up.step, min(skip.first + cut, up.first), max(skip.last + cut, up.last))


def _one(value: Any) -> int:
    """The one number of a square kernel, stride or padding."""
    first, *rest = value if isinstance(value, tuple) else (value,)
    if any(other != first for other in rest):
        raise ModelError(f"a kernel of {value} is not square: the network cannot be tiled")
    return int(first)
