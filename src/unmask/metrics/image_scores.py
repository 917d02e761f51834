"""Scores of one image: a few dozen numbers, so that a set of any size is scored one image at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.arrays import AnyArray, ClassMap, LabelImage, MaskImage
from unmask.metrics.boundaries import fill_borders, rand_error, v_info, v_rand
from unmask.metrics.diagnosis import object_errors
from unmask.metrics.ignore import check_ignore, known_pair, known_pixels
from unmask.metrics.jaccard import aji, seg_values
from unmask.metrics.matching import THRESHOLDS, Match, match
from unmask.metrics.overlaps import Overlaps, overlaps
from unmask.metrics.semantic import confusion_matrix
from unmask.metrics.warping import separated, warp

__all__ = ["BoundaryScores", "ImageScores", "ObjectScores", "score_image"]


@dataclass(frozen=True)
class ObjectScores:
    """What one image's objects amount to.

    Attributes:
        truth: number of true objects.
        predicted: number of predicted objects.
        matches: one for each of `THRESHOLDS`.
        aji: aggregated Jaccard index; None where there is no object at all.
        seg_sum: sum of SEG over the true objects.
        merges: predicted objects that merge true ones.
        splits: true objects that are split.
        missed: true objects that were not found.
        extra: predicted objects that are nothing.
    """

    truth: int
    predicted: int
    matches: tuple[Match, ...]
    aji: float | None
    seg_sum: float
    merges: int
    splits: int
    missed: int
    extra: int


@dataclass(frozen=True)
class BoundaryScores:
    """What one image's borders amount to.

    Attributes:
        v_rand: Rand F-score, borders thinned away.
        v_info: information F-score, borders thinned away.
        rand_error: 1 - Rand F-score, borders as they are.
        warping_error: topological errors, in pixels over all pixels.
        merge_split_error: of these, merges and splits.
    """

    v_rand: float
    v_info: float
    rand_error: float
    warping_error: float
    merge_split_error: float


@dataclass(frozen=True)
class ImageScores:
    """Scores of one image.

    Attributes:
        name: the image.
        class_names: of classes 1, 2, ...
        confusion: pixels by true and predicted class, background first; None where class maps are missing. Without the
            pixels that are to be ignored, as all scores.
        objects: None where a label image is missing.
        boundaries: None where a label image is missing, the truth has no object or they were not asked for.

    All three are None where the whole image is to be ignored.
    """

    name: str
    class_names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    objects: ObjectScores | None
    boundaries: BoundaryScores | None


def score_image(
    name: str,
    truth_classes: ClassMap | None,
    truth_objects: LabelImage | None,
    prediction_classes: ClassMap | None,
    prediction_objects: LabelImage | None,
    class_names: Sequence[str],
    *,
    ignore: MaskImage | None = None,
    boundaries: bool = True,
) -> ImageScores:
    """Scores one image: class maps where both are there, objects where both are there.

    Args:
        name: the image.
        truth_classes: (h, w) class map, 0 is background, or None.
        truth_objects: (h, w) label image, 0 is background, or None.
        prediction_classes: (h, w) class map, or None.
        prediction_objects: (h, w) label image, or None.
        class_names: of classes 1, 2, ...
        ignore: (h, w) bool, true where the truth is not known: what is there is not scored (`unmask.metrics.ignore`).
            None where all of it is known.
        boundaries: score borders too, which takes most of the time.

    Returns:
        The image's scores.

    Raises:
        PairingError: sizes differ.
        MaskError: an image is not of integers, an id is negative, a class has no name, or `ignore` is not of true and
            false.
    """
    ignore = _some_ignored(ignore, truth_classes if truth_objects is None else truth_objects, name)
    confusion = objects = borders = None
    if ignore is not None and ignore.all():
        return ImageScores(name, tuple(class_names), confusion, objects, borders)
    if truth_classes is not None and prediction_classes is not None:
        maps = known_pixels(truth_classes, prediction_classes, ignore, name)
        counts = confusion_matrix(*maps, len(class_names), name)
        confusion = tuple(tuple(row) for row in counts.tolist())
    if truth_objects is not None and prediction_objects is not None:
        truth, prediction = known_pair(truth_objects, prediction_objects, ignore, name)
        table = overlaps(truth, prediction, name)
        objects = _object_scores(table)
        if boundaries and objects.truth:
            borders = _boundary_scores(truth, prediction, table)
    return ImageScores(name, tuple(class_names), confusion, objects, borders)


def _some_ignored(ignore: MaskImage | None, truth: AnyArray | None, name: str) -> MaskImage | None:
    """What is to be ignored, checked; None where that is nothing."""
    if ignore is None or truth is None:
        return None
    check_ignore(ignore, truth, name)
    return ignore if ignore.any() else None


def _object_scores(table: Overlaps) -> ObjectScores:
    errors = object_errors(table)
    return ObjectScores(
        truth=table.truth_ids.size,
        predicted=table.prediction_ids.size,
        matches=tuple(match(table, threshold) for threshold in THRESHOLDS),
        aji=aji(table),
        seg_sum=float(seg_values(table).sum()),
        merges=len(errors.merges),
        splits=len(errors.splits),
        missed=len(errors.missed),
        extra=len(errors.extra),
    )


def _boundary_scores(truth: LabelImage, prediction: LabelImage, table: Overlaps) -> BoundaryScores:
    filled = overlaps(truth, fill_borders(prediction))
    warping = warp(separated(truth), separated(prediction))
    return BoundaryScores(v_rand(filled), v_info(filled), rand_error(table), warping.error, warping.merge_split_error)
