from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.data.formats.channels import common_channels, with_channels
from unmask.data.formats.images import read_header, read_image
from unmask.errors import DataError

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)
GREY_AS_RGB = np.dstack([GREY] * 3)
COLOUR = np.dstack([GREY, GREY, 2 * GREY])
OPAQUE = np.full((3, 4), 255, np.uint8)
KINDS = {
    "grey": GREY,
    "grey_alpha": np.dstack([GREY, OPAQUE]),
    "grey_varying": np.dstack([GREY, GREY]),
    "grey_as_rgb": GREY_AS_RGB,
    "grey_as_rgba": np.dstack([GREY_AS_RGB, OPAQUE]),
    "rgb": COLOUR,
    "rgba": np.dstack([COLOUR, OPAQUE]),
    "rgba_varying": np.dstack([COLOUR, GREY]),
}


def save(folder: Path, kinds: list[str]) -> list[Path]:
    paths = [folder / f"{index}_{kind}.png" for index, kind in enumerate(kinds)]
    for path, kind in zip(paths, kinds, strict=True):
        Image.fromarray(KINDS[kind]).save(path)
    return paths


@pytest.mark.parametrize(
    ("kinds", "channels"),
    [
        (["grey"], 1),
        (["grey_alpha"], 1),
        (["grey_varying"], 2),
        (["grey_as_rgb"], 1),
        (["grey_as_rgba", "grey", "grey_as_rgb", "grey_alpha"], 1),
        (["rgb"], 3),
        (["rgba"], 3),
        (["rgba_varying"], 4),
        (["grey_as_rgb", "rgb"], 3),
        (["rgb", "grey_as_rgb"], 3),
        (["grey_as_rgba", "grey_as_rgb", "rgba", "rgb"], 3),
        (["rgba", "rgba_varying"], 4),
        (["grey_as_rgba", "rgba_varying"], 4),
    ],
    ids=str,
)
def test_a_set_has_the_smallest_number_that_suits_all(tmp_path: Path, kinds: list[str], channels: int) -> None:
    paths = save(tmp_path, kinds)
    assert common_channels([read_header(path) for path in paths]) == channels
    for path, kind in zip(paths, kinds, strict=True):
        file = read_image(path)
        got = with_channels(file.planes[0], file.header, channels)
        assert got.shape == (3, 4, channels)
        np.testing.assert_array_equal(got, KINDS[kind].reshape(3, 4, -1)[..., :channels])


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["grey", "grey", "rgb"], r"2_rgb\.png: has 3 channels, but 0_grey\.png has 1\. Make them all grey or all RGB"),
        (["rgb", "grey"], r"1_grey\.png: has 1 channel, but 0_rgb\.png has 3"),
        (["grey_as_rgb", "rgb", "grey"], r"2_grey\.png: has 1 channel, but 1_rgb\.png has 3"),
        (["rgba_varying", "rgb"], r"1_rgb\.png: has 3 channels, but 0_rgba_varying\.png has 4"),
    ],
    ids=str,
)
def test_sets_that_disagree_are_refused(tmp_path: Path, kinds: list[str], message: str) -> None:
    headers = [read_header(path) for path in save(tmp_path, kinds)]
    with pytest.raises(DataError, match=message):
        common_channels(headers)


@pytest.mark.parametrize(("kind", "wanted"), [("rgb", 1), ("rgba_varying", 3), ("grey", 3), ("rgb", 2)])
def test_nothing_is_dropped_that_was_measured(tmp_path: Path, kind: str, wanted: int) -> None:
    file = read_image(save(tmp_path, [kind])[0])
    with pytest.raises(
        DataError, match=rf"0_{kind}\.png: has \d channels? where {wanted} (is|are) wanted\. Convert it"
    ):
        with_channels(file.planes[0], file.header, wanted)
