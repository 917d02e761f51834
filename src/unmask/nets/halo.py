"""Halo, stride and valid sizes of a network, derived from its own layers by integer arithmetic.

The network's graph is walked once, along one axis. Every tensor is described by the pixels of the input that one of
its positions can depend on: position i hears [step * i + first, step * i + last] of the input. Convolutions, pooling,
transposed convolutions and crops change these three integers, and the length; everything else must work pixel by pixel.

For the paper's network this gives halo 92, stride 16, and 572 -> 388.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx import Node, symbolic_trace

from unmask.errors import ModelError
from unmask.nets.ensemble import log_share, log_sum
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
        front: without padding: where the input may begin, modulo `stride`, so that pixels are pooled as a network of
            the same layers with padding pools them; None if nowhere. 0 with padding.
    """

    halo: int
    stride: int
    remainder: int
    smallest: int
    padded: bool
    front: int | None = 0

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
    """One axis of a tensor: its length, and what position i hears: [step * i + first, step * i + last].

    In parts of the input's pixels: as many a pixel as the network enlarges it to.
    """

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
    parts = max([_times(module) for module in net.modules() if isinstance(module, nn.Upsample)], default=1)
    lengths: list[int] = []
    walks: list[_Walk] = []
    # Valid lengths repeat with the stride; the search ends after two of them, at the first that fits and the next.
    for length in range(1, 4096):
        try:
            walk = _walk(graph, length, parts)
        except _Invalid:
            continue
        lengths.append(length)
        walks.append(walk)
        if len(lengths) == 2:
            break
    if len(lengths) < 2:
        raise ModelError("the network takes no two sizes that could be told apart: it cannot be tiled")
    stride = lengths[1] - lengths[0]
    field, deepest = walks[1].output, walks[1].deepest
    if stride * parts != math.lcm(deepest, parts) or field.step != parts:
        raise ModelError(
            f"the network's output has stride {field.step} and its deepest level {deepest}: it cannot be tiled"
        )
    padded = field.length == lengths[1]
    margin, odd = divmod(lengths[1] - field.length, 2)
    # An output pixel's middle is that of the input pixel `margin` further.
    if not padded and (odd or field.first + field.last != 2 * margin * parts + parts - 1):
        raise ModelError("the network's output pixels lie between those of its input: it cannot be tiled")
    halo = -(-max(-field.first, field.last - (parts - 1)) // parts) if padded else margin
    return Halo(halo, stride, lengths[0] % stride, lengths[0], padded, 0 if padded else walks[1].front(stride, parts))


@dataclass(frozen=True)
class _Walk:
    """What one walk found: the output, the coarsest step, and what is pooled, by how much."""

    output: _Field
    deepest: int
    pooled: tuple[tuple[_Field, int], ...]

    def front(self, stride: int, parts: int) -> int | None:
        """The first pixel of the input, modulo the stride, from which all that is pooled begins at whole cells of a
        grid that starts at pixel 0.
        """

        def whole(start: int) -> bool:
            # Symmetric about the `step` parts that are position 0's own.
            own = [(field.first + field.last - (field.step - 1)) // 2 for field, _ in self.pooled]
            cells = [field.step * by for field, by in self.pooled]
            return all((start * parts + first) % cell == 0 for first, cell in zip(own, cells, strict=True))

        return next((start for start in range(stride) if whole(start)), None)


def _walk(graph: torch.fx.GraphModule, length: int, parts: int) -> _Walk:
    known: dict[Node, _Field] = {}
    pooled: list[tuple[_Field, int]] = []
    deepest = 1
    modules = dict(graph.named_modules())
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            known[node] = _Field(length, parts, 0, parts - 1)
        elif node.op == "call_module":
            module = modules[str(node.target)]
            known[node] = _through(module, known[node.args[0]])
            if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
                pooled.append((known[node.args[0]], _one(module.stride)))
        elif node.op == "call_function" and node.target is beside:
            known[node] = _beside(known[node.args[0]], known[node.args[1]])
        elif node.op == "call_function" and node.target is log_share:
            known[node] = known[node.args[0]]
        elif node.op == "call_function" and node.target is log_sum:
            known[node] = _together(known[node.args[0]], known[node.args[1]])
        elif node.op == "output":
            return _Walk(known[node.args[0]], deepest, tuple(pooled))
        else:
            raise ModelError(f"{node.target} is an operation whose reach is not known: the network cannot be tiled")
        deepest = max(deepest, known[node].step)
    raise AssertionError("a traced graph ends with its output")


def _through(module: nn.Module, field: _Field) -> _Field:
    match module:
        case nn.Upsample(mode="nearest"):
            return _finer(field, _times(module))
        case nn.Conv2d():
            if _one(module.stride) > 1 and field.length % _one(module.stride):
                raise _Invalid
            return _slide(
                field, _one(module.kernel_size), _one(module.stride), _one(module.padding), _one(module.dilation)
            )
        case nn.MaxPool2d() | nn.AvgPool2d():
            if field.length % _one(module.stride):
                raise _Invalid
            return _slide(field, _one(module.kernel_size), _one(module.stride), _one(module.padding), 1)
        case nn.ConvTranspose2d() if module.kernel_size == module.stride and _one(module.padding) == 0:
            return _finer(field, _one(module.stride))
        case _ if isinstance(module, POINTWISE):
            return field
        case _:
            raise ModelError(
                f"{type(module).__name__} looks at a whole tile, or its reach is unknown: the network cannot be tiled",
                remedy="use batch norm or none",
            )


def _finer(field: _Field, up: int) -> _Field:
    """Position i hears position i // up before, whose pixels start up to (up - 1) fine steps before step * i."""
    step = field.step // up
    return _Field(field.length * up, step, field.first - (up - 1) * step, field.last)


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


def _together(first: _Field, second: _Field) -> _Field:
    if (first.length, first.step) != (second.length, second.step):
        raise ModelError("the members of this ensemble differ in size: it cannot be tiled")
    return _Field(first.length, first.step, min(first.first, second.first), max(first.last, second.last))


def _times(module: nn.Upsample) -> int:
    """How many times it enlarges."""
    factor = module.scale_factor
    if not isinstance(factor, float | int) or factor != int(factor):
        raise ModelError(f"an enlargement of {factor} times is no whole number: the network cannot be tiled")
    return int(factor)


def _one(value: Any) -> int:
    """The one number of a square kernel, stride or padding."""
    first, *rest = value if isinstance(value, tuple) else (value,)
    if any(other != first for other in rest):
        raise ModelError(f"a kernel of {value} is not square: the network cannot be tiled")
    return int(first)
