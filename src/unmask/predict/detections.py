"""Mask R-CNN on an image of any size: the image resized as in training, in one pass or in overlapping windows."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from unmask.arrays import FloatImage
from unmask.family import resize_of
from unmask.instances.detections import Detections
from unmask.nets import Found, MaskRCNN, Resize
from unmask.nets.boxes import clip
from unmask.nets.transform import pad, resize_image, scale_boxes
from unmask.predict.windows import detect_windows
from unmask.recipe import DetectionRecipe, MaskRCNNRecipe, Recipe

__all__ = ["SATURATED", "limit", "predict_detections", "window_side"]

# As torchvision does: what scores less is not looked at.
LOWEST_SCORE = 0.05
FEWEST = 100  # detections that any pass may find
SATURATED = (
    "a pass of the network found as many objects as it may: some may be missing. Train with a larger "
    f"--set detections.max_detections (objects a million pixels; a pass may find {FEWEST} at least)"
)
# A window is at least this many times as wide as neighbours overlap.
OVERLAPS_A_WINDOW = 2
# Of anchors on an object ten and more come near it, all on one level; fewer would be a cap that nobody sees.
PROPOSALS_AN_OBJECT, CANDIDATES_AN_OBJECT = 2, 20


def predict_detections(
    net: MaskRCNN,
    image: FloatImage,
    recipe: Recipe,
    side: int,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> Detections:
    """All objects of an image, also those of low scores.

    Args:
        net: in evaluation mode, on `device`, in channels_last.
        image: (h, w, c) normalised.
        recipe: of the model.
        side: of a window, pixels of the network's input (`window_side`).
        device: where the net is.
        progress: called with (pixels done, pixels in all).

    Returns:
        Detections in the image's own pixels, masks as probabilities.
    """
    network = recipe.network
    assert isinstance(network, MaskRCNNRecipe), "the net was built from it"
    resize = resize_of(network)

    def detect(window: FloatImage) -> Detections:
        return _pass(net, window, resize, recipe.detections, network.proposals, device)

    if network.resize != "native":  # the size that it was trained at is that of the whole image
        detections = detect(image)
        if progress is not None:
            progress(image.shape[0] * image.shape[1], image.shape[0] * image.shape[1])
        return detections
    window = max(1, int(side / network.scale))
    return detect_windows(detect, image, window, recipe.detections.overlap, progress=progress)


def window_side(recipe: Recipe) -> int:
    """Side of the windows of large images, pixels of the network's input.

    It belongs to the model and not to the machine: other windows find slightly other objects.
    """
    network, detections = recipe.network, recipe.detections
    assert isinstance(network, MaskRCNNRecipe), "windows are Mask R-CNN's"
    return max(detections.window, math.ceil(OVERLAPS_A_WINDOW * detections.overlap * network.scale))


def limit(parameters: DetectionRecipe, height: int, width: int) -> int:
    """How many objects a pass over so many pixels may find."""
    return max(FEWEST, math.ceil(parameters.max_detections * height * width / 1e6))


@torch.inference_mode()
def _pass(
    net: MaskRCNN,
    window: FloatImage,
    resize: Resize,
    parameters: DetectionRecipe,
    proposals: int,
    device: torch.device,
) -> Detections:
    height, width = window.shape[:2]
    size, most = resize.size(height, width), limit(parameters, height, width)
    batch = resize_image(torch.from_numpy(window).permute(2, 0, 1)[None].to(device), size)
    (found,) = net.detect(
        pad(net.normalise(batch), resize.padded(*size)),
        [size],
        score_threshold=LOWEST_SCORE,
        nms=parameters.nms,
        max_detections=most,
        proposals=max(proposals, PROPOSALS_AN_OBJECT * most),
        candidates=max(proposals, CANDIDATES_AN_OBJECT * most),
    )
    # What is dropped would be no object where even the least that is kept is none.
    full = found.saturated and float(found.scores[-1]) >= parameters.score_threshold
    found = replace(found, saturated=full)
    return _to_numpy(found, size, (height, width))


def _to_numpy(found: Found, size: tuple[int, int], own: tuple[int, int]) -> Detections:
    boxes = clip(scale_boxes(found.boxes, size, own), own)
    masks = None if found.mask_logits is None else found.mask_logits.float().sigmoid().cpu().numpy()
    return Detections(
        own,
        boxes.float().cpu().numpy(),
        found.classes.cpu().numpy().astype(np.uint8),
        found.scores.float().cpu().numpy(),
        masks,
        found.saturated,
    )
