"""Feature pyramid (Lin et al. 2017), as torchvision's Mask R-CNN has it: P2 to P5 from C2 to C5, and P6.

A 1x1 convolution brings each level to one width, the coarser level is enlarged to the nearest pixel and added, and a
3x3 convolution follows. P6 is every second pixel of P5; only anchors use it.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FPN"]


class FPN(nn.Module):
    """Feature pyramid; names of parameters and initialisation are torchvision's.

    Args:
        widths: channels of each incoming map, the finest first.
        channels: channels of every outgoing map.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        # One convolution to a Sequential: torchvision's names have room for a norm after it.
        self.inner_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(width, channels, 1)) for width in widths)
        self.layer_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1)) for _ in widths)
        self.apply(_initialise)

    def forward(self, maps: Sequence[Float[Tensor, "b _ _ _"]]) -> list[Float[Tensor, "b channels _ _"]]:
        """One map for each incoming one, as large as it, and one more of half the last one's size.

        Args:
            maps: C2 to C5, each of any size.
        """
        merged: Tensor | None = None
        pyramid: list[Tensor] = []
        for inner, layer, level in reversed(list(zip(self.inner_blocks, self.layer_blocks, maps, strict=True))):
            merged = _beneath(inner(level), merged)
            pyramid.insert(0, layer(merged))
        return [*pyramid, functional.max_pool2d(pyramid[-1], kernel_size=1, stride=2)]


def _beneath(lateral: Tensor, coarser: Tensor | None) -> Tensor:
    if coarser is None:
        return lateral
    return lateral + functional.interpolate(coarser, size=lateral.shape[2:], mode="nearest")


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_uniform_(module.weight, a=1)
        assert module.bias is not None, "made with a bias"
        nn.init.zeros_(module.bias)
