"""Scores of a set of images: every key of `evaluate --json`; `coco` is put in by others, where there are scores.

How images are put together:
- pixel error, IoU and Dice: from the confusion matrix summed over images.
- AP, F1, precision, recall, panoptic quality (at IoU .5), AJI: mean over images, as StarDist does (`by_image=True`),
  but an image with nothing to find and nothing found is left out, where StarDist counts it as 0: such an image says
  nothing about matching, and a correct answer must not lower the score. One false object on it counts as 0.
- SEG: mean over all true objects of the set, as the Cell Tracking Challenge does.
- count_error: mean over images of |predicted - true| / max(true, 1), numbers of objects.
- merges, splits: predicted objects that merge true ones, true objects that are split; totals of the set.
- V_rand, V_info, Rand error, warping error: mean over the images whose truth has objects.
- What is to be ignored is no part of any of these (ignore.py); an image that is ignored as a whole has no scores.
- coco: objects of all images in one order of falling score. Its AP is COCO's, another figure than the AP above, which
  is TP / (TP + FP + FN): see coco.py.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from unmask.errors import DataError, PairingError
from unmask.metrics.image_scores import ImageScores, ObjectScores, score_image
from unmask.metrics.matching import Match, threshold_name
from unmask.metrics.semantic import dice, iou, pixel_error

__all__ = ["ImageScores", "Scores", "Tree", "aggregate", "flat", "score_image"]

Tree = dict[str, "int | float | Tree"]
"""Scores by name, nested as in `evaluate --json`."""


@dataclass(frozen=True)
class Scores:
    """Scores of a set of images; what does not apply is absent.

    Attributes:
        images: how many.
        semantic: pixel_error, iou and dice by class.
        objects: ap, f1, precision and recall by threshold, panoptic_quality, aji, seg, count_error, merges, splits.
        boundaries: v_rand, v_info, rand_error, warping_error.
        pooled: by threshold, the matches of all images taken together.
        per_image: image -> key -> value, for tables and spread. Keys are those of the set, joined by "_" ("ap_0.50",
            "iou_nucleus"), and mean_ap, mean_matched_iou, truth_objects, predicted_objects, missed, extra and
            merge_split_error.
        coco: mask, box and max_detections, as in `coco_scores`; empty where predicted objects have no scores.
    """

    images: int
    semantic: Tree
    objects: Tree
    boundaries: Tree
    pooled: dict[str, Match]
    per_image: dict[str, dict[str, float]]
    coco: Tree = field(default_factory=dict)

    def to_dict(self) -> Tree:
        """The object that `evaluate --json` prints; sections that do not apply are absent."""
        return {"images": self.images, **{name: section for name, section in self.sections().items() if section}}

    def sections(self) -> dict[str, Tree]:
        """The sections by name, in the order of `evaluate --json`; empty where they do not apply."""
        return {
            "semantic": self.semantic,
            "objects": self.objects,
            "boundaries": self.boundaries,
            "coco": self.coco,
        }

    def ranking(self) -> list[str]:
        """Names of images, best first: by AP at IoU .5, then mean AP; sets without objects by pixel error.

        Images that have no AP, for there is nothing to find and nothing found, are left out.
        """
        rows = {name: row for name, row in self.per_image.items() if "ap_0.50" in row}
        if rows:
            return sorted(rows, key=lambda name: (-rows[name]["ap_0.50"], -rows[name]["mean_ap"], name))
        rows = {name: row for name, row in self.per_image.items() if "pixel_error" in row}
        return sorted(rows, key=lambda name: (rows[name]["pixel_error"], name))


def aggregate(images: Sequence[ImageScores]) -> Scores:
    """Puts images together; how, stands at the head of this file.

    Args:
        images: scores of one image or more, names distinct, class names the same.

    Returns:
        Scores of the set.

    Raises:
        PairingError: there is no image, or two have one name.
        DataError: class names differ between images.
    """
    _check_set(images)
    matches = [image.objects.matches for image in images if image.objects]
    pooled = {threshold_name(at[0].threshold): _pool(at) for at in zip(*matches, strict=True)}
    rows = {image.name: _row(image) for image in images}
    return Scores(len(images), _semantic(images), _objects(images), _boundaries(images), pooled, rows)


def _check_set(images: Sequence[ImageScores]) -> None:
    if not images:
        raise PairingError("no image was scored", remedy="give at least one prediction whose name is that of a truth")
    names = [image.name for image in images]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PairingError("two images have this name", file=twice[0], remedy="give each image a name of its own")
    if len({image.class_names for image in images}) > 1:
        raise DataError("class names differ between images", remedy="score all images with one list of class names")


def flat(tree: Tree, prefix: str = "") -> dict[str, float]:
    """A section of scores as one row: {"ap": {"0.50": v}} becomes {"ap_0.50": v}.

    Args:
        tree: scores by name, nested.
        prefix: stands before every key.

    Returns:
        Key -> value, in the tree's order.
    """
    row: dict[str, float] = {}
    for key, value in tree.items():
        row |= flat(value, f"{prefix}{key}_") if isinstance(value, dict) else {prefix + key: value}
    return row


def _semantic(images: Sequence[ImageScores]) -> Tree:
    matrices = [image.confusion for image in images if image.confusion]
    if not matrices:
        return {}
    confusion, names = np.sum(matrices, axis=0), images[0].class_names
    return {"pixel_error": pixel_error(confusion), "iou": {**iou(confusion, names)}, "dice": {**dice(confusion, names)}}


def _objects(images: Sequence[ImageScores]) -> Tree:
    every = [image.objects for image in images if image.objects]
    if not every:
        return {}
    truth = sum(one.truth for one in every)
    return _present(
        {
            "ap": _by_threshold(every, lambda at: at.ap),
            "f1": _by_threshold(every, lambda at: at.f1),
            "precision": _by_threshold(every, lambda at: at.precision),
            "recall": _by_threshold(every, lambda at: at.recall),
            "panoptic_quality": _mean(one.matches[0].panoptic_quality for one in every if one.matches[0].objects),
            "aji": _mean(one.aji for one in every if one.aji is not None),
            "seg": sum(one.seg_sum for one in every) / truth if truth else None,
            "count_error": _mean(abs(one.predicted - one.truth) / max(one.truth, 1) for one in every),
            "merges": sum(one.merges for one in every),
            "splits": sum(one.splits for one in every),
        }
    )


def _boundaries(images: Sequence[ImageScores]) -> Tree:
    every = [image.boundaries for image in images if image.boundaries]
    return _present(
        {
            "v_rand": _mean(one.v_rand for one in every),
            "v_info": _mean(one.v_info for one in every),
            "rand_error": _mean(one.rand_error for one in every),
            "warping_error": _mean(one.warping_error for one in every),
        }
    )


def _by_threshold(every: Sequence[ObjectScores], figure: Callable[[Match], float]) -> Tree | None:
    """Mean of a figure over images, at each threshold; None where no image has objects on either side."""
    columns = zip(*(one.matches for one in every if one.matches[0].objects), strict=True)
    means: Tree = {threshold_name(at[0].threshold): float(np.mean([figure(one) for one in at])) for at in columns}
    return means or None


def _pool(matches: Sequence[Match]) -> Match:
    return Match(
        matches[0].threshold,
        sum(one.true_positives for one in matches),
        sum(one.false_positives for one in matches),
        sum(one.false_negatives for one in matches),
        sum(one.iou_sum for one in matches),
    )


def _row(image: ImageScores) -> dict[str, float]:
    """An image's scores as those of a set of one, flat, and what only a table of images has."""
    row = {**flat(_semantic([image])), **flat(_objects([image])), **flat(_boundaries([image]))}
    if image.objects:
        if image.objects.matches[0].objects:
            row["mean_ap"] = float(np.mean([at.ap for at in image.objects.matches]))
        if image.objects.matches[0].true_positives:
            row["mean_matched_iou"] = image.objects.matches[0].mean_iou
        row["truth_objects"], row["predicted_objects"] = image.objects.truth, image.objects.predicted
        row["missed"], row["extra"] = image.objects.missed, image.objects.extra
    if image.boundaries:
        row["merge_split_error"] = image.boundaries.merge_split_error
    return row


def _mean(values: Iterable[float]) -> float | None:
    present = list(values)
    return float(np.mean(present)) if present else None


def _present(scores: dict[str, int | float | Tree | None]) -> Tree:
    return {key: value for key, value in scores.items() if value is not None}
