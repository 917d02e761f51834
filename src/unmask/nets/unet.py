"""U-Net (Ronneberger, Fischer, Brox 2015), exactly: 572 x 572 in, 388 x 388 out, 31,030,658 parameters.

    x ── block ───────────────── crop, concatenate ─ block ─ 1x1 ── logits
           └─ pool ─ block ───── crop, concatenate ─ block ─ up ─┘
                       └─ ...                                ┘

A block is two 3x3 convolutions with ReLU; levels halve the size (2x2 max pooling) and double the channels; the way up
is a 2x2 transposed convolution that halves the channels, put beside the centre crop of the same level.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["UNet"]


@torch.fx.wrap
def beside(skip: Tensor, up: Tensor) -> Tensor:
    """The centre crop of `skip` and `up`, concatenated over channels."""
    top, left = (skip.shape[2] - up.shape[2]) // 2, (skip.shape[3] - up.shape[3]) // 2
    return torch.cat([skip[:, :, top : top + up.shape[2], left : left + up.shape[3]], up], dim=1)


class UNet(nn.Module):
    """U-Net; the defaults are the paper's network.

    Args:
        in_channels: channels of the image.
        classes: classes, with the background.
        width: channels of the first block; doubled at each level.
        depth: how often the image is pooled.
        norm: "none", or "batch": batch normalisation between convolution and ReLU (the convolution then has no bias).
        dropout: probability of dropping a value at the end of the contracting path.
        padding: "valid" (unpadded) or "same" (zero padded; output as large as the input).
        enlarge: 1, 2 or 4: the network sees each pixel of the image as so many a side, for objects of few pixels. A
            pixel's logits are read from all of its own (a convolution of that kernel and stride).
        reduce: of 1 or more: it sees the mean of so many pixels a side, for huge objects, and gives each of them logits
            of its own (a transposed convolution). One of the two is 1.

    Shapes: (b, in_channels, h, w) to logits (b, classes, h', w'), with h' = h - 2 halo for "valid" padding, h' = h for
    "same". Sizes must keep every pooled size even: `unmask.nets.halo` says which do.
    """

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 2,
        *,
        width: int = 64,
        depth: int = 4,
        norm: Literal["batch", "none"] = "none",
        dropout: float = 0.5,
        padding: Literal["valid", "same"] = "valid",
        enlarge: int = 1,
        reduce: int = 1,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.enter = _entrance(enlarge, reduce)
        self.down = nn.ModuleList(
            _block(before, after, norm, padding) for before, after in zip([in_channels, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2, stride=2)
        self.dropout = nn.Dropout(dropout)
        self.up = nn.ModuleList(nn.ConvTranspose2d(w * 2, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(_block(w * 2, w, norm, padding) for w in reversed(widths[:-1]))
        self.head: nn.Module = nn.Conv2d(width, classes, enlarge, stride=enlarge)
        if reduce > 1:
            self.head = nn.ConvTranspose2d(width, classes, reduce, stride=reduce)
        self.apply(_initialise)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes h2 w2"]:
        """Logits, not probabilities."""
        skips = []
        x = self.enter(x)
        for level, block in enumerate(self.down):
            x = block(self.pool(x) if level else x)
            skips.append(x)
        x = self.dropout(skips.pop())
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(beside(skips.pop(), up(x)))
        logits: Tensor = self.head(x)
        return logits


def _entrance(enlarge: int, reduce: int) -> nn.Module:
    """Whole factors without a filter: what a tile's edge pixel becomes depends on no pixel beyond it."""
    if enlarge > 1:
        return nn.Upsample(scale_factor=enlarge, mode="nearest")
    return nn.AvgPool2d(reduce) if reduce > 1 else nn.Identity()


def _block(before: int, after: int, norm: Literal["batch", "none"], padding: Literal["valid", "same"]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers.append(nn.Conv2d(channels, after, 3, padding=1 if padding == "same" else 0, bias=norm == "none"))
        if norm == "batch":
            layers.append(nn.BatchNorm2d(after))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _initialise(module: nn.Module) -> None:
    """He initialisation as the paper states it: Gaussian of deviation sqrt(2/N), N incoming nodes of one neuron."""
    if isinstance(module, nn.Conv2d):
        incoming = module.in_channels * module.kernel_size[0] * module.kernel_size[1]
    elif isinstance(module, nn.ConvTranspose2d):
        # Kernel and stride are equal: each output pixel hears one position of the kernel.
        incoming = module.in_channels
    else:
        return
    nn.init.normal_(module.weight, std=(2 / incoming) ** 0.5)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
