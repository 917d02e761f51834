"""Sizes, pixels and boxes of resized images: torchvision's, number by number; the square by hand."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional
from torchvision.models.detection.transform import GeneralizedRCNNTransform, resize_boxes

from unmask.errors import RecipeError
from unmask.nets.transform import Resize, pad, resize_image, scale_boxes

SIDES = st.integers(1, 6000)


def torchvisions(short: int = 800, long: int = 1333) -> GeneralizedRCNNTransform:
    """Its transform in prediction, without a change of the grey values."""
    return GeneralizedRCNNTransform(short, long, [0.0], [1.0]).eval()


@pytest.mark.parametrize(
    ("h", "w", "size"),
    [
        (480, 640, (800, 1066)),  # 640 * 800 / 480 = 1066.67
        (427, 640, (800, 1199)),  # 1199.06
        (600, 1000, (799, 1333)),  # the longer side binds: 600 * 1.333 = 799.8
        (1000, 400, (1333, 533)),  # 533.2
        (800, 1333, (800, 1333)),
        (801, 801, (800, 800)),
        (4000, 3000, (1066, 800)),
        (1, 3000, (1, 1333)),  # 0.44 would be no image
    ],
)
def test_shortest_edge_by_hand(h: int, w: int, size: tuple[int, int]) -> None:
    assert Resize("shortest-edge").size(h, w) == size


@given(SIDES, SIDES, st.sampled_from([(800, 1333), (128, 200), (97, 333)]))
def test_shortest_edge_has_torchvisions_size(h: int, w: int, sides: tuple[int, int]) -> None:
    # On the meta device only sizes are computed. torchvision fails where a side would be less than a pixel.
    assume(min(h, w) * sides[1] >= max(h, w))
    resized, _ = torchvisions(*sides).resize(torch.empty(1, h, w, device="meta"))
    assert Resize("shortest-edge", short=sides[0], long=sides[1]).size(h, w) == tuple(resized.shape[1:])


@pytest.mark.parametrize(
    "sizes",
    [
        [(75, 100)],
        [(97, 101), (61, 203)],  # odd sizes; the longer side binds for the second
        [(301, 40), (33, 35), (128, 128)],  # shrunk, enlarged, left
    ],
)
def test_pixels_are_torchvisions(sizes: list[tuple[int, int]]) -> None:
    torch.manual_seed(0)
    images = [torch.randn(1, h, w) for h, w in sizes]
    expected, _ = torchvisions(128, 213)(images)
    resize = Resize("shortest-edge", short=128, long=213)
    resized = [resize_image(image[None], resize.size(*image.shape[1:])) for image in images]
    assert [tuple(image.shape[2:]) for image in resized] == expected.image_sizes
    frames = [resize.padded(*image.shape[2:]) for image in resized]
    frame = max(h for h, _ in frames), max(w for _, w in frames)
    assert torch.equal(torch.cat([pad(image, frame) for image in resized]), expected.tensors)


def test_the_scale_is_recomputed_from_the_whole_pixels() -> None:
    """97 * 128 / 61 = 203.54 becomes 203: pixels are 97 / 203 wide, not 61 / 128, and that shows."""
    torch.manual_seed(0)
    image = torch.randn(1, 1, 61, 97)
    scale = 128 / 61
    size = Resize("shortest-edge", short=128).size(61, 97)
    recomputed = functional.interpolate(image, scale_factor=scale, mode="bilinear", recompute_scale_factor=True)
    kept = functional.interpolate(image, scale_factor=scale, mode="bilinear", recompute_scale_factor=False)
    found = resize_image(image, size)
    assert size == tuple(kept.shape[2:]) == (128, 203)
    assert torch.equal(found, recomputed)
    assert float((found - kept).abs().max()) > 0.01


def test_resize_by_hand() -> None:
    """Twice as many pixels: a quarter and three quarters of the neighbours, the edge repeated."""
    line = torch.tensor([0.0, 4.0]).reshape(1, 1, 1, 2)
    assert resize_image(line, (1, 4)).flatten().tolist() == [0.0, 1.0, 3.0, 4.0]
    # Shrunk without smoothing: of each four pixels the middle two count.
    assert resize_image(torch.arange(8.0).reshape(1, 1, 1, 8), (1, 2)).flatten().tolist() == [1.5, 5.5]


def test_an_image_of_the_size_is_left_alone() -> None:
    image = torch.rand(2, 3, 5, 7)
    assert resize_image(image, (5, 7)) is image


@pytest.mark.parametrize(
    ("h", "w", "size"),
    [
        (400, 500, (800, 1000)),  # twice
        (100, 100, (800, 800)),
        (900, 1000, (900, 1000)),  # never shrunk while it fits
        (1024, 1024, (1024, 1024)),
        (600, 1000, (614, 1024)),  # 800 / 600 would make 1333: 600 * 1.024 = 614.4
        (3000, 2000, (1024, 683)),  # 682.67
        (1, 5000, (1, 1024)),  # 0.2 would be no image
    ],
)
def test_square_by_hand(h: int, w: int, size: tuple[int, int]) -> None:
    square = Resize("square")
    assert square.size(h, w) == size
    assert square.padded(*size) == (1024, 1024)


@given(SIDES, SIDES)
def test_square_fits_and_is_as_large_as_may_be(h: int, w: int) -> None:
    high, wide = Resize("square").size(h, w)
    assert max(high, wide) <= 1024
    assert min(high, wide) >= 800 or max(high, wide) == 1024
    # The shape stays, to the half pixel that rounding takes or the pixel that a side must have.
    assert abs(high * w - wide * h) <= max(h, w)


@given(SIDES, SIDES)
def test_native_is_the_size_itself(h: int, w: int) -> None:
    assert Resize("native").size(h, w) == (h, w)
    assert Resize("native", scale=2).size(h, w) == (2 * h, 2 * w)
    assert Resize("native", scale=0.5).size(2 * h, 2 * w) == (h, w)


def test_native_rounds() -> None:
    assert Resize("native", scale=1.5).size(101, 7) == (152, 10)  # 151.5 and 10.5: halves to the even number
    assert Resize("native", scale=0.29).size(100, 1) == (29, 1)  # 28.999999999999996 in doubles


@given(SIDES, SIDES, st.sampled_from([Resize("native"), Resize("shortest-edge")]))
def test_padded_to_the_next_multiple_of_32(h: int, w: int, resize: Resize) -> None:
    for side, whole in zip((h, w), resize.padded(h, w), strict=True):
        assert whole % 32 == 0
        assert 0 <= whole - side < 32


def test_padding_is_zero_right_and_below() -> None:
    image = torch.full((2, 1, 2, 3), 7.0)
    padded = pad(image, (4, 5))
    assert padded.shape == (2, 1, 4, 5)
    assert torch.equal(padded[:, :, :2, :3], image)
    assert float(padded.sum()) == float(image.sum())


def test_padding_never_cuts() -> None:
    with pytest.raises(ValueError, match="images of 2 x 3 pixels do not fit into 4 x 2"):
        pad(torch.zeros(1, 1, 2, 3), (4, 2))


def test_boxes_by_hand() -> None:
    boxes = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert scale_boxes(boxes, (10, 20), (30, 40)).tolist() == [[2.0, 6.0, 6.0, 12.0]]


@given(st.integers(0, 2**31), SIDES, SIDES)
def test_boxes_are_torchvisions(seed: int, h: int, w: int) -> None:
    boxes = torch.rand(seed % 20, 4, generator=torch.Generator().manual_seed(seed)) * max(h, w)
    size = Resize("shortest-edge").size(h, w)
    scaled = scale_boxes(boxes, (h, w), size)
    assert torch.equal(scaled, resize_boxes(boxes, (h, w), size))
    torch.testing.assert_close(scale_boxes(scaled, size, (h, w)), boxes)


@given(st.integers(3, 40), st.integers(3, 40), st.data())
def test_a_box_stays_around_its_object(h: int, w: int, data: st.DataObject) -> None:
    """A rectangle of ones, enlarged with its image, is still what its enlarged box holds."""
    y, x = data.draw(st.integers(0, h - 2)), data.draw(st.integers(0, w - 2))
    down, right = data.draw(st.integers(y + 1, h)), data.draw(st.integers(x + 1, w))
    image = torch.zeros(1, 1, h, w)
    image[:, :, y:down, x:right] = 1
    size = Resize("native", scale=3).size(h, w)
    x0, y0, x1, y1 = scale_boxes(torch.tensor([[x, y, right, down]], dtype=torch.float32), (h, w), size)[0].tolist()
    rows, columns = (resize_image(image, size)[0, 0] > 0.5).nonzero().unbind(1)
    assert (int(columns.min()), int(rows.min())) == (x0, y0)
    assert (int(columns.max()) + 1, int(rows.max()) + 1) == (x1, y1)


@pytest.mark.parametrize("kind", ["native", "shortest-edge", "square"])
def test_values_keep_device_and_type(kind: str) -> None:
    resize = Resize(kind)
    image = torch.ones(1, 2, 40, 30, dtype=torch.float64)
    with torch.device("meta"):
        resized = resize_image(image, resize.size(40, 30))
        padded = pad(resized, resize.padded(*resized.shape[2:]))
        boxes = scale_boxes(torch.ones(0, 4, dtype=torch.float16, device="cpu"), (40, 30), resize.size(40, 30))
    assert (padded.device.type, padded.dtype) == ("cpu", torch.float64)
    assert (boxes.device.type, boxes.dtype, boxes.shape) == ("cpu", torch.float16, (0, 4))
    assert math.isclose(float(padded.sum()), resized.numel())


def test_a_resize_is_a_value() -> None:
    assert Resize("native", 2.0) == Resize("native", scale=2.0)
    assert len({Resize("square"), Resize("square")}) == 1


def test_wrong_values_are_told() -> None:
    with pytest.raises(RecipeError, match=r"'shortest' is no way to resize. Use native, shortest-edge, square."):
        Resize("shortest")  # type: ignore[arg-type]
    for wrong in ({"scale": 0.0}, {"short": 0}, {"long": -1}):
        with pytest.raises(RecipeError, match="must be above 0"):
            Resize("native", **wrong)
