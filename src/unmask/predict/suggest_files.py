"""What `unmask suggest` writes: crops cut out, the model's own masks of them to correct, and a table.

OUT/suggestions.csv        rank, image, y, x, height, width, score, why, file
OUT/crops/NAME_Y_X.tif     the image's own values, type and channels
OUT/draft/NAME_Y_X.tif     masks as the model was trained on: object ids, or values of classes
"""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float32
from numpy import ndarray

from unmask.arrays import AnyArray, RawImage
from unmask.data.dataset import Dataset
from unmask.data.files import write_text
from unmask.data.formats.images import write_image, write_labels
from unmask.errors import PredictionError
from unmask.geometry.labels import relabel
from unmask.predict.disagreement import Copies
from unmask.predict.suggest import Crop
from unmask.predict.trouble import look

__all__ = ["COLUMNS", "Cut", "claim_folder", "write_suggestions"]

COLUMNS = ("rank", "image", "y", "x", "height", "width", "score", "why", "file")


@dataclass(frozen=True)
class Cut:
    """A crop, cut out.

    Attributes:
        crop: which.
        image: (h, w, c) as the file has it.
        draft: (h, w) what the model takes for its mask.
        heat: (h, w), 0 to 1, how much its copies disagree.
    """

    crop: Crop
    image: RawImage
    draft: AnyArray
    heat: Float32[ndarray, "h w"]


def claim_folder(out: Path) -> None:
    """Refuses a folder that holds something.

    Raises:
        PredictionError: it does, or is a file.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PredictionError("this folder holds other files", file=out, remedy="choose a new, empty --out")


def write_suggestions(copies: Copies, images: Dataset, crops: Sequence[Crop], out: Path) -> list[Cut]:
    """Cuts out crops, and writes them, drafts of their masks and the table.

    Args:
        copies: of the model; looks at the images of the crops once more.
        images: that the crops are of.
        crops: in order of rank.
        out: the folder.

    Returns:
        The crops, in order of rank.

    Raises:
        DataError: an image cannot be read.
        UnmaskError: a file cannot be written.
    """
    wanted: defaultdict[str, list[Crop]] = defaultdict(list)
    for crop in crops:
        wanted[crop.image].append(crop)
    cuts = {}
    for name, of_image in wanted.items():
        found = look(copies, images.load(name))
        objects = found.prediction.recipe.data.kind != "classes"
        for crop in of_image:
            draft = found.prediction.mask[crop.window]
            cut = Cut(
                crop,
                found.prediction.sample.image[crop.window].copy(),
                relabel(draft) if objects else draft.copy(),
                found.heat[crop.window].copy(),
            )
            write_image(out / "crops" / f"{crop.name}.tif", cut.image, found.prediction.sample.pixel_size)
            write_labels(out / "draft" / f"{crop.name}.tif", cut.draft, found.prediction.sample.pixel_size)
            cuts[crop] = cut
    write_text(out / "suggestions.csv", _table(crops))
    return [cuts[crop] for crop in crops]


def _table(crops: Sequence[Crop]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rank, crop in enumerate(crops, start=1):
        place = crop.y, crop.x, crop.height, crop.width
        writer.writerow((rank, crop.image, *place, f"{crop.score:.5g}", crop.why, f"crops/{crop.name}.tif"))
    return text.getvalue()
