"""Survey and plan: numbers by hand, decisions with reasons."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from unmask.data.folder import read_folder
from unmask.data.options import ReadOptions
from unmask.data.phantom import write_folder
from unmask.errors import RecipeError, UnreadableFile
from unmask.recipe import Recipe, keys
from unmask.training.machine import Machine
from unmask.training.plan import plan
from unmask.training.survey import survey

LAPTOP = Machine(cores=2, gpus=0, gpu_memory=0)
MATRICES = Machine(cores=2, gpus=0, gpu_memory=0, bf16=True)
SERVER = Machine(cores=16, gpus=1, gpu_memory=80 * 10**9)
Pair = tuple[np.ndarray, np.ndarray]


def write_pairs(folder: Path, pairs: list[Pair]) -> Path:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number, (image, mask) in enumerate(pairs):
        tifffile.imwrite(folder / "images" / f"{number}.tif", image)
        tifffile.imwrite(folder / "masks" / f"{number}.tif", mask)
    return folder


def squares(*corners: tuple[int, int], side: int, size: int = 64) -> Pair:
    """An image of zeros to 200, and squares of 10 pixels' side numbered 1.. at the corners given."""
    labels = np.zeros((size, size), np.uint16)
    for number, (y, x) in enumerate(corners, start=1):
        labels[y : y + side, x : x + side] = number
    return (labels > 0).astype(np.uint8) * 200, labels


def test_survey_by_hand(tmp_path: Path) -> None:
    # Three squares of 100 pixels, two of them side by side; then one square.
    first = squares((0, 0), (0, 10), (40, 40), side=10)
    second = squares((5, 5), side=10)
    found = survey(read_folder(write_pairs(tmp_path / "data", [first, second]), ReadOptions("objects")), ["0", "1"])
    assert found.images == 2
    assert found.sizes == ((64, 64), (64, 64))
    assert (found.channels, found.grey) == (1, "uint8, 0 to 200")
    assert found.diameters == pytest.approx([np.sqrt(400 / np.pi)] * 4)
    assert found.objects_per_image == 2
    assert found.touching == 0.5
    assert found.frequencies == pytest.approx((1 - 400 / 8192, 400 / 8192))
    assert not found.membranes


def test_small_images_are_padded_and_large_ones_are_not(tmp_path: Path) -> None:
    for size, padding in ((128, "same"), (1200, "valid")):
        data = read_folder(
            write_pairs(tmp_path / str(size), [squares((9, 9), (40, 40), side=12, size=size)] * 2),
            ReadOptions("objects"),
        )
        recipe = plan(data, data.names(), machine=LAPTOP).recipe
        assert recipe.network.padding == padding
        assert "times as much" in recipe.reasons["network.padding"]


def test_objects_decide_the_depth(tmp_path: Path) -> None:
    for side, depth in ((30, 3), (70, 4), (150, 5)):
        data = read_folder(
            write_pairs(tmp_path / str(side), [squares((9, 9), (300, 300), side=side, size=512)] * 2),
            ReadOptions("objects"),
        )
        assert plan(data, data.names(), machine=LAPTOP).recipe.network.depth == depth


def test_tiny_images_are_not_pooled_to_nothing(tmp_path: Path) -> None:
    data = read_folder(write_pairs(tmp_path / "data", [squares((1, 1), side=4, size=16)] * 2), ReadOptions("objects"))
    recipe = plan(data, data.names(), machine=LAPTOP).recipe
    assert (recipe.network.enlarge, recipe.network.depth) == (2, 3)  # the network sees 32 pixels: 4 at its deepest
    assert recipe.schedule.tile == 16


def test_machine_decides_width_batch_and_precision(disc_folder: Path) -> None:
    data = read_folder(disc_folder)
    small, large = (plan(data, data.names(), machine=machine).recipe for machine in (LAPTOP, SERVER))
    assert (small.network.width, small.schedule.precision) == (16, "32-true")
    assert (large.network.width, large.schedule.precision, large.schedule.batch) == (64, "bf16-mixed", 64)
    assert "1 GPU" in large.reasons["network.width"]
    quick = plan(data, data.names(), machine=MATRICES).recipe
    assert (quick.network.width, quick.schedule.precision) == (16, "bf16-mixed")
    assert "matrix units" in quick.reasons["schedule.precision"]


@pytest.mark.parametrize(("kind", "criterion", "seed"), [("nuclei", "ap", 0.7), ("membranes", "v_rand", 0.9)])
def test_membranes_are_recognised(kind: str, criterion: str, seed: float, tmp_path: Path) -> None:
    write_folder(tmp_path / "data", kind, 2, 0, 128, 0)  # type: ignore[arg-type]
    data = read_folder(tmp_path / "data")
    recipe = plan(data, data.names(), machine=LAPTOP).recipe
    assert recipe.schedule.criterion == criterion
    assert recipe.instances.seed_threshold == seed


def test_classes_have_no_ridge(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pairs = [(random.integers(0, 255, (64, 64), np.uint8), random.integers(0, 3, (64, 64), np.uint8)) for _ in range(3)]
    data = read_folder(write_pairs(tmp_path / "data", pairs), ReadOptions("classes"))
    recipe = plan(data, data.names(), machine=LAPTOP).recipe
    assert (recipe.targets.ridge, recipe.targets.border_weight, recipe.schedule.criterion) == (0, 0, "dice")
    assert recipe.data.class_names == ("class_1", "class_2")
    assert len(recipe.targets.class_weights) == 3


def test_class_weights_balance_by_the_square_root(tmp_path: Path) -> None:
    """Cover 400 / 8192: weights proportional to frequency^-.5, mean over pixels 1."""
    data = read_folder(write_pairs(tmp_path / "data", [squares((0, 0), (0, 10), side=10)] * 2), ReadOptions("objects"))
    weights = plan(data, data.names(), machine=LAPTOP).recipe.targets.class_weights
    share = 200 / 4096
    assert weights[1] / weights[0] == pytest.approx(((1 - share) / share) ** 0.5, rel=1e-2)
    assert (1 - share) * weights[0] + share * weights[1] == pytest.approx(1, abs=1e-2)


def test_settings_minutes_and_steps(disc_folder: Path) -> None:
    data = read_folder(disc_folder)
    recipe = plan(data, data.names(), settings=["network.width=5"], minutes=3, machine=LAPTOP).recipe
    assert (recipe.network.width, recipe.schedule.minutes, recipe.schedule.validations) == (5, 3, 2)
    assert recipe.reasons["network.width"] == "you said so"
    recipe = plan(data, data.names(), steps=77, machine=LAPTOP).recipe
    assert (recipe.schedule.steps, recipe.schedule.minutes) == (77, None)
    with pytest.raises(RecipeError, match=r"no value network\.size"):
        plan(data, data.names(), settings=["network.size=5"], machine=LAPTOP)


@pytest.mark.parametrize("setting", ["schedule.steps=77", "schedule.minutes=5"])
def test_time_settings_put_each_other_out_of_force(setting: str, disc_folder: Path) -> None:
    data = read_folder(disc_folder)
    schedule = plan(data, data.names(), settings=[setting], machine=LAPTOP).recipe.schedule
    assert (schedule.minutes, schedule.steps)[setting.startswith("schedule.steps")] == (77 if "77" in setting else 5)
    assert (schedule.minutes is None) == ("steps" in setting)


def test_elastic_never_folds_a_tile(tmp_path: Path) -> None:
    data = read_folder(write_pairs(tmp_path / "data", [squares((2, 2), side=30, size=64)] * 2), ReadOptions("objects"))
    recipe = plan(data, data.names(), machine=LAPTOP).recipe
    assert recipe.schedule.tile == 64
    assert recipe.augment.elastic == pytest.approx(64 / 12, abs=0.05)


def test_every_reason_belongs_to_a_value(disc_folder: Path) -> None:
    data = read_folder(disc_folder)
    recipe = plan(data, data.names(), machine=LAPTOP).recipe
    known = keys(Recipe().model_dump())
    sections = {key.partition(".")[0] for key in known}
    assert set(recipe.reasons) <= {*known, *sections}


def test_paper(disc_folder: Path) -> None:
    data = read_folder(disc_folder)
    recipe = plan(data, data.names(), base="paper", machine=LAPTOP).recipe
    assert recipe.network.model_dump() == {
        "name": "unet",
        "width": 64,
        "depth": 4,
        "norm": "none",
        "dropout": 0.5,
        "padding": "valid",
        "enlarge": 1,
        "reduce": 1,
        "members": 1,
    }
    assert recipe.optimiser.momentum == 0.99
    assert recipe.schedule.batch == 1
    assert recipe.schedule.tile == 52  # the largest of the paper's sizes within 60 pixels


def test_damaged_image_is_found_before_training(make_discs: Callable[[int], Pair], tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "data", [make_discs(seed) for seed in range(3)])
    damaged = folder / "images" / "1.tif"
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    with pytest.raises(UnreadableFile, match=r"1\.tif"):
        plan(read_folder(folder), ["0", "1", "2"], machine=LAPTOP)


def test_frequencies_and_density_are_of_what_is_known(tmp_path: Path) -> None:
    """Two squares in a quarter that is known; of the rest nothing is, nor is the mask's value for it an object."""
    image, labels = squares((0, 0), (16, 16), side=8)
    labels[32:], labels[:, 32:] = 999, 999
    data = read_folder(write_pairs(tmp_path / "data", [(image, labels)] * 2), ReadOptions("objects", ignore="999"))
    found = survey(data, data.names())
    assert found.known == (32 * 32, 32 * 32)
    assert found.frequencies == pytest.approx((1 - 128 / 1024, 128 / 1024))
    assert found.objects_per_image == 2
    recipe = plan(data, data.names(), net="mask-rcnn", machine=LAPTOP).recipe
    # Two objects on 1024 pixels; on the whole image's 4096 a quarter as many would be looked for.
    assert recipe.detections.max_detections == math.ceil(2 * 2e6 / 1024)
    balanced = plan(data, data.names(), machine=LAPTOP).recipe.targets.class_weights
    assert balanced[1] / balanced[0] == pytest.approx(math.sqrt((1024 - 128) / 128), rel=1e-3)


def test_small_objects_are_enlarged(tmp_path: Path) -> None:
    """Three of four objects of 7 pixels' side are 7.9 across; one of 20 sets depth and tile, in pixels of the image."""
    small, large = squares((2, 2), (20, 2), (40, 40), side=7, size=200), squares((99, 99), side=20, size=200)
    data = read_folder(write_pairs(tmp_path / "data", [small, large]), ReadOptions("objects"))
    recipe = plan(data, data.names(), machine=LAPTOP).recipe
    assert (recipe.network.enlarge, recipe.network.reduce, recipe.network.depth) == (2, 1, 3)
    assert recipe.schedule.tile == 64
    assert recipe.schedule.batch == 16  # the pixels that the network sees count
    assert "8 pixels" in recipe.reasons["network.enlarge"]


def test_pieces_of_classes_are_not_enlarged(tmp_path: Path) -> None:
    pair = squares((2, 2), (20, 2), (40, 40), side=7, size=200)
    data = read_folder(write_pairs(tmp_path / "data", [pair] * 2), ReadOptions("classes"))
    assert plan(data, data.names(), machine=LAPTOP).recipe.network.enlarge == 1


def test_huge_objects_are_reduced(tmp_path: Path) -> None:
    """600 pixels' side are 677 across: three times what a pixel of the deepest network sees (219)."""
    pair = squares((9, 9), (9, 700), side=600, size=1400)
    data = read_folder(write_pairs(tmp_path / "data", [pair] * 2), ReadOptions("objects"))
    recipe = plan(data, data.names(), machine=LAPTOP).recipe
    assert (recipe.network.enlarge, recipe.network.reduce, recipe.network.depth) == (1, 4, 5)
    assert recipe.schedule.tile == 1024
