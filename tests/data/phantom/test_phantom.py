"""Phantoms: windows equal crops bit for bit, truth is exact, numbers are a function of place."""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unmask.data.folder import read_folder
from unmask.data.formats.images import read_image, write_image
from unmask.data.phantom import Phantom, write_folder
from unmask.data.phantom.noise import Window, drawn, noise, number, smooth_field
from unmask.data.phantom.nuclei import _photographed
from unmask.data.phantom.sites import Lattice, settled, whole_objects
from unmask.data.sample import Sample
from unmask.errors import DataError

KINDS = ("nuclei", "cells", "membranes")
SHAPE = (230, 270)
HUGE = (100_000, 100_000)


@cache
def whole(kind: str, seed: int = 5) -> Sample:
    return Phantom(kind, SHAPE, seed).sample()  # type: ignore[arg-type]


# Windows and the whole


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_window_equals_the_crop_of_the_whole(kind: str, data: st.DataObject) -> None:
    top, left = data.draw(st.integers(0, SHAPE[0] - 1)), data.draw(st.integers(0, SHAPE[1] - 1))
    height = data.draw(st.integers(1, min(SHAPE[0] - top, 70)))
    width = data.draw(st.integers(1, min(SHAPE[1] - left, 70)))
    crop = slice(top, top + height), slice(left, left + width)
    part = Phantom(kind, SHAPE, 5).window(top, left, height, width)  # type: ignore[arg-type]
    np.testing.assert_array_equal(part.image, whole(kind).image[crop])
    np.testing.assert_array_equal(part.objects, whole(kind).objects[crop])
    np.testing.assert_array_equal(part.classes, whole(kind).classes[crop])


@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_a_huge_phantom_agree_where_they_overlap(kind: str) -> None:
    phantom = Phantom(kind, HUGE, 2)  # type: ignore[arg-type]
    one, other = phantom.window(70_000, 99_900, 60, 100), phantom.window(70_020, 99_870, 80, 90)
    np.testing.assert_array_equal(one.image[20:, :60], other.image[:40, 30:])
    np.testing.assert_array_equal(one.objects[20:, :60], other.objects[:40, 30:])
    assert other.objects.max() > 10**6


def test_ids_of_places_far_apart_differ() -> None:
    phantom = Phantom("nuclei", HUGE, 0, density=1.0)
    corners = [phantom.window(y, x, 100, 100).objects for y, x in ((0, 0), (0, 99_900), (99_900, 0), (99_900, 99_900))]
    found = [set(np.unique(corner)) - {0} for corner in corners]
    assert all(found)
    assert sum(len(ids) for ids in found) == len(set.union(*found))
    assert all(corner.dtype == np.int32 and corner.min() == 0 for corner in corners)


def test_the_seed_decides_everything() -> None:
    again = Phantom("nuclei", SHAPE, 5).sample()
    np.testing.assert_array_equal(again.image, whole("nuclei").image)
    other = Phantom("nuclei", SHAPE, 6).sample()
    assert (other.objects != again.objects).mean() > 0.1


# Truth


@pytest.mark.parametrize("kind", KINDS)
def test_the_sample_is_well_formed(kind: str) -> None:
    sample = whole(kind)
    eight_bits = kind == "membranes"
    assert sample.image.shape == (*SHAPE, 1)
    assert sample.image.dtype == (np.uint8 if eight_bits else np.uint16)
    assert sample.image.max() <= (255 if eight_bits else 4095)
    assert sample.objects.dtype == np.int32
    assert sample.classes.dtype == np.uint8
    np.testing.assert_array_equal(sample.classes, sample.objects > 0)
    assert sample.pixel_size == {"nuclei": (0.5, 0.5), "cells": (0.65, 0.65), "membranes": (0.004, 0.004)}[kind]
    assert sample.name == f"{kind}_5"


@pytest.mark.parametrize("kind", KINDS)
def test_every_whole_object_is_one_connected_piece(kind: str) -> None:
    labels = Phantom(kind, (2000, 2000), 1).window(700, 700, 400, 400).objects  # type: ignore[arg-type]
    cut = set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])))
    inner = set(np.unique(labels)) - cut - {0}
    assert len(inner) > 40
    for label in inner:
        assert ndimage.label(labels == label)[1] == 1


def test_nuclei_are_bright_unequal_and_often_touch() -> None:
    sample = Phantom("nuclei", (400, 400), 4).sample()
    image, labels = sample.image[..., 0].astype(float), sample.objects
    ids = np.unique(labels)[1:]
    dark = np.median(image[labels == 0])
    brightness = ndimage.mean(image, labels, ids) - dark
    assert (brightness > 0).all()
    assert np.percentile(brightness, 95) > 3 * np.percentile(brightness, 5)
    touching = (labels[1:] != labels[:-1]) & (labels[1:] > 0) & (labels[:-1] > 0)
    in_contact = np.union1d(labels[1:][touching], labels[:-1][touching])
    assert in_contact.size > 0.4 * ids.size
    inner = np.bincount(labels.ravel())[np.setdiff1d(ids, labels[[0, -1]])]
    assert 14 < np.median(2 * np.sqrt(inner / np.pi)) < 24


def test_membranes_are_dark_and_three_to_six_pixels_wide() -> None:
    sample = whole("membranes")
    image, labels = sample.image[..., 0].astype(float), sample.objects
    for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        assert not ((one != other) & (one > 0) & (other > 0)).any()
    assert image[labels == 0].mean() < image[labels > 0].mean() - 30
    depth = ndimage.distance_transform_edt(labels == 0)
    ridge = depth[(depth == ndimage.maximum_filter(depth, 5)) & (depth > 0)]
    assert 3 <= 2 * np.median(ridge) <= 6


def test_phase_contrast_has_bright_borders_around_dark_cells() -> None:
    sample = Phantom("cells", (400, 400), 1).sample()
    image, labels = sample.image[..., 0].astype(float), sample.objects
    depth = ndimage.distance_transform_edt(labels > 0)
    outside = ndimage.distance_transform_edt(labels == 0)
    halo, interior = image[(outside > 0) & (outside < 4)], image[(depth > 4) & (depth < 9)]
    far = image[outside > 15]
    assert np.median(halo) > np.median(far) > np.median(interior)


@pytest.mark.parametrize("brightness", [0.05, 1.0, 4.0])
def test_shot_noise_of_nuclei_is_as_large_as_its_light(brightness: float) -> None:
    """A Poisson count has the variance of its mean; read noise adds 2 ** 2, the camera's offset is 100."""
    window = Window(3, 0, 0, 300, 300)
    grey = _photographed(window, np.full(window.size, brightness)).astype(float)
    steps = np.diff(grey, axis=1)  # the illumination is all but the same in neighbours
    assert steps.var() / 2 == pytest.approx(grey.mean() - 100 + 4, rel=0.04)


@pytest.mark.parametrize("kind", KINDS)
def test_diameter_and_density_do_what_they_say(kind: str) -> None:
    def median_area(diameter: float) -> float:
        labels = Phantom(kind, (400, 400), 1, diameter=diameter).sample().objects  # type: ignore[arg-type]
        return float(np.median(np.unique(labels[labels > 0], return_counts=True)[1]))

    def count(density: float) -> int:
        return np.unique(Phantom(kind, (400, 400), 1, density=density).sample().objects).size  # type: ignore[arg-type]

    assert median_area(60) > 2.2 * median_area(30)
    assert count(0.8) > 1.5 * count(0.2)


# Numbers as a function of place


def test_drawn_is_the_hash_that_its_description_says() -> None:
    def mixed(bits: int) -> int:
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % 2**64
        return bits ^ (bits >> 31)

    key = int.from_bytes(hashlib.blake2b(b"9/light", digest_size=8).digest(), "little")
    rows, columns = np.array([-3, 0, 99_999]), np.array([7, -1, 123_456])
    expected = [
        (mixed((c * 0xD1B54A32D192ED03 + mixed((r * 0x9E3779B97F4A7C15 + key) % 2**64)) % 2**64) >> 11) * 2.0**-53
        for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    assert drawn(9, "light", rows, columns).tolist() == expected


def test_drawn_is_uniform_and_streams_are_independent() -> None:
    rows, columns = np.arange(-200, 200)[:, None], np.arange(300, 700)[None]
    one, other = drawn(1, "a", rows, columns), drawn(1, "b", rows, columns)
    assert np.histogram(one, 10, (0, 1))[0] == pytest.approx(np.full(10, 16_000), rel=0.04)
    for first, second in ((one, other), (one[1:], one[:-1]), (one[:, 1:], one[:, :-1]), (one, one.T)):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02


def test_noise_is_normal() -> None:
    values = noise(Window(3, -50, 1000, 400, 400), "shot")
    assert values.mean() == pytest.approx(0, abs=0.01)
    assert values.std() == pytest.approx(1, abs=0.01)
    assert (np.abs(values) > 1.959964).mean() == pytest.approx(0.05, abs=0.003)


def test_a_smooth_field_is_smooth_bounded_and_of_unit_variance() -> None:
    field = smooth_field(Window(3, -300, 77, 600, 600), "lamp", 8)
    assert field.std() == pytest.approx(1, abs=0.05)
    assert np.abs(field).max() < 3.62
    assert np.abs(np.diff(field, axis=0)).max() < 3.62 * 2 / 8


@given(y=st.integers(-(10**6), 10**6), x=st.integers(-(10**6), 10**6), scale=st.integers(1, 40))
def test_a_smooth_field_of_a_part_is_the_part_of_the_field(y: int, x: int, scale: int) -> None:
    wide = Window(1, y, x, 30, 25)
    part = Window(1, y + 11, x + 3, 7, 9)
    np.testing.assert_array_equal(smooth_field(part, "f", scale), wide.cut(smooth_field(wide, "f", scale), part))


def test_number_lies_in_its_range() -> None:
    values = [number(seed, "exposure", 2, 5) for seed in range(200)]
    assert 2 <= min(values) < 2.2
    assert 4.8 < max(values) < 5


# Objects


def test_settled_objects_overlap_little() -> None:
    lattice = Lattice((2000, 2000), 22)
    sites = settled(Window(1, 500, 500, 600, 600), lattice, reach=20, diameter=20, spread=0.1, contact=0.9, density=1.0)
    assert (np.diff(sites.ids) > 0).all()
    gaps = np.hypot(np.subtract.outer(sites.y, sites.y), np.subtract.outer(sites.x, sites.x))
    rest = 0.9 * np.add.outer(sites.radius, sites.radius)
    np.fill_diagonal(gaps, np.inf)
    nearest = (gaps / rest).min(axis=1)
    assert np.median(nearest) == pytest.approx(1, abs=0.15)
    assert np.percentile(nearest, 2) > 0.6


def test_whole_objects_keeps_the_largest_piece() -> None:
    labels = np.array(
        [
            [7, 7, 0, 7, 7],
            [0, 7, 0, 7, 7],
            [0, 0, 3, 0, 0],
            [5, 5, 0, 2, 0],
            [0, 0, 5, 2, 5],
        ],
        np.int32,
    )
    expected = np.array(
        [
            [0, 0, 0, 7, 7],
            [0, 0, 0, 7, 7],
            [0, 0, 0, 0, 0],
            [5, 5, 0, 2, 0],
            [0, 0, 0, 2, 0],
        ]
    )
    np.testing.assert_array_equal(whole_objects(labels, 2), expected)


def test_whole_objects_keeps_the_first_of_equal_pieces() -> None:
    np.testing.assert_array_equal(whole_objects(np.array([[4, 0, 4]], np.int32), 1), [[4, 0, 0]])


# Wrong input


def test_errors_say_what_to_give() -> None:
    with pytest.raises(DataError, match=r"no phantom of 'mitochondria'. Choose nuclei, cells, membranes\."):
        Phantom("mitochondria", SHAPE)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"phantom of \(0, 5\) pixels is empty. Give at least \(1, 1\)\."):
        Phantom("nuclei", (0, 5))
    with pytest.raises(DataError, match=r"cells of diameter 3 pixels are too small to be drawn. Give at least 16\."):
        Phantom("cells", SHAPE, diameter=3)
    with pytest.raises(DataError, match=r"nuclei of diameter nan pixels"):
        Phantom("nuclei", SHAPE, diameter=float("nan"))
    with pytest.raises(DataError, match=r"density 1\.5 is no share. Give a number above 0, at most 1\."):
        Phantom("nuclei", SHAPE, density=1.5)
    with pytest.raises(DataError, match=r"10 x 10 pixels at row 225, column 0 does not lie .* Stay within 230 x 270\."):
        Phantom("nuclei", SHAPE).window(225, 0, 10, 10)
    with pytest.raises(DataError, match=r"0 x 10 pixels at row 5, column 0"):
        Phantom("nuclei", SHAPE).window(5, 0, 0, 10)
    with pytest.raises(
        DataError, match=r"more than 2147483647 places for objects. Choose a smaller shape or a larger diameter\."
    ):
        Phantom("nuclei", (10**6, 10**6), diameter=8).window(0, 0, 10, 10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_phantom_of_one_pixel(kind: str) -> None:
    sample = Phantom(kind, (1, 1), 0).sample("dot")  # type: ignore[arg-type]
    assert sample.size == (1, 1)
    assert sample.name == "dot"


# Folders


def test_write_folder_writes_what_read_folder_reads(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", "nuclei", n_train=2, n_test=1, size=120, seed=4)
    write_folder(tmp_path / "b", "nuclei", n_train=2, n_test=1, size=120, seed=4)
    data = read_folder(tmp_path / "a")
    assert data.kind == "objects"
    assert data.splits == {"nuclei_000": "train", "nuclei_001": "train", "nuclei_002": "test"}
    for place, name in enumerate(data.splits):
        sample = data.load(name)
        made = Phantom("nuclei", (120, 120), 4 * 1_000_003 + place).sample()
        np.testing.assert_array_equal(sample.image, made.image)
        np.testing.assert_array_equal(sample.objects > 0, made.objects > 0)
        assert sample.objects.max() == np.unique(made.objects).size - 1
        assert sample.pixel_size == pytest.approx((0.5, 0.5))
        files = [tmp_path / folder / "images" / f"{name}.tif" for folder in "ab"]
        np.testing.assert_array_equal(*(read_image(file).planes[0] for file in files))
    assert read_image(tmp_path / "a/masks/nuclei_000.tif").planes[0].dtype == np.uint16


def test_write_folder_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"is not empty. Remove it, or choose another folder\.") as caught:
        write_folder(tmp_path, "nuclei", 1, 0, size=32, seed=0)
    assert caught.value.file == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_write_image_keeps_channels_and_values(tmp_path: Path) -> None:
    image = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3) - 7
    write_image(tmp_path / "a.tif", image, (0.25, 0.5))
    read = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.planes[0], image)
    assert read.planes[0].dtype == np.int16
    assert read.pixel_size == pytest.approx((0.25, 0.5))
    with pytest.raises(ValueError, match=r"an image is \(h, w, c\), not \(4, 5\)"):
        write_image(tmp_path / "b.tif", image[..., 0])
