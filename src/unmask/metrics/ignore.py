"""What nobody annotated and nobody may judge: predictions as scored where parts of the truth are to be ignored.

As in panoptic quality (Kirillov et al. 2019, section 4.1, void labels): predicted pixels that are ignored are removed
first, so that they count in no union. Then a predicted object is dropped if more than half of it was ignored, unless
what is left of it matches a true object: it may be an object that nobody has drawn. All scores are of what remains.
"""

import numpy as np

from unmask.arrays import AnyArray, MaskImage
from unmask.errors import MaskError, PairingError
from unmask.metrics.matching import THRESHOLDS
from unmask.metrics.overlaps import check_labels, overlaps

__all__ = ["check_ignore", "known_pair", "known_pixels"]


def known_pair(
    truth: AnyArray, prediction: AnyArray, ignore: MaskImage | None, name: str | None = None
) -> tuple[AnyArray, AnyArray]:
    """Label images of objects with what is to be ignored taken out.

    Args:
        truth: (h, w) integers, 0 is background.
        prediction: (h, w) integers, likewise.
        ignore: (h, w) bool, true where the truth is not known; None where all of it is.
        name: the image concerned, for messages.

    Returns:
        Truth and prediction, 0 where `ignore` is true, and the prediction without objects of which more than half was
        there and that match no true object (IoU of .5, the least that is matched). Both as given where all is known.

    Raises:
        PairingError: the sizes differ.
        MaskError: an image is not of ids, or `ignore` not of true and false.
    """
    if ignore is None:
        return truth, prediction
    check_labels(truth, prediction, name)
    check_ignore(ignore, truth, name)
    hidden = overlaps(ignore.astype(np.uint8), prediction, name)
    mostly = 2 * hidden.pixels > hidden.prediction_areas[hidden.prediction]
    truth, prediction = np.where(ignore, 0, truth), np.where(ignore, 0, prediction)
    if mostly.any():
        table = overlaps(truth, prediction, name)
        matched = table.prediction_ids[table.prediction[table.iou >= THRESHOLDS[0]]]
        dropped = np.setdiff1d(hidden.prediction_ids[hidden.prediction[mostly]], matched)
        prediction[np.isin(prediction, dropped)] = 0
    return truth, prediction


def known_pixels(
    truth: AnyArray, prediction: AnyArray, ignore: MaskImage | None, name: str | None = None
) -> tuple[AnyArray, AnyArray]:
    """Class maps without the pixels that are to be ignored: nothing but their values matters to confusion matrices.

    Args:
        truth: (h, w) class map.
        prediction: (h, w) class map.
        ignore: (h, w) bool, true where the truth is not known; None where all of it is.
        name: the image concerned, for messages.

    Returns:
        (1, n) values of the known pixels of each; (h, w) as given where all are known.

    Raises:
        PairingError: the sizes differ.
        MaskError: a map is not of integers, or `ignore` not of true and false.
    """
    if ignore is None:
        return truth, prediction
    check_labels(truth, prediction, name)
    check_ignore(ignore, truth, name)
    return truth[~ignore][None], prediction[~ignore][None]


def check_ignore(ignore: AnyArray, truth: AnyArray, name: str | None = None) -> None:
    """Refuses a mask of what is to be ignored that does not belong to a truth.

    Args:
        ignore: to be (h, w) bool.
        truth: (h, w).
        name: the image concerned, for messages.

    Raises:
        PairingError: the sizes differ.
        MaskError: the mask is not of true and false.
    """
    if ignore.dtype != np.bool_:
        raise MaskError(
            f"what is to be ignored is of type {ignore.dtype}, and must be true or false",
            file=name,
            remedy="give booleans, for instance mask == 255",
        )
    if ignore.shape != truth.shape:
        sizes = [" x ".join(map(str, one.shape)) for one in (ignore, truth)]
        raise PairingError(
            f"what is to be ignored has {sizes[0]} pixels and the truth {sizes[1]}",
            file=name,
            remedy="give a mask of the same image, neither cropped nor resized",
        )
