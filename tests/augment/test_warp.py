"""The warp: exact where it must be a permutation of pixels, aligned, of the stated reach and statistics."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.augment.sampling import STEP
from unmask.augment.warp import Warp, draw_warp, sampling_positions, source_size, warp
from unmask.errors import RecipeError

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Ranges:
    flips: bool = False
    rotation: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    elastic: float = 0.0


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _still(batch: int = 2) -> Warp:
    return draw_warp(batch, Ranges(), _seeded(), CPU)


def _sources(side: int, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = _seeded(1)
    images = torch.randn(batch, 3, side, side, generator=generator)
    targets = torch.randint(0, 5, (batch, 1, side, side), generator=generator).float()
    return images, targets, torch.rand(batch, 1, side, side, generator=generator)


def _inner(tensor: torch.Tensor, size: int, y: int = 0, x: int = 0) -> torch.Tensor:
    top, left = (tensor.shape[-2] - size) // 2 + y, (tensor.shape[-1] - size) // 2 + x
    return tensor[..., top : top + size, left : left + size]


@pytest.mark.parametrize(("side", "size", "target"), [(31, 31, 31), (64, 64, 20), (400, 256, 256), (61, 41, 1)])
def test_nothing_drawn_gives_the_input_exactly(side, size, target):
    sources = _sources(side)
    for read, source, wanted in zip(
        warp(*sources, _still(), size, target), sources, (size, target, target), strict=True
    ):
        assert torch.equal(read, _inner(source, wanted))


@pytest.mark.parametrize("size", [31, 32, 300, 301])
@pytest.mark.parametrize("turns", [-2, -1, 1, 2, 3])
def test_quarter_turns_are_torch_s_rot90(turns, size):
    sources = _sources(size)
    parameters = replace(_still(), angle=torch.full((2,), 90.0 * turns))
    for read, source in zip(warp(*sources, parameters, size, size), sources, strict=True):
        assert torch.equal(read, torch.rot90(source, turns, (2, 3)))


@pytest.mark.parametrize("axes", [(), (2,), (3,), (2, 3)])
def test_flips_are_torch_s_and_come_before_the_turn(axes):
    sources = _sources(30)
    flip = torch.ones(2, 2)
    flip[:, [axis - 2 for axis in axes]] = -1
    for turns in (0, 1):
        parameters = replace(_still(), flip=flip, angle=torch.full((2,), 90.0 * turns))
        for read, source in zip(warp(*sources, parameters, 30, 30), sources, strict=True):
            assert torch.equal(read, torch.rot90(source.flip(axes), turns, (2, 3)))


def test_whole_shifts_are_exact_and_mirrored_outside():
    images, targets, weights = _sources(40)
    parameters = replace(_still(), shift=torch.tensor([[3.0, -5.0], [-4.0, 2.0]]))
    read = warp(images, targets, weights, parameters, 30, 20)
    for i, (y, x) in enumerate([(3, -5), (-4, 2)]):
        assert torch.equal(read[0][i], _inner(images[i], 30, y, x))
        assert torch.equal(read[1][i], _inner(targets[i], 20, y, x))
        assert torch.equal(read[2][i], _inner(weights[i], 20, y, x))
    outside = replace(_still(), shift=torch.tensor([[0.0, 9.0]] * 2))
    padded = F.pad(images, (9, 9, 0, 0), mode="reflect")
    assert torch.equal(warp(images, targets, weights, outside, 40, 40)[0], padded[:, :, :, 18:58])


def test_magnification_by_two_makes_a_square_twice_as_wide():
    image = torch.zeros(1, 1, 65, 65)
    image[:, :, 25:40, 25:40] = 1
    read = warp(image, image, image, replace(_still(1), scale=torch.tensor([2.0])), 65, 65)[1]
    assert read.sum() == 29**2  # from -7 to 7 around the centre becomes -14 to 14; 7.5 is read as 8, the even one


def test_angle_turns_counter_clockwise():
    image = torch.zeros(1, 1, 61, 61)
    image[0, 0, 30, 46] = 1  # to the right of the centre
    read = warp(image, image, image, replace(_still(1), angle=torch.tensor([45.0])), 41, 41)[0][0, 0]
    y, x = divmod(int(read.argmax()), 41)
    assert (y - 20, x - 20) == pytest.approx((-16 / math.sqrt(2), 16 / math.sqrt(2)), abs=0.75)


def test_images_and_targets_stay_aligned():
    # An image painted in the colours of its labels must agree with the warped labels wherever no border is near.
    labels = torch.randint(0, 6, (4, 1, 12, 12), generator=_seeded(3)).float()
    labels = F.interpolate(labels, scale_factor=20)
    ranges = Ranges(True, 180.0, (0.8, 1.25), 8.0, 10.0)
    parameters = draw_warp(4, ranges, _seeded(5), CPU)
    image, target, weight = warp(labels, labels, labels, parameters, 160, 120)
    assert torch.equal(_inner(image, 120), weight)
    away = (F.max_pool2d(target, 3, 1, 1) == target) & (-F.max_pool2d(-target, 3, 1, 1) == target)
    assert away.float().mean() > 0.6
    assert ((weight - target).abs()[away] < 1e-3).float().mean() > 0.999  # but for corners between two pixels


def test_elastic_field_is_a_bicubic_interpolation_of_nine_vectors():
    """Against the cubic convolution kernel with a = -0.75, written out, outer vectors repeated beyond the grid."""
    size, elastic = 33, 10.0
    parameters = replace(_still(), vectors=torch.randn(2, 2, 3, 3, generator=_seeded(8)) / 2, elastic=elastic)

    def kernel(t: float) -> float:
        a, t = -0.75, abs(t)
        inner, outer = (a + 2) * t**3 - (a + 3) * t**2 + 1, a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
        return inner if t <= 1 else outer if t < 2 else 0.0

    basis = torch.zeros(size, 3, dtype=torch.float64)
    for i in range(size):
        at = 2 * i / (size - 1)
        for node in range(math.floor(at) - 1, math.floor(at) + 3):
            basis[i, min(max(node, 0), 2)] += kernel(at - node)
    field = torch.einsum("yi,bcij,xj->bcyx", basis, parameters.vectors.double(), basis) * elastic
    assert field.abs().max() < 3 * elastic  # nothing was cut
    moved = sampling_positions(parameters, (size, size), size) - sampling_positions(_still(), (size, size), size)
    torch.testing.assert_close(moved.double(), field, rtol=0, atol=2e-5)


def test_elastic_displacements_have_the_stated_standard_deviation_and_limit():
    parameters = draw_warp(4000, Ranges(elastic=10.0), _seeded(), CPU)
    moved = sampling_positions(parameters, (9, 9), 9) - sampling_positions(_still(1), (9, 9), 9)
    at_nodes = moved[:, :, ::4, ::4]
    assert at_nodes.std(dim=0).sub(10).abs().max() < 0.5
    assert at_nodes.std().item() == pytest.approx(10, abs=0.1)
    assert moved.abs().max() <= 30 + 1e-4


def test_drawn_values_fill_their_ranges():
    parameters = draw_warp(4000, Ranges(True, 30.0, (0.5, 2.0), 8.0, 0.0), _seeded(), CPU)
    assert parameters.flip.mean(0).abs().max() < 0.05
    assert set(parameters.flip.flatten().tolist()) == {-1.0, 1.0}
    assert parameters.angle.abs().max() <= 30
    assert parameters.angle.std().item() == pytest.approx(60 / math.sqrt(12), rel=0.03)
    assert parameters.scale.min() >= 0.5
    assert parameters.scale.max() <= 2
    assert parameters.scale.median().item() == pytest.approx(1, abs=0.06)
    assert parameters.shift.abs().max() <= 8
    assert parameters.shift.std(0).sub(16 / math.sqrt(12)).abs().max() < 0.15


def test_same_seed_same_numbers_whatever_the_global_state():
    ranges = Ranges(True, 180.0, (0.8, 1.2), 5.0, 10.0)
    torch.manual_seed(1)
    first = draw_warp(3, ranges, _seeded(4), CPU)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    second = draw_warp(3, ranges, _seeded(4), CPU)
    other = draw_warp(3, ranges, _seeded(5), CPU)
    for name in ("flip", "angle", "scale", "shift", "vectors"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    assert not torch.equal(first.angle, other.angle)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)  # nothing was drawn from it
    narrow = draw_warp(3, replace(ranges, rotation=0.0), _seeded(4), CPU)
    assert torch.equal(narrow.shift, first.shift)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 70),
    st.floats(0, 180),
    st.floats(0.3, 2),
    st.floats(1, 3),
    st.floats(0, 9),
    st.floats(0, 12),
)
def test_no_sample_falls_outside_the_source(seed, tile, rotation, smallest, more, shift, elastic):
    ranges = Ranges(True, rotation, (smallest, smallest * more), shift, elastic)
    side = source_size(tile, ranges)
    positions = sampling_positions(draw_warp(32, ranges, _seeded(seed), CPU), (side, side), tile)
    assert (side - tile) % 2 == 0
    assert positions.min() >= -STEP
    assert positions.max() <= side - 1 + STEP


@pytest.mark.parametrize(
    ("tile", "ranges", "expected"),
    [
        (256, Ranges(), 256),
        (257, Ranges(flips=True), 257),
        (100, Ranges(scale=(2.0, 3.0)), 100),
        (101, Ranges(rotation=45.0), 143),  # 100 * sqrt(2) = 141.4 from first to last pixel
        (101, Ranges(rotation=180.0), 143),
        (101, Ranges(scale=(0.5, 1.0)), 201),
        (101, Ranges(shift=2.5), 107),
        (101, Ranges(elastic=10.0), 161),
    ],
)
def test_source_size_by_hand(tile, ranges, expected):
    assert source_size(tile, ranges) == expected


@pytest.mark.parametrize("size", [256, 4096])
def test_positions_in_float32_are_within_the_stated_accuracy(size):
    parameters = draw_warp(1, Ranges(True, 180.0, (0.9, 1.1), 8.0, 0.0), _seeded(2), CPU)
    double = replace(
        parameters, **{name: getattr(parameters, name).double() for name in ("flip", "angle", "scale", "shift")}
    )
    error = sampling_positions(parameters, (4096, 4096), size) - sampling_positions(double, (4096, 4096), size)
    assert error.abs().max() < 1e-3


def test_wrong_sizes():
    with pytest.raises(RecipeError, match=r"a target of 21 pixels .* tile of 30.*smaller by an even number of pixels"):
        warp(*_sources(40), _still(), 30, 21)
    with pytest.raises(RecipeError, match=r"a target of 32 pixels .* tile of 30"):
        warp(*_sources(40), _still(), 30, 32)
    with pytest.raises(RecipeError, match=r"tile of 30 pixels .* source of 41 x 41.*size that source_size gives"):
        warp(*_sources(41), _still(), 30, 20)
