"""Averages over turned copies: exact under tiling for the eight symmetries, within interpolation for other angles."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unmask.geometry.grid import Tile, mirror
from unmask.geometry.symmetry import SYMMETRIES, Symmetry
from unmask.nets import Halo, UNet, derive_halo
from unmask.predict.tiles import Cutting, Network, plan_tiles, span_at
from unmask.predict.tta import predict_tile, predict_turned, window_probabilities

Read = Callable[[tuple[int, int], tuple[int, int]], np.ndarray]
PADDINGS = ["valid", "same"]


def random_net(seed: int, depth: int, padding: str) -> tuple[torch.nn.Module, Halo]:
    torch.manual_seed(seed)
    net = UNet(2, 2, width=2, depth=depth, padding=padding).eval()  # type: ignore[arg-type]
    for bias in (parameter for parameter in net.parameters() if parameter.ndim == 1):
        torch.nn.init.normal_(bias, std=0.5)  # zeros around a padded image are then felt
    return net.to(memory_format=torch.channels_last), derive_halo(net)


def reader(image: np.ndarray) -> Read:
    return lambda rows, columns: image[np.ix_(mirror(*rows, image.shape[0]), mirror(*columns, image.shape[1]))]


def whole_pass(net: torch.nn.Module, halo: Halo, image: np.ndarray) -> np.ndarray:
    """The oracle, without any tile: the whole image reflected by NumPy, one pass, cut out."""
    height, width = image.shape[:2]
    before = 0 if halo.padded else halo.halo
    margins = [(before, halo.input_for(length) - length - before) for length in (height, width)]
    padded = np.pad(image, [*margins, (0, 0)], mode="reflect")
    with torch.no_grad():
        logits = net(torch.from_numpy(padded).permute(2, 0, 1)[None])
    return logits[0, :, :height, :width].softmax(0).numpy()


def whole_mean(net: torch.nn.Module, halo: Halo, image: np.ndarray) -> np.ndarray:
    """The mean over the rotations of the image and of its mirror image, by NumPy's own turns."""
    found = []
    for k in range(4):
        found.append(np.rot90(whole_pass(net, halo, np.rot90(image, k)), -k, (1, 2)))
        mirrored = whole_pass(net, halo, np.rot90(image[:, ::-1], k))
        found.append(np.rot90(mirrored, -k, (1, 2))[:, :, ::-1])
    return np.mean(found, axis=0)


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 2), st.sampled_from(PADDINGS), sizes, st.data())
def test_any_tile_is_a_part_of_the_whole(
    seed: int, depth: int, padding: str, size: tuple[int, int], data: st.DataObject
) -> None:
    net, halo = random_net(seed, depth, padding)
    image = np.random.default_rng(seed).normal(0, 1, (*size, 2)).astype(np.float32)
    start = [data.draw(st.integers(0, n - 1)) for n in size]
    stop = [data.draw(st.integers(at + 1, n)) for at, n in zip(start, size, strict=True)]
    tile = Tile(*(span_at(n, a, b, halo) for n, a, b in zip(size, start, stop, strict=True)))
    part = predict_tile(Network(Cutting(halo), net), reader(image), tile, size)
    expected = whole_mean(net, halo, image)[:, start[0] : stop[0], start[1] : stop[1]]
    assert part.dtype == np.float32
    np.testing.assert_allclose(part, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(part.sum(axis=0), 1, atol=1e-5)


def tiled(net: torch.nn.Module, halo: Halo, image: np.ndarray, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    result = np.full((2, height, width), np.nan, np.float32)
    for tile in plan_tiles(height, width, halo, side):
        rows, columns = slice(tile.rows.start, tile.rows.stop), slice(tile.columns.start, tile.columns.stop)
        result[:, rows, columns] = predict_tile(Network(Cutting(halo), net), reader(image), tile, (height, width))
    return result


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 2), st.sampled_from(PADDINGS), sizes, st.integers(5, 40))
def test_tiles_make_up_the_whole(seed: int, depth: int, padding: str, size: tuple[int, int], side: int) -> None:
    net, halo = random_net(seed, depth, padding)
    image = np.random.default_rng(seed).normal(0, 1, (*size, 2)).astype(np.float32)
    np.testing.assert_allclose(tiled(net, halo, image, side), whole_mean(net, halo, image), rtol=0, atol=1e-5)


@pytest.mark.parametrize("padding", PADDINGS)
def test_a_deep_net_on_sizes_that_are_no_multiples(padding: str) -> None:
    net, halo = random_net(3, 3, padding)
    image = np.random.default_rng(4).normal(0, 1, (131, 98, 2)).astype(np.float32)
    mean = whole_mean(net, halo, image)
    np.testing.assert_allclose(tiled(net, halo, image, 48), mean, rtol=0, atol=1e-5)
    assert np.abs(mean - whole_pass(net, halo, image)).max() > 0.01  # the symmetries do not agree by themselves


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size", [(37, 22), (1, 1)])
def test_the_identity_alone_is_the_plain_prediction(padding: str, size: tuple[int, int]) -> None:
    net, halo = random_net(1, 2, padding)
    image = np.random.default_rng(1).normal(0, 1, (*size, 2)).astype(np.float32)
    for tile in plan_tiles(*size, halo, 12):
        rows, columns = tile.rows, tile.columns
        window = reader(image)((rows.read_start, rows.read_stop), (columns.read_start, columns.read_stop))
        found = predict_tile(Network(Cutting(halo), net), reader(image), tile, size, SYMMETRIES[:1])
        assert np.array_equal(found, window_probabilities(net, window, tile))
        with torch.no_grad():
            logits = net(torch.from_numpy(window).permute(2, 0, 1)[None])[0]
        written = np.s_[:, : rows.stop - rows.start, : columns.stop - columns.start]
        alone = logits[:, rows.offset :, columns.offset :][written].softmax(0).numpy()
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_a_turned_image_has_the_turned_prediction(padding: str, symmetry: Symmetry) -> None:
    """The mean over the group treats no direction apart, so symmetric images have symmetric predictions."""
    net, halo = random_net(2, 2, padding)
    image = np.random.default_rng(2).normal(0, 1, (23, 30, 2)).astype(np.float32)
    turned = tiled(net, halo, np.ascontiguousarray(symmetry.image(image)), 16)
    np.testing.assert_allclose(turned, symmetry.maps(tiled(net, halo, image, 16)), rtol=0, atol=1e-5)
    square = image[:, :23]
    symmetric = np.mean([other.image(square) for other in SYMMETRIES], axis=0, dtype=np.float32)
    found = tiled(net, halo, symmetric, 16)
    np.testing.assert_allclose(found, symmetry.maps(found), rtol=0, atol=1e-5)


def disc(y: float, x: float, shape: tuple[int, int], radius: float) -> np.ndarray:
    rows, columns = np.indices(shape)
    return (np.hypot(rows - y, columns - x) < radius).astype(np.float32)


def pixelwise(image: np.ndarray) -> np.ndarray:
    """A network that looks at one pixel: it turns with the image."""
    front = 1 / (1 + np.exp(-image[..., 0]))
    return np.stack([1 - front, front]).astype(np.float32)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (6, 5), (40, 31)])
def test_turned_constant_stays_constant(size: tuple[int, int]) -> None:
    image = np.full((*size, 1), 0.7, np.float32)
    np.testing.assert_allclose(predict_turned(pixelwise, image), pixelwise(image), rtol=0, atol=1e-6)


@pytest.mark.parametrize("turns", [2, 7, 8])
def test_turned_function_of_pixels_is_that_function(turns: int) -> None:
    """Also at the image's corners, which a canvas of the image's own size would cut off."""
    rows, columns = np.indices((45, 70))
    image = (np.sin(rows / 9 + 1) + np.cos(columns / 11))[..., None].astype(np.float32)
    # Bilinear interpolation errs by an eighth of the second derivatives, 1/81 and 1/121, twice; the sigmoid's slope is
    # at most 1/4. At the image's edge the mirror makes a kink, of slope 1/9, felt by the outermost pixels.
    found, inside = predict_turned(pixelwise, image, turns), np.s_[:, 1:-1, 1:-1]
    np.testing.assert_allclose(found[inside], pixelwise(image)[inside], rtol=0, atol=2 / 8 * (1 / 81 + 1 / 121) / 4)
    np.testing.assert_allclose(found, pixelwise(image), rtol=0, atol=0.01)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)


def test_quarter_turns_interpolate_nothing() -> None:
    """At four turns every pixel lands on a pixel: the mean over NumPy's rotations."""

    def predict(image: np.ndarray) -> np.ndarray:  # a net with a direction of its own
        return pixelwise(ndimage.uniform_filter1d(image, 3, axis=0, mode="mirror"))

    image = np.random.default_rng(0).normal(0, 1, (12, 17, 1)).astype(np.float32)
    expected = np.mean([np.rot90(predict(np.rot90(image, k)), -k, (1, 2)) for k in range(4)], axis=0)
    np.testing.assert_allclose(predict_turned(predict, image, 4), expected, rtol=0, atol=1e-5)
    assert np.abs(expected - predict(image)).max() > 0.05


def test_copies_are_turned_about_the_centre_and_the_first_not_at_all() -> None:
    image = disc(20, 45, (61, 61), 4)[..., None]  # 10 above the centre, 15 to the right of it
    given: list[np.ndarray] = []

    def predict(canvas: np.ndarray) -> np.ndarray:
        given.append(canvas)
        return pixelwise(canvas)

    predict_turned(predict, image, 7)
    assert given[0] is image
    assert len(given) == 7
    for k, canvas in enumerate(given):
        place = complex(-10, 15) * np.exp(-2j * np.pi * k / 7)  # row + i column, from the centre
        centre = (np.array(canvas.shape[:2]) - 1) / 2
        near = disc(centre[0] + place.real, centre[1] + place.imag, canvas.shape[:2], 6)
        row, column = ndimage.center_of_mass(canvas[..., 0] * near) - centre
        assert np.hypot(row - place.real, column - place.imag) < 0.2
        assert (canvas[..., 0] * near).sum() == pytest.approx(image.sum(), rel=0.03)
