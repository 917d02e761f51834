from pathlib import Path

import numpy as np
from skimage.draw import disk

from unmask.check.finding import Sight
from unmask.check.objects import object_sights, small_holes
from unmask.data.entry import MaskFile
from unmask.data.folder import read_folder
from unmask.data.masks.read import read_mask
from unmask.data.sample import Sample
from unmask.data.shapes.annotations import layered
from unmask.geometry.labels import relabel

FIELD_OF_VIEW = 60


def look(raw: np.ndarray, *, ids: bool = True, ignore: np.ndarray | None = None) -> dict[str, Sight]:
    """Sights of a label image, or of one whose connected regions are the objects."""
    objects = relabel(raw)
    sample = Sample("a", np.zeros((*raw.shape, 1), np.uint8), objects=objects, file=Path("a.tif"), ignore=ignore)
    return {sight.code: sight for sight in object_sights(sample, raw if ids else None, FIELD_OF_VIEW)}


def discs(*places: tuple[int, int, int, int]) -> np.ndarray:
    """A uint16 label image of 100 x 100 pixels; each disc is row, column, radius, id."""
    raw = np.zeros((100, 100), np.uint16)
    for row, column, radius, label in places:
        raw[disk((row, column), radius, shape=raw.shape)] = label
    return raw


CLEAN = ((20, 20, 9, 5), (60, 30, 8, 7), (30, 70, 10, 900))


def test_sound_objects_are_no_finding() -> None:
    raw = discs(*CLEAN)
    raw[95:, 90:] = 11  # cut off by the image's edge
    raw[0, 50:52] = 12
    assert look(raw) == {}
    assert look(raw, ids=False) == {}


def test_an_object_in_pieces() -> None:
    raw = discs(*CLEAN)
    raw[29:31, 60:81] = 0  # cut through the middle of id 900
    found = look(raw)
    assert set(found) == {"pieces"}
    assert found["pieces"].amount == 1
    assert found["pieces"].detail == "id 900 at row 31, column 61: pieces of 143 and 124 pixels"


def test_two_objects_of_one_id() -> None:
    raw = discs(*CLEAN, (80, 80, 8, 7))
    found = look(raw)
    assert set(found) == {"two-objects"}
    assert found["two-objects"].detail == "id 7 at row 53, column 27: pieces of 193 and 193 pixels"
    assert look(raw, ids=False) == {}  # shapes may have several parts; regions have one


def test_a_near_or_small_piece_is_no_object_of_its_own() -> None:
    assert set(look(discs((30, 30, 8, 3), (30, 50, 8, 3)))) == {"pieces"}  # a gap of 4 pixels
    assert set(look(discs((30, 30, 12, 3), (80, 80, 5, 3)))) == {"pieces"}  # a sixth of the area


def test_pieces_at_the_edge_may_be_joined_outside() -> None:
    raw = np.zeros((50, 50), np.uint16)
    raw[:12, 10:20], raw[:12, 24:34] = 4, 4
    assert look(raw) == {}
    raw[0] = 0
    assert set(look(raw)) == {"pieces"}


def test_crumbs_beside_an_object_and_alone() -> None:
    raw = discs(*CLEAN)
    raw[80, 80] = 5
    raw[85, 60:63] = 33
    found = look(raw)
    assert set(found) == {"crumbs"}
    assert found["crumbs"].amount == 2
    assert found["crumbs"].detail == "id 5 at row 80, column 80: 1 pixel"
    alone = look(raw, ids=False)["crumbs"]  # an extra part of a shape is meant
    assert (alone.amount, alone.detail) == (1, "row 85, column 60: 3 pixels")


def test_small_holes() -> None:
    raw = discs(*CLEAN)
    raw[30, 70:73] = 0
    raw[20, 20] = 0
    found = look(raw)
    assert set(found) == {"holes"}
    assert (found["holes"].amount, found["holes"].detail) == (2, "id 900 at row 30, column 69: 3 pixels")
    unknown = np.zeros(raw.shape, bool)
    unknown[30, 71] = True
    assert look(raw, ignore=unknown)["holes"].amount == 1


def test_rings_nets_and_what_is_as_large_as_other_objects_are_no_holes() -> None:
    ring = discs((50, 50, 20, 1))
    ring[disk((50, 50), 8)] = 0
    assert look(ring) == {}
    net = np.ones((100, 100), np.uint16)
    for row in range(2, 90, 10):
        for column in range(2, 90, 10):
            net[row : row + 8, column : column + 8] = 0  # each a hundredth of the net
    assert "holes" not in look(net)
    organelle = discs((50, 50, 29, 1), (10, 10, 6, 2), (10, 90, 6, 3))
    organelle[disk((50, 50), 4)] = 0  # 2 % of its cell, half of other objects
    assert look(organelle) == {}


def test_small_holes_can_be_filled() -> None:
    raw = discs(*CLEAN)
    raw[disk((60, 30), 5)] = 0  # a ring
    raw[30, 70:73] = 0
    labels = raw.astype(np.int32)
    assert np.argwhere(small_holes(labels, None).owners()).tolist() == [[30, 70], [30, 71], [30, 72]]
    assert set(small_holes(labels, None).owners()[30, 70:73]) == {900}
    assert small_holes(np.zeros((5, 5), np.int32), None).area.size == 0


def test_tiny_objects() -> None:
    raw = discs(*CLEAN)
    raw[80:82, 80:83] = 21
    raw[90:93, 20:23] = 22
    found = look(raw)
    assert set(found) == {"tiny"}
    assert (found["tiny"].amount, found["tiny"].detail) == (2, "id 21 at row 80, column 80: 2.8 pixels across")
    raw[90:94, 20:24] = 22  # 4.5 pixels across
    assert look(raw)["tiny"].amount == 1


def test_large_objects_are_those_that_are_wide() -> None:
    raw = np.zeros((200, 400), np.uint16)
    raw[disk((100, 100), 40)] = 3
    found = look(raw)
    assert found["large"].detail == "id 3 at row 61, column 92: 80 pixels across"
    long = np.zeros((200, 400), np.uint16)
    long[50:90, 20:380] = 3  # 135 pixels across by its area, but its border is always in sight
    assert look(long) == {}
    assert set(look(np.ones((200, 400), np.uint16))) == {"large"}
    corner = np.zeros((200, 400), np.uint16)
    corner[:40, :] = 1  # goes on above
    assert set(look(corner)) == {"large"}


def test_empty_images() -> None:
    assert set(look(np.zeros((20, 20), np.uint16))) == {"empty"}
    assert look(np.zeros((20, 20), np.uint16), ignore=np.ones((20, 20), bool)) == {}
    assert object_sights(Sample("a", np.zeros((9, 9, 1), np.uint8)), None, FIELD_OF_VIEW) == []


def test_every_layer_is_looked_at() -> None:
    whole = np.zeros((60, 60), bool)
    whole[5:55, 5:55] = True
    upper = whole.copy()
    upper[8:12, 8:12] = False  # a hole, under an object of the other layer
    lower = np.zeros_like(whole)
    lower[7:20, 7:20] = True
    holed = np.zeros_like(whole)
    holed[30:50, 30:50] = True
    holed[40, 40] = False
    parts = [(mask, (slice(0, 60), slice(0, 60))) for mask in (upper, lower, holed)]
    found = layered(parts, (1, 1, 1), (60, 60))
    assert found.layers is not None
    image = np.zeros((60, 60, 1), np.uint8)
    sample = Sample("a", image, objects=found.objects, layers=found.layers)
    assert [(sight.code, sight.amount) for sight in object_sights(sample, None, 400)] == []
    upper[52, 52] = False
    found = layered(parts, (1, 1, 1), (60, 60))
    sample = Sample("a", image, objects=found.objects, layers=found.layers)
    (sight,) = object_sights(sample, None, 400)
    assert (sight.code, sight.detail) == ("holes", "row 52, column 51: 1 pixel")


def test_flaws_of_real_annotation(shared_data: Path) -> None:
    """Looked at: cells of this simulated time lapse fall to pieces where they leave the focal plane."""
    dataset = read_folder(shared_data / "ctc_fluo_n2dh_sim")
    flaws = {"01_t000": set(), "01_t052": {"pieces", "crumbs"}, "01_t023": {"pieces"}, "01_t018": {"holes"}}
    for name, codes in flaws.items():
        source = dataset.entry(name).source
        assert isinstance(source, MaskFile)
        sights = object_sights(dataset.load(name), read_mask(source.file, source.page or 0)[0], 185)
        assert {sight.code for sight in sights} == codes, name
