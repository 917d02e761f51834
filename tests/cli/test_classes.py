"""From masks to scores by the commands: channels in files of their own, classes in colours, names of classes."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unmask.model import Model

PALETTE = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
CLASS_DICT = "name,r,g,b\nVoid,9,9,9\napple,255,0,0\npear,0,255,0\nstrawberry,0,0,255\n"
FRUIT = ["apple", "pear", "strawberry"]


@pytest.fixture
def typed(unmask_here):  # type: ignore[no-untyped-def]
    """What the command prints; it must not fail."""

    def run(*arguments: object) -> str:
        code, out, err = unmask_here(*arguments)
        assert not code, err
        return str(out)

    return run


def fruit(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An RGB picture of squares, red, green and blue, and their classes."""
    random = np.random.default_rng(seed)
    classes = np.zeros((48, 64), np.uint8)
    for index in range(12):
        top, left = 4 + 15 * (index // 4), 3 + 15 * (index % 4)
        classes[top : top + 10, left : left + 10] = 1 + (index + seed) % 3
    return (PALETTE[classes] // 2 + random.integers(20, 60, (48, 64, 3))).astype(np.uint8), classes


def road(typed, data: Path, small: list[str], steps: int = 5) -> tuple[Path, Path, dict]:  # type: ignore[no-untyped-def, type-arg]
    """Trains, predicts and scores; the run, the predictions and the scores."""
    run, found = data.with_name("run"), data.with_name("found")
    typed("train", data, "--out", run, "--steps", steps, "--accelerator", "cpu", *(f"--set={one}" for one in small))
    typed("predict", run, data, "--out", found, "--save", "labels,table,coco,probabilities")
    return run, found, json.loads(typed("evaluate", found, data, "--json"))


def test_channel_files(typed, small: list[str], disc_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "data"
    (data / "masks").mkdir(parents=True)
    (data / "images").mkdir()
    for path in sorted((disc_folder / "images").iterdir()):
        image = tifffile.imread(path)
        tifffile.imwrite(data / "images" / f"{path.stem}_GFP.tif", image)
        tifffile.imwrite(data / "images" / f"{path.stem}_DAPI.tif", 255 - image)
        tifffile.imwrite(data / "masks" / path.name, tifffile.imread(disc_folder / "masks" / path.name))
    run, found, scores = road(typed, data, small)
    assert Model.load(run).recipe.data.channels == 2
    assert scores["images"] == 6
    assert {path.stem for path in (found / "labels").iterdir()} == {f"disc{number}" for number in range(6)}
    columns = csv.DictReader((found / "objects.csv").read_text().splitlines()).fieldnames
    assert {"intensity_mean_1", "intensity_mean_2"} <= set(columns or ())
    summary = json.loads((found / "summary.json").read_text())
    # The same from the files themselves.
    typed("predict", run, *sorted((data / "images").iterdir()), "--out", tmp_path / "again", "--save", "labels")
    for image in summary["images"]:
        labels = [tifffile.imread(folder / "labels" / f"{image['name']}.tif") for folder in (found, tmp_path / "again")]
        np.testing.assert_array_equal(*labels)


def test_classes_in_colours(typed, small: list[str], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Four output channels for three fruit and the background; names in tables, COCO files and scores."""
    data = tmp_path / "data"
    for split, seeds in {"train": range(3), "val": range(3, 4)}.items():
        for part in ("images", "masks"):
            (data / split / part).mkdir(parents=True)
        for seed in seeds:
            image, classes = fruit(seed)
            Image.fromarray(image).save(data / split / "images" / f"f{seed}.png")
            Image.fromarray(PALETTE[classes]).save(data / split / "masks" / f"f{seed}.png")
    (data / "class_dict.csv").write_text(CLASS_DICT)
    run, found, scores = road(typed, data, small, steps=40)
    model = Model.load(run)
    assert model.recipe.data.class_names == tuple(FRUIT)
    assert tifffile.imread(found / "probabilities" / "f0.tif").shape == (4, 48, 64)
    assert json.loads((run / "split.json").read_text())["val"] == ["f3"]
    # Labels are 1, 2, 3 and are scored against the colours, each with its own class.
    true = np.stack([fruit(seed)[1] for seed in range(4)])
    labels = np.stack([tifffile.imread(found / "labels" / f"f{seed}.tif") for seed in range(4)])
    assert set(np.unique(labels)) <= {0, 1, 2, 3}
    for index, name in enumerate(FRUIT, start=1):
        both = ((labels == index) & (true == index)).sum()
        expected = 2 * both / ((labels == index).sum() + (true == index).sum())
        assert scores["semantic"]["dice"][name] == pytest.approx(expected)
    assert sum(scores["semantic"]["dice"].values()) > 0.5
    coco = json.loads((found / "coco.json").read_text())
    assert [one["name"] for one in coco["categories"]] == FRUIT
    rows = list(csv.DictReader((found / "objects.csv").read_text().splitlines()))
    assert {row["class"] for row in rows} <= set(FRUIT)
    assert len(rows) == len(coco["annotations"]) > 0


def test_other_tools_can_be_scored_against_colours(typed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """As colours, and as 1, 2, 3 in the order of the palette."""
    for part in ("truth/images", "truth/masks", "colours", "numbers"):
        (tmp_path / part).mkdir(parents=True)
    for seed in range(2):
        image, classes = fruit(seed)
        Image.fromarray(image).save(tmp_path / "truth/images" / f"f{seed}.png")
        for part in ("truth/masks", "colours"):
            Image.fromarray(PALETTE[classes]).save(tmp_path / part / f"f{seed}.png")
        tifffile.imwrite(tmp_path / "numbers" / f"f{seed}.tif", classes)
    (tmp_path / "truth" / "class_dict.csv").write_text(CLASS_DICT)
    folders = [tmp_path / part for part in ("colours", "numbers", "truth")]
    scores = json.loads(typed("evaluate", *folders, "--json"))
    for name in ("colours", "numbers"):
        assert scores[name]["semantic"]["iou"] == dict.fromkeys(FRUIT, 1.0)
    ignored = json.loads(typed("evaluate", folders[0], folders[2], "--ignore", "pear", "--json"))
    assert ignored["semantic"]["iou"] == {"apple": 1.0, "strawberry": 1.0}
