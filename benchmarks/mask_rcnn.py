"""Mask R-CNN beside torchvision's: the same random weights, the same image, 500 detections, 91 classes.

    python benchmarks/mask_rcnn.py

Outputs are checked to be equal, then runs alternate. Peak memory is that of a process of its own, above what network
and image take, by Linux's account. Ratios are to torchvision's own call, which pastes every mask into a full frame of
floats; the second line is the same without the pasting.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN as TorchvisionMaskRCNN
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.ops import box_iou
from torchvision.ops.misc import FrozenBatchNorm2d

from unmask.instances.detections import Detections
from unmask.instances.paste import crops
from unmask.nets import Found, Resize, load_torchvision
from unmask.version import __version__

SIZE, CLASSES, DETECTIONS, RUNS = (800, 1066), 91, 500, 3
EPS = 1e-5  # of the frozen norms
# Deviations of the outputs of the random network, so that it finds as many objects as it may.
SPREAD = {
    "rpn.head.cls_logits": 3.0,
    "rpn.head.bbox_pred": 0.3,
    "roi_heads.box_predictor.cls_score": 2.0,
    "roi_heads.box_predictor.bbox_pred": 1.0,
    "roi_heads.mask_predictor.mask_fcn_logits": 2.0,
}
State = dict[str, Tensor]


def an_image() -> Tensor:
    """(3, h, w), 0 to 1, smooth on a scale of 16 pixels."""
    coarse = torch.rand(1, 3, SIZE[0] // 16, SIZE[1] // 16, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, size=SIZE, mode="bicubic").clamp(0, 1)[0]


def theirs(state: State | None = None) -> TorchvisionMaskRCNN:
    """The network of torchvision, with its defaults."""
    net = maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=CLASSES, box_detections_per_img=DETECTIONS
    )
    replace_norms(net)
    if state is not None:
        net.load_state_dict(state, assign=True)
    return net.eval()


def replace_norms(module: nn.Module) -> None:
    """Frozen batch norms, which torchvision uses with trained weights only."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, FrozenBatchNorm2d(child.num_features, eps=EPS))
        else:
            replace_norms(child)


def scale(wanted: float, layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    """A forward hook: scales a layer so that its output spreads as wanted."""
    factor = wanted / float(output.std())
    for parameter in layer.parameters():
        parameter.mul_(factor)
    return output * factor


@torch.no_grad()
def weights(image: Tensor) -> State:
    """Random weights that find objects."""
    torch.manual_seed(0)
    net = theirs()
    for key, value in net.state_dict().items():
        if key.endswith("bn3.weight"):
            value.fill_(0.3)  # or activations double with every block
    hooks = [net.get_submodule(name).register_forward_hook(partial(scale, value)) for name, value in SPREAD.items()]
    features = net.backbone(net.transform([image])[0].tensors)
    net.rpn.head(list(features.values()))
    for hook in hooks[:2]:
        hook.remove()  # five levels share these layers: they were scaled for the last
    without_pasting(net)([image])
    return net.state_dict()


def without_pasting(net: TorchvisionMaskRCNN) -> TorchvisionMaskRCNN:
    """The network whose masks stay 28 x 28."""
    net.transform.postprocess = lambda result, *_: result  # type: ignore[method-assign]
    return net


Run = Callable[[Tensor], object]


def runs(state: State) -> dict[str, Callable[[], Run]]:
    """Makers of the functions measured."""

    def pasting() -> Run:
        net = theirs(state)
        return lambda image: net([image])[0]

    def not_pasting() -> Run:
        net = without_pasting(theirs(state))
        return lambda image: net([image])[0]

    def small_masks() -> Run:
        net = load_torchvision(state, frozen_eps=EPS)
        return lambda image: net.detect_images([image], Resize("shortest-edge"), max_detections=DETECTIONS)[0]

    def cropped() -> Run:
        detect = small_masks()
        return lambda image: [crop.mask for crop in crops(detections(detect(image)), 0.5)]  # type: ignore[arg-type]

    return {
        "torchvision": pasting,
        "torchvision, masks not pasted": not_pasting,
        "unmask, 28 x 28 masks": small_masks,
        "unmask, masks pasted to crops": cropped,
    }


def detections(found: Found) -> Detections:
    """As the rest of the package takes them."""
    assert found.mask_logits is not None
    return Detections(
        SIZE,
        found.boxes.numpy(),
        found.classes.byte().numpy(),
        found.scores.numpy(),
        found.mask_logits.sigmoid().numpy(),
    )


def check(one: dict[str, Tensor], other: Found) -> None:
    """Compares detections; says how far they differ."""
    assert len(one["scores"]) == len(other) == DETECTIONS, f"{len(one['scores'])} and {len(other)} detections"
    overlap = box_iou(one["boxes"], other.boxes) * (one["labels"][:, None] == other.classes)
    best, partner = overlap.max(dim=1)
    same = best > 0.99
    assert other.mask_logits is not None
    masks = (one["masks"][same, 0] - other.mask_logits.sigmoid()[partner[same]]).abs()
    scores = (one["scores"][same] - other.scores[partner[same]]).abs()
    boxes = (one["boxes"][same] - other.boxes[partner[same]]).abs()
    print(f"{int(same.sum())} of {DETECTIONS} detections are the same; largest differences: ", end="")
    print(f"boxes {float(boxes.max()):.1e} pixels, scores {float(scores.max()):.1e}, masks {float(masks.max()):.1e}")
    assert same.float().mean() > 0.99


def peak(name: str, file: Path) -> float:
    """MiB that one run takes above network and image, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, name, str(file)], capture_output=True, text=True, check=True)
    return float(done.stdout)


@torch.inference_mode()
def measure_memory(name: str, file: str) -> None:
    """In the process of its own."""
    run, image = runs(torch.load(file, weights_only=True))[name](), an_image()
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far, of reading the weights, is forgotten
    run(image)
    print(resident("VmHWM") - before)


def resident(name: str) -> float:
    """A line of Linux's own account of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name)) / 1024


@torch.inference_mode()
def main() -> None:
    """Check, measure, print."""
    image = an_image()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.pt"
        state = weights(image)
        torch.save(state, file)
        functions = {name: make() for name, make in runs(state).items()}
        check(functions["torchvision, masks not pasted"](image), functions["unmask, 28 x 28 masks"](image))  # type: ignore[arg-type]
        seconds: dict[str, list[float]] = {name: [] for name in functions}
        for run in functions.values():
            run(image)
        for _ in range(RUNS):
            for name, run in functions.items():
                start = time.perf_counter()
                run(image)
                seconds[name].append(time.perf_counter() - start)
        memory = {name: peak(name, file) for name in functions}
    print(
        f"unmask {__version__}, torch {torch.__version__}, torchvision {torchvision.__version__}, "
        f"{torch.get_num_threads()} threads, {SIZE[0]} x {SIZE[1]} pixels, median of {RUNS} runs"
    )
    first, most = median(seconds["torchvision"]), memory["torchvision"]
    for name, times in seconds.items():
        print(
            f"{name:32} {median(times):6.2f} s  {first / median(times):5.2f} x as fast"
            f"  {memory[name]:6.0f} MiB  1/{most / memory[name]:.1f}"
        )


if __name__ == "__main__":
    measure_memory(*sys.argv[1:]) if len(sys.argv) > 1 else main()
