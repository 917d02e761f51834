import base64
import io

import numpy as np
from PIL import Image

from unmask.report.embed import map_uri, png_uri
from unmask.report.material import Compared
from unmask.report.pictures import picture


def opened(uri: str) -> Image.Image:
    assert uri.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def compared(truth: np.ndarray, prediction: np.ndarray) -> Compared:
    image = np.zeros((*truth.shape, 1), np.uint8)
    return Compared("x", image, (truth > 0).astype(np.uint8), truth, (prediction > 0).astype(np.uint8), prediction)


def test_a_large_image_is_cut_to_where_it_went_wrong() -> None:
    truth = np.zeros((500, 700), np.int32)
    truth[10:20, 10:20] = 1
    prediction = truth.copy()
    truth[400:410, 600:612] = 2
    one = picture(compared(truth, prediction), classes=False)
    assert (one.height, one.width) == (320, 320)
    assert opened(one.image).size == (320, 320)
    (mark,) = one.marks
    rows, columns = (part.split() for part in one.part.split(", "))
    top, left = int(rows[1]), int(columns[1])
    # The centre of pixels 400..409 and 600..611, in the window.
    assert (mark.kind, mark.y + top, mark.x + left) == ("misses", 405, 606)
    assert one.part.endswith("of 500 x 700")
    assert one.truth
    assert one.prediction == ""


def test_a_right_image_shows_its_objects() -> None:
    truth = np.zeros((400, 400), np.int32)
    truth[380:390, 380:390] = 1
    one = picture(compared(truth, truth), classes=False)
    assert one.marks == ()
    assert one.truth == one.prediction != ""


def test_class_maps_keep_their_colours_and_a_transparent_ground() -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0]], np.uint8)
    found = np.asarray(opened(map_uri(np.array([[0, 1], [2, 3]], np.uint8), colours)).convert("RGBA"))
    assert found[0, 0, 3] == 0
    assert found[0, 1].tolist() == found[1, 1].tolist() == [255, 0, 0, 255]
    assert found[1, 0].tolist() == [0, 255, 0, 255]


def test_a_picture_comes_back_as_it_was() -> None:
    colour = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(opened(png_uri(colour))), colour)
    grey = np.repeat(colour[..., :1], 3, axis=2)
    assert opened(png_uri(grey)).mode == "L"
    np.testing.assert_array_equal(np.asarray(opened(png_uri(grey))), grey[..., 0])
