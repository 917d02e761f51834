"""The sheet of suggestions: as many rows as it needs, each crop in its place."""

import numpy as np

from unmask.predict.suggest import Crop
from unmask.predict.suggest_files import Cut
from unmask.report.suggestions import GAP, LINE, PANEL, sheet


def cut(size: tuple[int, int], heat: float, name: str = "plate") -> Cut:
    crop = Crop(name, 5, 7, *size, 0.25, "3 of 9 objects are unsure", ())
    image = np.full((*size, 1), 100, np.uint8)
    image[0, 0] = 255
    return Cut(crop, image, np.ones(size, np.int32), np.full(size, heat, np.float32))


def test_every_crop_has_three_pictures() -> None:
    page = sheet([cut((64, 64), 0.0), cut((64, 64), 1.0), cut((20, 40), 0.5, "n" * 90)])
    assert page.shape == (2 * (LINE + PANEL + GAP) + GAP, 2 * (3 * (PANEL + GAP) + 2 * GAP) + GAP, 3)
    row = GAP + LINE + PANEL // 2
    cells = [GAP + column * (3 * (PANEL + GAP) + 2 * GAP) for column in range(2)]
    maps = [page[row, x + 2 * (PANEL + GAP) + PANEL // 2] for x in cells]
    assert np.ptp(maps[0]) <= 1  # nothing disagrees: grey
    assert maps[1][0] > maps[1][2] + 60  # all of it: yellow
    assert (page[-PANEL // 2, cells[1] :] == 255).all()  # there is no fourth
    words = page[GAP : GAP + LINE, cells[0] : cells[0] + 200]
    assert (words < 128).any()


def test_one_crop_takes_one_column() -> None:
    assert sheet([cut((300, 300), 0.0)]).shape[1] == 3 * (PANEL + GAP) + 3 * GAP
