"""What training starts from: published weights, or those of a file, put into a network.

A ResNet is taken whole or not at all. Of a whole network's file, each other part is taken where its names and shapes
are the network's, and left as it is otherwise: predictors of other classes, a pyramid of another width.
"""

import hashlib
import re
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from unmask.errors import ModelError
from unmask.nets.backbone import RESNETS, ResNetBody

__all__ = ["current_names", "load_weights", "share_colours"]

HOME = "https://download.pytorch.org/models/"
# torchvision's first ImageNet weights, which its and the paper's detectors start from.
PUBLISHED = {
    "resnet18": f"{HOME}resnet18-f37072fd.pth",
    "resnet34": f"{HOME}resnet34-b627a593.pth",
    "resnet50": f"{HOME}resnet50-0676ba61.pth",
    "resnet101": f"{HOME}resnet101-63fe2227.pth",
}
# Its Mask R-CNN with ResNet-50, the first as well.
COCO = f"{HOME}maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth"
# Files whose frozen norms were trained with nothing added to the variance; all others add 1e-5.
WITHOUT_EPS = (COCO, f"{HOME}fasterrcnn_resnet50_fpn_coco-258fb6c6.pth")
EPS = 1e-5

BODY = "backbone.body."
PARTS = {
    "backbone.fpn.": "feature pyramid",
    "rpn.head.conv.": "proposal head",
    "rpn.head.cls_logits.": "objectness predictor",
    "rpn.head.bbox_pred.": "proposal box predictor",
    "roi_heads.box_head.": "box head",
    "roi_heads.box_predictor.": "class and box predictor",
    "roi_heads.mask_head.": "mask head",
    "roi_heads.mask_predictor.conv5_mask.": "mask enlargement",
    "roi_heads.mask_predictor.mask_fcn_logits.": "mask predictor",
}
TENSORS_ALONE = (
    "if you trust its maker, save its tensors alone, in Python: x = torch.load(FILE, weights_only=False), which runs "
    "what is in it, then torch.save(x.state_dict(), NEW_FILE) of a network or torch.save(x['model'], NEW_FILE)"
)


def load_weights(net: nn.Module, source: str, channels: int) -> str:
    """Fill a Mask R-CNN from published weights or a file, in place.

    Args:
        net: its ResNet is `net.backbone.body`.
        source: "none"; "imagenet", for the ResNet; "coco", torchvision's Mask R-CNN with ResNet-50; or a file of
            weights (.safetensors, or a torch state dict) of a torchvision ResNet, Mask R-CNN or Faster R-CNN, or of
            an unmask model (also its run folder). Published files are downloaded once, to torch's cache.
        channels: of the images; `share_colours` says what becomes of a first convolution for others.

    Returns:
        A sentence on what was taken and what was left as it was.

    Raises:
        ModelError: no such file, one that cannot be read or downloaded, or a ResNet of another depth.
    """
    if source == "none":
        return "No weights were loaded: the network starts at random."
    body = net.get_submodule("backbone.body")
    assert isinstance(body, ResNetBody), "a Mask R-CNN of this package"
    file = _file(source, body.name)
    found = current_names(_read(file))
    whole = any(name.startswith(BODY) for name in found)
    resnet = {name.removeprefix(BODY): value for name, value in found.items() if name.startswith(BODY) or not whole}
    taken = {BODY + name: value for name, value in _resnet(resnet, body, channels, file).items()}
    title = f"{'Detector with ' * whole}{_title(body.name)} from {file.name}"
    parts, left = _parts(found, net.state_dict()) if whole else ({}, [])
    taken |= parts
    net.load_state_dict({name: value.float() for name, value in taken.items()}, strict=False)
    notes = [f"left as they were: {', '.join(left)}"] * bool(left) + _colours(resnet["conv1.weight"], channels)
    return "; ".join([f"{title}: {len(taken)} tensors", *notes]) + "."


def share_colours(weight: Float[Tensor, "out c kh kw"], channels: int) -> Float[Tensor, "out channels kh kw"]:
    """A first convolution for images of another number of channels; as it is where the number is the same.

    Each channel gets w'[:, j] = sum over c of w[:, c], divided by `channels`: an image whose channels are equal gets
    the response that the same grey image got in colour. For one channel that is the sum over the colours.
    """
    if weight.shape[1] == channels:
        return weight
    return weight.double().sum(1, keepdim=True).div(channels).repeat(1, channels, 1, 1).float()


def current_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a torchvision detector by today's names: its published files have those of older versions."""
    return {_current_name(name): value for name, value in tensors.items()}


def _current_name(name: str) -> str:
    name = re.sub(r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$", r"\1.0.\2", name)
    name = re.sub(r"^rpn\.head\.conv\.(weight|bias)$", r"rpn.head.conv.0.0.\1", name)
    return re.sub(
        r"^roi_heads\.mask_head\.mask_fcn(\d+)\.", lambda found: f"roi_heads.mask_head.{int(found[1]) - 1}.0.", name
    )


def _title(name: str) -> str:
    return name.replace("resnet", "ResNet-")


def _colours(weight: Tensor, channels: int) -> list[str]:
    how = "summed for 1 channel" if channels == 1 else f"summed and divided among {channels} channels"
    return [f"the first convolution's colours were {how}"] * (weight.shape[1] != channels)


def _resnet(found: dict[str, Tensor], body: ResNetBody, channels: int, file: Path) -> dict[str, Tensor]:
    """Every tensor of the body but counters of batches, for the epsilon of its norms."""
    _check_depth(found, body.name, file)
    # A norm that was folded into the convolution before it left a bias there, and nothing else to undo.
    folded = "bn1.weight" not in found
    found = {**found, **_unfolded(found)} if folded else found
    wanted = {name: value for name, value in body.state_dict().items() if not name.endswith("num_batches_tracked")}
    for name, value in wanted.items():
        if name not in found or (name != "conv1.weight" and found[name].shape != value.shape):
            raise ModelError(f"its {name} is missing or of another shape", file=file, remedy="use another file")
    taken = {name: found[name] for name in wanted} | {"conv1.weight": share_colours(found["conv1.weight"], channels)}
    before = 0.0 if folded or any(_is(file, url) for url in WITHOUT_EPS) else EPS
    after = float(body.bn1.eps)
    for name in [name for name in wanted if name.endswith(".running_var")]:
        norm = name.removesuffix(".running_var")
        variance = taken[name].double()
        # The same function: the norm divides by sqrt(variance + after), the file's by sqrt(variance + before).
        taken[f"{norm}.weight"] = taken[f"{norm}.weight"] * ((variance + after) / (variance + before)).sqrt()
    return taken


def _unfolded(found: dict[str, Tensor]) -> dict[str, Tensor]:
    norms: dict[str, Tensor] = {}
    for name in [name for name in found if name.endswith(".bias") and not name.startswith("fc.")]:
        bias, layer = found[name], name.removesuffix(".bias")
        norm = layer.replace("downsample.0", "downsample.1").replace("conv", "bn")
        one, zero = torch.ones_like(bias), torch.zeros_like(bias)
        values = {"weight": one, "bias": bias, "running_mean": zero, "running_var": one}
        norms |= {f"{norm}.{key}": value for key, value in values.items()}
    return norms


def _check_depth(found: Mapping[str, Tensor], name: str, file: Path) -> None:
    convolutions = _convolutions(found)
    if convolutions == _convolutions(_blank(name)):
        return
    fits = [other for other in RESNETS if convolutions == _convolutions(_blank(other))]
    if fits:
        raise ModelError(
            f"these weights are of a {_title(fits[0])}, and the network has a {_title(name)}",
            file=file,
            remedy=f"use --set network.backbone={fits[0]}, or weights of a {_title(name)}",
        )
    raise ModelError(
        f"no weights of a {_title(name)} in it",
        file=file,
        remedy=f"use a torchvision state dict of {', '.join(RESNETS)}, or of a detector with one of them",
    )


def _convolutions(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Name to shape; the first one's without its input channels."""
    shapes = {name: tuple(value.shape) for name, value in tensors.items() if value.ndim == 4}
    return {name: shape[:1] + shape[2:] if name == "conv1.weight" else shape for name, shape in shapes.items()}


def _blank(name: str) -> dict[str, Tensor]:
    with torch.device("meta"):
        return ResNetBody(name).state_dict()


def _parts(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of the parts that fit, and in words those that do not."""
    taken: dict[str, Tensor] = {}
    left = []
    for prefix, words in PARTS.items():
        ours, theirs = ({n: t for n, t in tensors.items() if n.startswith(prefix)} for tensors in (wanted, found))
        if {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}:
            taken |= theirs
        elif ours:
            left.append(f"{words} ({'other shapes' if theirs else 'not in the file'})")
    return taken, left


def _file(source: str, name: str) -> Path:
    if source == "coco" and name != "resnet50":
        raise ModelError(
            f"the coco weights are of a ResNet-50, and the network has a {_title(name)}",
            remedy="use --set network.backbone=resnet50, or --set network.weights=imagenet",
        )
    if source in ("imagenet", "coco"):
        return _download(COCO if source == "coco" else PUBLISHED[name])
    path = Path(source).expanduser()
    file = path / "model.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise ModelError("no such file of weights", file=file, remedy="use imagenet, coco, none or a file's path")
    return file


def _download(url: str) -> Path:
    """The published file in torch's cache, its checksum compared with its name's."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]
    by_hand = (
        f"download {url} by hand to {file}, or use --set network.weights=FILE, or none with --set network.norm=batch"
    )
    if not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(file), _checksum(url), progress=sys.stderr.isatty())
        except (OSError, HTTPException, RuntimeError) as error:
            if isinstance(error, HTTPError):
                error.close()
            raise ModelError(f"the weights could not be downloaded ({error})", remedy=by_hand) from None
    if not _is(file, url):
        raise ModelError("its checksum is not the one in its name", file=file, remedy=f"delete it, then {by_hand}")
    return file


def _checksum(url: str) -> str:
    """The first digits of the SHA-256 that torchvision's file names end with."""
    return url.rsplit("-", 1)[1].split(".")[0]


def _is(file: Path, url: str) -> bool:
    """Whether a file is the published one, whatever it is called."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest().startswith(_checksum(url))


def _read(file: Path) -> dict[str, Tensor]:
    """The tensors of a file; nothing in it is run."""
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make the reader fail in any way
        needed = re.search(r"GLOBAL (\S+)", str(error))
        problem = f"it holds more than tensors ({needed[1]}) and was not opened" if needed else "no readable weights"
        remedy = TENSORS_ALONE if needed else "copy or download it again"
        raise ModelError(problem, file=file, remedy=remedy) from None
    for key in ("model", "state_dict"):
        content = content.get(key, content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ModelError("it is no state dict: names and tensors", file=file, remedy=TENSORS_ALONE)
    return content
