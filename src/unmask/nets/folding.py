"""A ResNet's forward pass with the constants of its norms multiplied into the convolutions before them.

A batch norm that is not trained is a factor and an offset a channel: as part of the convolution it costs nothing, as a
layer two passes over maps that do not fit into any cache. Weights stay as they are; the products are made each time,
which takes a hundredth of the pass.
"""

from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from unmask.nets.backbone import ResNetBody

if TYPE_CHECKING:
    from torchvision.models.resnet import BasicBlock, Bottleneck

__all__ = ["folded"]


def folded(body: ResNetBody, images: Float[Tensor, "b channels h w"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """C2 to C5 of a ResNet in evaluation mode, but for rounding those of `body(images)`."""
    x = body.maxpool(functional.relu(_convolved(body.conv1, body.bn1, images), inplace=True))
    maps = []
    for layer in (body.layer1, body.layer2, body.layer3, body.layer4):
        for block in layer:
            x = _block(block, x)
        maps.append(x)
    c2, c3, c4, c5 = maps
    return c2, c3, c4, c5


def _block(block: "BasicBlock | Bottleneck", x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
    from torchvision.models.resnet import Bottleneck  # not above: `unmask.nets.operators` says why

    steps = [(block.conv1, block.bn1), (block.conv2, block.bn2)]
    if isinstance(block, Bottleneck):
        steps.append((block.conv3, block.bn3))
    out = x
    for convolution, norm in steps[:-1]:
        out = functional.relu(_convolved(convolution, norm, out), inplace=True)
    out = _convolved(*steps[-1], out)
    if block.downsample is not None:
        convolution, norm = block.downsample
        x = _convolved(convolution, norm, x)
    return functional.relu(out.add_(x), inplace=True)


def _convolved(
    convolution: nn.Conv2d, norm: nn.BatchNorm2d, x: Float[Tensor, "b c h w"]
) -> Float[Tensor, "b c2 h2 w2"]:
    """Convolution and norm in one; a frozen norm has the same constants."""
    assert norm.running_var is not None, "torchvision's ResNets keep them"
    assert norm.running_mean is not None
    factor = norm.weight * (norm.running_var + norm.eps).rsqrt()
    weight, offset = convolution.weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor
    return functional.conv2d(x, weight, offset, convolution.stride, convolution.padding)
