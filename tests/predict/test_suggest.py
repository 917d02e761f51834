"""Suggestions: where crops lie, that they do not overlap and differ, what is left out, what is written."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.data.folder import read_images
from unmask.data.sample import Sample
from unmask.errors import PredictionError
from unmask.instances.objects import Objects
from unmask.model import Model
from unmask.predict.disagreement import Copies
from unmask.predict.prediction import Prediction
from unmask.predict.predictor import Predictor
from unmask.predict.suggest import Crop, choose, corners_of, crops_of, suggest
from unmask.predict.suggest_files import write_suggestions
from unmask.predict.trouble import Look, Trouble
from unmask.recipe import Recipe


def a_look(amount: np.ndarray, of: np.ndarray | None = None, steady: float = 0.0) -> Look:
    """What a model might say of an empty image with trouble in places."""
    nothing = np.zeros(amount.shape, np.int32)
    objects = Objects(nothing, np.zeros(0, np.uint8), np.zeros(0, np.float32))
    sample = Sample("a", np.zeros((*amount.shape, 1), np.uint8))
    trouble = Trouble(
        amount.astype(np.float32), np.ones(amount.shape, np.float32) if of is None else of.astype(np.float32), steady
    )
    every = {"instability": trouble, "between": trouble, "total": trouble}
    prediction = Prediction(sample, objects, Recipe(), constants=((0.0, 1.0),))
    return Look(prediction, np.zeros(amount.shape, np.float32), every)  # type: ignore[arg-type]


def score_of(found: Look, crop: Crop) -> float:
    """By summing up the crop itself."""
    trouble = found.trouble["between"]
    return trouble.amount[crop.window].sum() / (trouble.of[crop.window].sum() + trouble.steady)


@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.integers(1, 40),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=2),
)
def test_crops_lie_inside_and_apart(
    seed: int, size: tuple[int, int], side: int, most: int, taken: list[tuple[int, int]]
) -> None:
    random = np.random.default_rng(seed)
    of = random.random(size)
    found = a_look(of * random.random(size), of, steady=2)
    crops = crops_of(found, side, "between", most, taken)
    assert len(crops) <= most
    assert crops or taken
    height, width = (min(side, length) for length in size)
    seen = np.zeros(size, int)
    for y, x in taken:
        seen[y : y + height, x : x + width] += 1
    before = seen.max(initial=0)
    for crop in crops:
        assert (crop.height, crop.width) == (height, width)
        assert seen[crop.window].shape == (height, width)  # nothing of it is outside
        assert not seen[crop.window].any()
        seen[crop.window] += 1
        assert crop.score == pytest.approx(score_of(found, crop), rel=1e-5, abs=1e-6)
    assert seen.max(initial=0) <= max(1, before)
    assert [crop.score for crop in crops] == sorted((crop.score for crop in crops), reverse=True)


def test_the_worst_place_comes_first() -> None:
    """Trouble at (40, 8) and half as much at (0, 48): crops of 16 on a grid of 2 hold all of each."""
    amount = np.zeros((64, 64))
    amount[40:48, 8:16], amount[0:8, 48:56] = 1, 0.5
    first, second = crops_of(a_look(amount), 16, "between", 2)
    assert (first.score, second.score) == pytest.approx((64 / 256, 32 / 256))
    assert 32 <= first.y <= 40
    assert 0 <= first.x <= 8
    assert (second.y, 40 <= second.x <= 48) == (0, True)


def test_one_speck_is_no_crop_full_of_trouble() -> None:
    """One unstable object of one: 1 / (1 + 5); six of ten: 6 / (10 + 5)."""
    amount, of = np.zeros((16, 48)), np.zeros((16, 48))
    amount[0, 0] = of[0, 0] = 1
    amount[0, 40], of[0, 40] = 6, 10
    best, other = crops_of(a_look(amount, of, steady=5), 16, "instability", 2)
    assert best.x > 0
    assert (best.score, other.score) == pytest.approx((6 / 15, 1 / 6))


def crop(score: float, *features: float) -> Crop:
    return Crop(f"a{score}", 0, 0, 8, 8, score, "", features)


def test_near_duplicates_are_not_chosen() -> None:
    """The second best looks just like the best; the two others do not."""
    crops = [crop(0.5, 9.0, 1.0), crop(1.0, 0.0, 0.0), crop(0.99, 0.01, 0.0), crop(0.4, 3.0, 9.0)]
    assert [one.score for one in choose(crops, 3)] == [1.0, 0.5, 0.4]
    assert {one.score for one in choose(crops, 9)} == {1.0, 0.99, 0.5, 0.4}
    assert choose([], 3) == []


def test_score_decides_between_equally_far_ones() -> None:
    crops = [crop(1.0, 0.0), crop(0.2, 1.0), crop(0.8, -1.0), crop(0.9, 0.0)]
    assert [one.score for one in choose(crops, 2)] == [1.0, 0.8]


def test_crops_that_were_annotated_before() -> None:
    names = {"plate_0_64", "plate_128_0", "plate_1_2_3", "other_5_5", "plate_x_1", "plate"}
    assert corners_of("plate", names) == [(0, 64), (128, 0)]
    assert corners_of("plate_1", names) == [(2, 3)]


@pytest.fixture(scope="module")
def copies(disc_run: Path) -> Copies:
    return Copies(Predictor(Model.load(disc_run), "cpu"))


def test_what_is_annotated_is_left_out(copies: Copies, disc_folder: Path) -> None:
    images = read_images([disc_folder / "images"])
    found = suggest(copies, images, 20, 32, annotated={"disc0", "disc1", "disc2", "disc3", "disc4_0_0"})
    assert found.left_out == ("disc0", "disc1", "disc2", "disc3")
    assert {crop.image for crop in found.crops} == {"disc4", "disc5"}
    assert all(crop.y >= 32 or crop.x >= 32 for crop in found.crops if crop.image == "disc4")
    with pytest.raises(PredictionError, match=r"all 6 images were annotated for this model\. Give images that"):
        suggest(copies, images, annotated=set(images.names()))


def test_not_all_crops_are_of_one_image(copies: Copies, disc_folder: Path) -> None:
    """Three of six images: an even share is one, so at most two of each."""
    found = suggest(copies, read_images([disc_folder / "images"]), 3, 16, "total")
    names = [crop.image for crop in found.crops]
    assert len(names) == 3
    assert max(names.count(name) for name in names) <= 2


@pytest.mark.parametrize(("count", "size", "option"), [(0, 64, "--crops 0"), (3, 0, "--size 0"), (-1, 64, "--crops")])
def test_nothing_cannot_be_suggested(copies: Copies, disc_folder: Path, count: int, size: int, option: str) -> None:
    with pytest.raises(PredictionError, match=rf"{option}.* leaves nothing to annotate\. Give at least 1"):
        suggest(copies, read_images([disc_folder / "images"]), count, size)


def test_a_damaged_image_costs_nothing_else(copies: Copies, make_discs, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for seed in range(3):
        tifffile.imwrite(tmp_path / f"d{seed}.tif", make_discs(seed)[0])
    images = read_images([tmp_path])
    (tmp_path / "d1.tif").write_bytes((tmp_path / "d1.tif").read_bytes()[:600])
    found = suggest(copies, images, 4, 64)
    assert [error.file for error in found.failed] == [tmp_path / "d1.tif"]
    assert {crop.image for crop in found.crops} == {"d0", "d2"}


def test_too_large_an_image_is_named(copies: Copies, disc_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unmask.predict.suggest.is_large", lambda predictor, entry: entry.name == "disc1")
    (error,) = suggest(copies, read_images([disc_folder / "images"]), 2, 64).failed
    assert str(error).endswith("disc1.tif: is too large for the memory to be looked at as a whole. Cut it into parts.")


def test_crops_are_the_image_and_drafts_its_prediction(copies: Copies, make_discs, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    image = make_discs(1)[0].astype(np.uint16) * 200
    tifffile.imwrite(tmp_path / "a.tif", image, resolution=(2e4, 2e4), resolutionunit="CENTIMETER")
    images = read_images([tmp_path / "a.tif"])
    found = suggest(copies, images, 2, 32)
    cuts = write_suggestions(copies, images, found.crops, tmp_path / "out")
    with (tmp_path / "out" / "suggestions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["rank"]), int(row["y"]), int(row["x"])) for row in rows] == [
        (rank, crop.y, crop.x) for rank, crop in enumerate(found.crops, start=1)
    ]
    whole = Predictor(copies.predictor.model, "cpu", tta=8).predict(images.load("a")).labels
    for row, cut in zip(rows, cuts, strict=True):
        name = f"a_{row['y']}_{row['x']}.tif"
        assert row["file"] == f"crops/{name}"
        written = tifffile.imread(tmp_path / "out" / "crops" / name)
        assert written.dtype == np.uint16
        assert np.array_equal(written, image[cut.crop.window])
        draft = tifffile.imread(tmp_path / "out" / "draft" / name)
        assert np.array_equal(draft > 0, whole[cut.crop.window] > 0)
        assert np.unique(draft).tolist() == list(range(draft.max() + 1))  # numbered anew
        with tifffile.TiffFile(tmp_path / "out" / "crops" / name) as file:
            assert file.pages[0].tags["XResolution"].value[0] / file.pages[0].tags["XResolution"].value[1] == 2e4
    pairs = read_images([tmp_path / "out" / "crops"])
    assert set(pairs.names()) == {crop.name for crop in found.crops}


def test_drafts_of_class_maps_have_the_values_of_the_masks(copies: Copies, disc_folder: Path, tmp_path: Path) -> None:
    model = copies.predictor.model
    data = model.recipe.data.model_copy(update={"kind": "classes", "class_values": (7,)})
    classes = Copies(Predictor(replace(model, recipe=model.recipe.model_copy(update={"data": data})), "cpu"))
    images = read_images([disc_folder / "images" / "disc2.tif"])
    found = suggest(classes, images, 1, 40)
    write_suggestions(classes, images, found.crops, tmp_path)
    (draft,) = (tifffile.imread(path) for path in (tmp_path / "draft").iterdir())
    assert np.unique(draft).tolist() == [0, 7]
    assert found.crops[0].why.endswith("% of the foreground changes class")
    assert 0 < found.crops[0].score < 1
