"""YOLO segmentation by ultralytics, from scratch: tiles and outlines in its layout, its trainer, masks to labels."""

import os
from pathlib import Path

os.environ |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}  # nothing is fetched

import numpy as np
from images import Grey, Labels, Pair
from job import Job, Trained
from skimage.io import imsave
from skimage.measure import find_contours
from skimage.segmentation import relabel_sequential
from ultralytics import YOLO

from unmask.metrics.matching import match
from unmask.metrics.overlaps import overlaps

__all__ = ["train"]

NETWORK = "yolo11n-seg.yaml"  # the description: no weights
TILE, ENLARGED, BATCH = 128, 2, 8  # pixels; images are cut, nuclei of 10 pixels enlarged; tiles a step
SHOWN = 64  # tiles an epoch: a few are shown several times, as ending an epoch takes time
MOST = 1000  # objects an image; its default is 300
AFTER = 20.0  # seconds that are kept to fit the confidence
CONFIDENCES = tuple(hundredths / 100 for hundredths in (2, 5, *range(10, 65, 5)))
Masks = tuple[np.ndarray, np.ndarray]  # (n, h, w) bool, and the confidence of each, lowest first


def train(job: Job) -> Trained:
    """Trains on all images; the confidence from which on objects count is the one that suits them best."""
    described = _write(job.training, job.work / "data")
    clock = job.clock.without(AFTER + 0.02 * job.clock.seconds)
    model = YOLO(NETWORK)
    steps = []
    model.add_callback("on_train_batch_end", lambda trainer: steps.append(1))
    model.train(
        data=str(described),
        time=clock.left / 3600,
        imgsz=ENLARGED * TILE,
        batch=BATCH,
        nbs=BATCH,  # every batch is a step; it gathers 64 images otherwise
        pretrained=False,
        device="cpu",
        workers=1,
        seed=job.seed,
        patience=0,  # until the time is over
        val=False,
        plots=False,
        amp=False,  # it has no half precision on processors
        single_cls=True,
        flipud=0.5,
        hsv_h=0,
        hsv_s=0,
        project=str(job.work.resolve()),
        name="run",
        exist_ok=True,
    )
    model = YOLO(job.work / "run" / "weights" / "last.pt")
    found = [_find(model, pair.image, min(CONFIDENCES)) for pair in job.training]
    confidence = max(CONFIDENCES, key=lambda least: _score(job.training, found, least))

    def segment(image: Grey) -> Labels:
        return _paint(_find(model, image, confidence), image.shape, confidence)

    return Trained(segment, len(steps), facts=f"confidence {confidence}")


def _write(training: tuple[Pair, ...], folder: Path) -> Path:
    """Its layout: images/, labels/ with an outline a line, lists of files, and the description."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    files = []
    for pair in training:
        stretched = _stretch(pair.image)
        for top in _starts(stretched.shape[0]):
            for left in _starts(stretched.shape[1]):
                window = np.s_[top : top + TILE, left : left + TILE]
                file = (folder / "images" / f"{pair.name}_{top}_{left}.png").resolve()
                imsave(file, stretched[window], check_contrast=False)
                (folder / "labels" / f"{file.stem}.txt").write_text(_outlines(pair.labels[window]))
                files.append(f"{file}\n")
    (folder / "train.txt").write_text("".join(files) * -(-SHOWN // len(files)))
    (folder / "val.txt").write_text("".join(files))
    described = folder / "data.yaml"
    described.write_text(f"path: {folder.resolve()}\ntrain: train.txt\nval: val.txt\nnames:\n  0: object\n")
    return described


def _starts(length: int) -> list[int]:
    """Where tiles begin that cover a side."""
    tiles = max(-(-length // TILE), 1)
    return [int(start) for start in np.linspace(0, max(length - TILE, 0), tiles)]


def _stretch(image: Grey) -> np.ndarray:
    """8 bit, percentiles 1 and 99.8 to black and white: it only divides by 255 itself."""
    low, high = np.percentile(image, (1, 99.8))
    scaled: np.ndarray = (255 * np.clip((image - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)
    return scaled


def _outlines(labels: Labels) -> str:
    """A line an object: its class and the corners of its outline, x and y as parts of the tile."""
    height, width = labels.shape
    lines = []
    for value in np.unique(labels[labels > 0]):
        contours = find_contours(np.pad(labels == value, 1).astype(float), 0.5)
        outline = max(contours, key=len) - 0.5  # of the padding 1 off, and the middle of a pixel is at .5
        if len(outline) > 4:
            corners = np.clip(outline[:-1, ::-1] / (width, height), 0, 1)
            lines.append("0 " + " ".join(f"{part:.5f}" for part in corners.ravel()) + "\n")
    return "".join(lines)


def _find(model: YOLO, image: Grey, confidence: float) -> Masks:
    size = [ENLARGED * length for length in image.shape]
    colours = np.repeat(_stretch(image)[..., None], 3, axis=2)
    found = model.predict(
        colours, imgsz=size, conf=confidence, max_det=MOST, retina_masks=True, device="cpu", verbose=False
    )[0]
    if found.masks is None:
        return np.zeros((0, *image.shape), bool), np.zeros(0)
    confidences = found.boxes.conf.numpy()
    order = confidences.argsort(kind="stable")
    return found.masks.data.numpy().astype(bool)[order], confidences[order]


def _paint(masks: Masks, shape: tuple[int, ...], least: float) -> Labels:
    """Label image: where masks overlap, the one of higher confidence."""
    labels: Labels = np.zeros(shape, np.int32)
    for number, (mask, confidence) in enumerate(zip(*masks, strict=True), start=1):
        if confidence >= least:
            labels[mask] = number
    return relabel_sequential(labels)[0].astype(np.int32)


def _score(training: tuple[Pair, ...], found: list[Masks], least: float) -> float:
    """AP at IoU .5, mean over images."""
    painted = [_paint(masks, pair.labels.shape, least) for pair, masks in zip(training, found, strict=True)]
    scores = [match(overlaps(pair.labels, labels), 0.5).ap for pair, labels in zip(training, painted, strict=True)]
    return float(np.mean(scores))
