"""COCO's scores: equal to those of pycocotools, by hand where numbers are small, and without its limit."""

import contextlib
import io
import re
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unmask.errors import PairingError
from unmask.geometry.rle import RLE, encode
from unmask.metrics.coco import CocoImage, CocoObject, coco_scores
from unmask.metrics.scores import Tree

SIZE = (200, 300)
KEYS = ("ap", "ap50", "ap75", "small", "medium", "large", "ar")


def box(y: int, x: int, h: int, w: int, size: tuple[int, int] = SIZE) -> RLE:
    return encode(np.ones((h, w), bool), y, x, size)


def ellipse(random: np.random.Generator, y: int, x: int, h: int, w: int) -> RLE:
    """An ellipse cut off at the image's edges, with a few holes."""
    rows, columns = np.mgrid[:h, :w]
    mask = ((rows - h / 2) / h) ** 2 + ((columns - w / 2) / w) ** 2 < 0.25
    mask &= random.random((h, w)) < 0.98
    full = np.zeros((SIZE[0] + 2 * h, SIZE[1] + 2 * w), bool)
    full[y + h : y + 2 * h, x + w : x + 2 * w] = mask
    return encode(full[h:-h, w:-w], 0, 0, SIZE)


def random_images(seed: int) -> list[CocoImage]:
    """Objects that overlap, of three classes and all sizes, shifted, missed, invented and mistaken; scores that tie."""
    random = np.random.default_rng(seed)
    images = []
    for number in range(6):
        truth, found = [], []
        for _ in range(random.integers(0, 25) if number else 0):  # the first has no object
            h, w = random.integers(6, 150, 2) // random.integers(1, 5)
            y, x = random.integers(0, SIZE[0] - 5), random.integers(0, SIZE[1] - 5)
            label, shift = str(random.choice(["cell", "dirt", "rare"], p=[0.7, 0.28, 0.02])), random.integers(-4, 5, 2)
            truth.append(CocoObject(ellipse(random, y, x, h + 3, w + 3), label))
            if random.random() < 0.85:
                other = label if random.random() < 0.9 else "unheard of"
                score = float(np.round(random.random(), 1))
                place = np.maximum(np.array([y, x]) + shift, 0)
                found.append(CocoObject(ellipse(random, *place, h + 3, w + 3), other, score))
        images.append(CocoImage(f"image {number}", truth, found))
    images.append(CocoImage("a ghost", [], [CocoObject(box(3, 3, 40, 40), "cell", 0.95)]))
    return [CocoImage(one.name, *(_not_empty(part) for part in (one.truth, one.prediction))) for one in images]


def _not_empty(objects: list[CocoObject]) -> list[CocoObject]:
    return [one for one in objects if coco_masks.area(one.mask)]


def by_pycocotools(images: list[CocoImage], most: int) -> Tree:
    """The same figures by pycocotools, as its own notebook computes them: results without boxes, and boxes alone."""
    names = sorted({one.class_name for image in images for one in image.truth})
    truth = COCO()
    truth.dataset = {
        "images": [{"id": n, "height": SIZE[0], "width": SIZE[1]} for n, _ in enumerate(images)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names)],
        "annotations": [
            {**_annotation(one, n, names), "area": float(coco_masks.area(one.mask)), "iscrowd": 0, "id": k}
            for k, (n, one) in enumerate(((n, one) for n, image in enumerate(images) for one in image.truth), start=1)
        ],
    }
    crowds = [
        (n, CocoObject(image.ignore, name))
        for n, image in enumerate(images)
        if image.ignore is not None
        for name in names
    ]
    truth.dataset["annotations"] += [
        {**_annotation(one, n, names), "area": float(coco_masks.area(one.mask)), "iscrowd": 1, "id": 10**6 + k}
        for k, (n, one) in enumerate(crowds)
    ]
    found = [
        _annotation(one, n, names)
        for n, image in enumerate(images)
        for one in image.prediction
        if one.class_name in names
    ]
    tree: Tree = {}
    for what, kind, other in (("mask", "segm", "bbox"), ("box", "bbox", "segmentation")):
        with contextlib.redirect_stdout(io.StringIO()):
            truth.createIndex()
            results = truth.loadRes([{key: value for key, value in one.items() if key != other} for one in found])
            evaluation = COCOeval(truth, results, kind)
            evaluation.params.maxDets = [most]
            evaluation.evaluate()
            evaluation.accumulate()
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
        everything = precision[:, :, :, 0]
        parts = [everything, everything[0], everything[5], *(precision[:, :, :, size] for size in (1, 2, 3))]
        parts.append(recall[:, :, 0])
        tree[what] = {key: part[part > -1].mean() for key, part in zip(KEYS, parts, strict=True) if (part > -1).any()}
    return tree


def _annotation(one: CocoObject, image: int, names: list[str]) -> dict[str, Any]:
    label = names.index(one.class_name) if one.class_name in names else -1
    bbox = coco_masks.toBbox(one.mask).tolist()
    return {"image_id": image, "category_id": label, "segmentation": one.mask, "bbox": bbox, "score": one.score}


@pytest.mark.parametrize("seed", range(6))
def test_equals_pycocotools(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    images = random_images(seed)
    ours = coco_scores(images)
    assert capsys.readouterr().out == ""  # the command prints one JSON object there and nothing else
    assert ours.pop("max_detections") == 100
    theirs = by_pycocotools(images, 100)
    assert ours.keys() == theirs.keys()
    for what in ours:
        assert ours[what] == pytest.approx(theirs[what], abs=1e-12)  # type: ignore[arg-type]
    assert 0.05 < ours["mask"]["ap"] < 0.9  # type: ignore[index,operator]
    assert ours["mask"] != ours["box"]


def test_pycocotools_stays_what_it_is() -> None:
    """The other library can put itself in its place for the whole process; it must not."""
    assert sys.modules["pycocotools.cocoeval"].COCOeval is COCOeval
    assert "faster_coco_eval" not in COCOeval.__module__


def test_precision_over_recall_by_hand() -> None:
    """Right (.9), wrong (.8), right (.7) of two: precision 1 up to recall .5, then 2 / 3, at 101 recalls 0, .01, ..."""
    truth = [CocoObject(box(10, 10, 20, 20)), CocoObject(box(50, 50, 20, 20))]
    found = [
        CocoObject(box(10, 10, 20, 20), score=0.9),
        CocoObject(box(100, 100, 20, 20), score=0.8),
        CocoObject(box(50, 50, 20, 20), score=0.7),
    ]
    scores = coco_scores([CocoImage("a", truth, found)])
    expected = (51 + 50 * 2 / 3) / 101
    for what in ("mask", "box"):
        assert scores[what] == pytest.approx(
            {"ap": expected, "ap50": expected, "ap75": expected, "small": expected, "ar": 1}
        )


def test_thresholds_by_hand() -> None:
    """50 x 50 pixels against the same shifted by 3: IoU 47 / 53 = .887, so right at 8 of 10 thresholds, .50 to .85."""
    image = CocoImage("a", [CocoObject(box(50, 50, 50, 50))], [CocoObject(box(50, 53, 50, 50))])
    found = {"ap": 0.8, "ap50": 1, "ap75": 1, "medium": 0.8, "ar": 0.8}
    assert coco_scores([image]) == {"mask": pytest.approx(found), "box": pytest.approx(found), "max_detections": 100}


def test_more_than_100_objects_are_all_looked_at() -> None:
    """169 objects, all found: COCO's own limit would call it .59."""
    objects = [
        CocoObject(box(y, x, 8, 8), score=y / 1000 + x / 1e6) for y in range(0, 130, 10) for x in range(0, 130, 10)
    ]
    scores = coco_scores([CocoImage("a", objects, objects), CocoImage("b", objects[:3], [])])
    assert scores["max_detections"] == 169
    assert scores["mask"]["ar"] == pytest.approx(169 / 172)  # type: ignore[index]
    limited = by_pycocotools([CocoImage("a", objects, objects)], 100)
    assert limited["mask"]["ar"] == pytest.approx(100 / 169)  # type: ignore[index]
    few = coco_scores([CocoImage("a", objects, objects[:2])])
    assert few["max_detections"] == 169  # the truth's count, where that is larger


def test_objects_that_overlap_are_whole() -> None:
    """A cross of two bars: in a label image, one of them would lie in two pieces."""
    bars = [CocoObject(box(90, 20, 20, 200), score=0.9), CocoObject(box(10, 100, 180, 20), score=0.8)]
    assert coco_scores([CocoImage("a", bars, bars)])["mask"]["ap"] == 1  # type: ignore[index]


def test_classes_are_compared_each_with_itself() -> None:
    """Two classes, one found and one mistaken: AP 1 and 0. What the truth does not know is left out."""
    truth = [CocoObject(box(10, 10, 20, 20), "a"), CocoObject(box(50, 50, 20, 20), "b")]
    found = [CocoObject(one.mask, label, 0.9) for one, label in zip(truth, ("a", "c"), strict=True)]
    assert coco_scores([CocoImage("a", truth, found)])["mask"]["ap"] == 0.5  # type: ignore[index]


def test_nothing_to_find() -> None:
    objects = [CocoObject(box(10, 10, 20, 20))]
    assert coco_scores([]) == {}
    assert coco_scores([CocoImage("a", [], objects)]) == {}
    nothing = dict.fromkeys(("ap", "ap50", "ap75", "small", "ar"), 0)
    assert coco_scores([CocoImage("a", objects, [])]) == {"mask": nothing, "box": nothing, "max_detections": 100}


def test_frames_that_differ_are_refused() -> None:
    image = CocoImage("cell_7", [CocoObject(box(1, 1, 2, 2, (10, 12)))], [CocoObject(box(1, 1, 2, 2, (12, 10)))])
    message = "cell_7: true and predicted objects are of images of 10 x 12 and 12 x 10 pixels. Compare objects of one"
    with pytest.raises(PairingError, match=re.escape(message)):
        coco_scores([image])


def partly_ignored(seed: int, *, rectangles: bool) -> list[CocoImage]:
    """The random images, most with a part to ignore, so that predicted objects lie in it wholly, partly, not at all."""
    random = np.random.default_rng(seed)
    images = []
    for number, image in enumerate(random_images(seed)):
        h, w = random.integers(60, 150, 2)
        y, x = random.integers(0, SIZE[0] - h), random.integers(0, SIZE[1] - w)
        ignore = box(y, x, h, w) if rectangles else ellipse(random, y, x, h, w)
        images.append(replace(image, ignore=None if number == 2 else ignore))
    return images


@pytest.mark.parametrize("seed", range(4))
def test_ignored_rectangles_are_pycocotools_crowds(seed: int) -> None:
    images = partly_ignored(seed, rectangles=True)
    ours, theirs = coco_scores(images), by_pycocotools(images, 100)
    for what in ("mask", "box"):
        assert ours[what] == pytest.approx(theirs[what], abs=1e-12)  # type: ignore[arg-type]
        known = coco_scores([replace(image, ignore=None) for image in images])
        assert ours[what]["ap"] > known[what]["ap"]  # type: ignore[index,operator]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_ignored_of_any_shape_is_pycocotools_crowd(seed: int) -> None:
    images = partly_ignored(seed, rectangles=False)
    ours, theirs = coco_scores(images), by_pycocotools(images, 100)
    assert ours["mask"] == pytest.approx(theirs["mask"], abs=1e-12)  # type: ignore[arg-type]


def test_crowds_by_hand() -> None:
    """One object, found; before it four that nobody drew, each 25 columns wide, of which 25, 6, 11 and 14 are ignored.

    At an IoU threshold t those are wrong of which less than t is ignored. AP is that of one right after so many wrong.
    """
    truth = [CocoObject(box(150, 10, 20, 20))]
    hidden = (25, 6, 11, 14)
    ghosts = [CocoObject(box(30 * y, 100 - columns, 20, 25), score=2) for y, columns in enumerate(hidden)]
    image = CocoImage("a", truth, [*truth, *ghosts], box(0, 75, 140, 25))
    wrong = [sum(columns / 25 < threshold for columns in hidden) for threshold in np.arange(10, 20) / 20]
    assert wrong[:3] == [2, 2, 3]
    scores = coco_scores([image])
    for what in ("mask", "box"):
        assert scores[what]["ap"] == pytest.approx(np.mean([1 / (1 + count) for count in wrong]))  # type: ignore[index]
        assert coco_scores([replace(image, ignore=None)])[what]["ap"] == pytest.approx(1 / 5)  # type: ignore[index]


def test_an_ignored_frame_is_no_whole_image() -> None:
    """Annotated in the middle only: COCO's box around the frame would excuse the wrong object in the middle too."""
    frame = np.ones(SIZE, bool)
    frame[50:150, 50:250] = False
    truth = [CocoObject(box(60, 60, 20, 20))]
    wrong, unknown = CocoObject(box(100, 100, 20, 20), score=2), CocoObject(box(10, 10, 20, 20), score=3)
    image = CocoImage("a", truth, [*truth, wrong, unknown], encode(frame, 0, 0, SIZE))
    scores = coco_scores([image])
    assert scores["mask"]["ap"] == scores["box"]["ap"] == pytest.approx(0.5)  # type: ignore[index]


def test_objects_found_where_nothing_is_known() -> None:
    """An image all of which is to be ignored changes nothing; of every class, also of one that it has not."""
    known = CocoImage("a", [CocoObject(box(10, 10, 20, 20), "a"), CocoObject(box(50, 50, 20, 20), "b")], [])
    known = replace(known, prediction=known.truth)
    ghosts = [CocoObject(box(5, 5, 30, 30), name, 2) for name in ("a", "b")]
    unknown = CocoImage("b", [], ghosts, box(0, 0, *SIZE))
    assert coco_scores([known, unknown]) == coco_scores([known])
    assert coco_scores([known, replace(unknown, ignore=None)])["mask"]["ap"] == pytest.approx(0.5)  # type: ignore[index]
    assert coco_scores([unknown]) == {}


def test_an_ignored_part_of_another_size_is_refused() -> None:
    image = CocoImage("cell_7", [CocoObject(box(1, 1, 2, 2))], [], box(1, 1, 2, 2, (10, 12)))
    with pytest.raises(PairingError, match="cell_7: true and predicted objects are of images of 10 x 12 and 200 x 300"):
        coco_scores([image])
