"""The exact-tiling contract: a tiled prediction is the prediction of one pass over the whole image."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.geometry.grid import mirror
from unmask.instances.decode import decode
from unmask.nets import UNet, derive_halo
from unmask.predict.probabilities import predict_probabilities
from unmask.predict.tiles import Cutting, Network
from unmask.recipe import InstanceRecipe

SCALES = [(1, 1), (2, 1), (4, 1), (1, 2), (1, 3)]  # enlarge, reduce


def random_net(seed: int, depth: int, padding: str, norm: str, scale: tuple[int, int] = (1, 1)) -> torch.nn.Module:
    """A net with random weights, and random statistics in its norms."""
    torch.manual_seed(seed)
    net = UNet(  # type: ignore[arg-type]
        2, 3, width=3, depth=depth, padding=padding, norm=norm, dropout=0.5, enlarge=scale[0], reduce=scale[1]
    )
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr, operator]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr, operator]
    return net.eval().to(memory_format=torch.channels_last)


def network_of(net: torch.nn.Module, scale: tuple[int, int] = (1, 1)) -> Network:
    """A net with its twin without padding, if it has any."""
    assert isinstance(net, UNet)
    halo = derive_halo(net)
    if not halo.padded:
        return Network(Cutting(halo), net)
    depth, norm = (
        len(net.up),
        "batch" if any(isinstance(part, torch.nn.BatchNorm2d) for part in net.modules()) else "none",
    )
    twin = UNet(2, 3, width=3, depth=depth, norm=norm, enlarge=scale[0], reduce=scale[1])  # type: ignore[arg-type]
    twin.eval().to(memory_format=torch.channels_last)
    twin.load_state_dict(net.state_dict())
    return Network(Cutting(halo, derive_halo(twin)), net, twin)


def whole_pass(net: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    """The oracle, without any tile: pad the whole image, one pass, cut out."""
    halo = derive_halo(net)
    height, width = image.shape[:2]
    before = 0 if halo.padded else halo.halo
    rows, columns = (mirror(-before, halo.input_for(size) - before, size) for size in (height, width))
    batch = torch.from_numpy(image[np.ix_(rows, columns)]).permute(2, 0, 1)[None]
    with torch.no_grad():
        return net(batch)[0, :, :height, :width].softmax(0).numpy()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.sampled_from(["valid", "same"]),
    st.sampled_from(["batch", "none"]),
    st.tuples(st.integers(1, 1500), st.integers(1, 200)),
    st.integers(16, 500),
    st.sampled_from(SCALES),
)
def test_tiled_equals_whole(
    seed: int, depth: int, padding: str, norm: str, size: tuple[int, int], side: int, scale: tuple[int, int]
) -> None:
    net = random_net(seed, depth, padding, norm, scale)
    image = np.random.default_rng(seed).random((*size, 2), np.float32)
    tiled = predict_probabilities(network_of(net, scale), image, side, 3)[0]
    whole = whole_pass(net, image)
    assert tiled.shape == (3, *size)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)
    assert np.allclose(tiled.sum(axis=0), 1, atol=1e-5)


def in_a_gap(values: np.ndarray, quantile: float) -> float:
    """A threshold near a quantile that no value comes close to: the middle of the widest gap around."""
    ordered = np.sort(values, axis=None)
    at = int(quantile * ordered.size)
    near = ordered[max(0, at - 300) : at + 300]
    widest = int(np.diff(near).argmax())
    assert near[widest + 1] - near[widest] > 2e-5
    return float(near[widest : widest + 2].mean())


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("side", [16, 37, 100])
def test_labels_of_tiles_are_those_of_the_whole(padding: str, side: int) -> None:
    net = random_net(5, 2, padding, "batch")
    image = np.random.default_rng(1).random((140, 110, 2), np.float32)
    whole = whole_pass(net, image)
    high, low = (in_a_gap(1 - whole[0], quantile) for quantile in (0.7, 0.5))
    recipe = InstanceRecipe(seed_threshold=high, mask_threshold=low, reach=5, min_size=3, max_hole=10)
    tiled = predict_probabilities(network_of(net), image, side, 3)[0]
    expected, found = decode(whole, recipe), decode(tiled, recipe)
    assert len(expected) > 10
    assert np.array_equal(expected.labels, found.labels)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("depth", [4, 5])
def test_deep_nets(padding: str, depth: int) -> None:
    net = random_net(depth, depth, padding, "batch")
    image = np.random.default_rng(2).random((260, 330, 2), np.float32)
    tiled = predict_probabilities(network_of(net), image, 96, 3)[0]
    np.testing.assert_allclose(tiled, whole_pass(net, image), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("padding", "size"), [("valid", (1500, 700)), ("same", (1500, 1100)), ("valid", (1, 1500))])
def test_large_images(padding: str, size: tuple[int, int]) -> None:
    net = random_net(3, 3, padding, "batch")
    image = np.random.default_rng(1).random((*size, 2), np.float32)
    whole = whole_pass(net, image)
    tiled = predict_probabilities(network_of(net), image, 333, 3)[0]
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)
    assert whole.std() > 0.01


@pytest.mark.parametrize("scale", [(1, 1), (2, 1), (1, 2)])
def test_tiles_far_from_the_edge_are_computed_without_padding(scale: tuple[int, int]) -> None:
    net = random_net(7, 3, "same", "batch", scale)
    network, asked = network_of(net, scale), []
    of, part = scale
    assert network.inner is not None

    def inner(batch: torch.Tensor) -> torch.Tensor:
        asked.append(tuple(batch.shape[2:]))
        return network.inner(batch)  # type: ignore[misc]

    image = np.random.default_rng(4).random((330 * part // of, 410 * part // of, 2), np.float32)
    tiled, _ = predict_probabilities(replace(network, inner=inner), image, 64 * part // of, 3)
    np.testing.assert_allclose(tiled, whole_pass(net, image), rtol=0, atol=1e-5)
    assert len(asked) == 4 * 4  # of 6 x 6 tiles those that are not at the edge


def test_progress_counts_every_pixel_once() -> None:
    net = random_net(0, 1, "same", "none")
    seen: list[tuple[int, int]] = []
    predict_probabilities(network_of(net), np.zeros((50, 40, 2), np.float32), 16, 3, lambda *p: seen.append(p))
    assert seen[-1] == (2000, 2000)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_blank_tiles_are_left_out(padding: str) -> None:
    net = random_net(0, 1, padding, "none")
    network = network_of(net)
    image = np.full((64, 96, 2), (0.25, 0.5), np.float32)
    image[3, 2, 1] = 0.75  # the first of six tiles sees it, and those beside it that read it
    plain, none = predict_probabilities(network, image, 32, 3)
    found, left_out = predict_probabilities(network, image, 32, 3, skip_blank=True)
    assert (none, left_out) == (0, 5)
    np.testing.assert_array_equal(found[:, :32, :32], plain[:, :32, :32])
    assert (found[0, :, 32:] == 1).all()
    assert (found[1:, :, 32:] == 0).all()
