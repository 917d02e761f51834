"""Prediction jobs: what they write, that they resume, and what they refuse."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from faster_coco_eval import mask as coco_masks
from roifile import roiread
from skimage.io import imread

from unmask.data.folder import read_folder, read_images
from unmask.data.formats.images import write_image
from unmask.errors import PredictionError
from unmask.instances.objects import Objects
from unmask.metrics.folders import evaluate_folders
from unmask.predict.disagreement import disagreement
from unmask.predict.job import SAVES, predict_job
from unmask.predict.prediction import Prediction
from unmask.predict.predictor import Predictor, load


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


class Overlapping(Predictor):
    """Finds two objects that overlap in every image, and warns."""

    def predict(self, *arguments: Any) -> Prediction:
        """What the U-Net predicts, with other objects."""
        found = super().predict(*arguments)
        layers = np.zeros((2, *found.labels.shape), np.int32)
        layers[0, 10:30, 10:30], layers[1, 20:40, 20:40] = 1, 2
        labels = np.where(layers[0] > 0, layers[0], layers[1]).astype(np.int32)
        scores = np.array([0.9, 0.8], np.float32)
        objects = Objects(labels, np.ones(2, np.uint8), scores, layers=layers if self.overlaps else None)
        return replace(found, objects=objects, warnings=("there may be more",))


@pytest.fixture(scope="module")
def predictor(disc_run: Path) -> Predictor:
    return load(disc_run, device="cpu")


def test_writes_what_was_asked_for(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    done = predict_job(predictor, read_images([disc_folder]), tmp_path, SAVES)
    names = [f"disc{i}" for i in range(6)]
    assert [image.name for image in done] == names
    assert len(read_json(tmp_path / "coco.json")["images"]) == 6
    folders = [
        ("labels", "tif"),
        ("probabilities", "tif"),
        ("overlays", "png"),
        ("rois", "zip"),
        ("geojson", "geojson"),
    ]
    for folder, ending in folders:
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == [f"{name}.{ending}" for name in names]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["model"] == predictor.model.fingerprint
    assert [image["objects"] for image in summary["images"]] == [image.objects for image in done]
    rows = read_rows(tmp_path / "objects.csv")
    for image in done:
        labels = tifffile.imread(tmp_path / "labels" / f"{image.name}.tif")
        assert labels.dtype == np.uint16
        assert labels.max() == image.objects
        areas = [int(row["area"]) for row in rows if row["image"] == image.name]
        assert areas == np.bincount(labels.ravel())[1:].tolist()
    probabilities = tifffile.imread(tmp_path / "probabilities" / "disc0.tif")
    assert probabilities.shape == (2, 72, 60)
    assert np.allclose(probabilities.sum(axis=0), 1, atol=1e-5)
    assert imread(tmp_path / "overlays" / "disc0.png").shape[2] == 3


def test_finished_images_are_not_done_again(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    images = read_images([disc_folder])
    predict_job(predictor, images.subset(["disc0", "disc3"]), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "labels").iterdir()}
    done = predict_job(predictor, images, tmp_path)
    assert [image.name for image in done if image.resumed] == ["disc0", "disc3"]
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in before.items())
    rows = read_rows(tmp_path / "objects.csv")
    assert {row["image"] for row in rows} == {f"disc{i}" for i in range(6)}


def test_coco_files_hold_the_label_images(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    done = predict_job(predictor, read_images([disc_folder]), tmp_path, ["labels", "coco"])
    document, drawn = (read_json(tmp_path / f"{name}.json") for name in ("coco", "coco_polygons"))
    assert [(one["name"], one["file_name"]) for one in document["images"]] == [
        (f"disc{number}", f"disc{number}.tif") for number in range(6)
    ]
    assert len(document["annotations"]) == len(drawn["annotations"]) == sum(image.objects for image in done)
    for number, image in enumerate(done, start=1):
        labels = tifffile.imread(tmp_path / "labels" / f"{image.name}.tif")
        found = [one["segmentation"] for one in document["annotations"] if one["image_id"] == number]
        painted = sum(label * coco_masks.decode(one).astype(int) for label, one in enumerate(found, start=1))
        assert np.array_equal(painted, labels)


def test_rois_and_geojson_hold_the_label_images(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    """Beside their images they are data sets of the very label images; what is there is not made again."""
    images = read_images([disc_folder])
    (tmp_path / "data").mkdir()
    for kind, ending in (("rois", "zip"), ("geojson", "geojson")):
        done = predict_job(predictor, images, tmp_path / "out", ["labels", kind])
        assert [image.saved[kind] for image in done] == [[f"{kind}/{image.name}.{ending}"] for image in done]
        shutil.copytree(tmp_path / "out" / kind, tmp_path / "data" / kind)
        shutil.copytree(disc_folder / "images", tmp_path / "data" / kind, dirs_exist_ok=True)
        found = read_folder(tmp_path / "data" / kind)
        assert (found.layout, found.class_names, len(found)) == (kind, ("object",), 6)
        for image in done:
            labels = tifffile.imread(tmp_path / "out" / "labels" / f"{image.name}.tif")
            assert np.array_equal(found.load(image.name).objects, labels)
    (tmp_path / "out" / "rois" / "disc2.zip").unlink()
    again = predict_job(predictor, images, tmp_path / "out", ["rois", "geojson"])
    assert [image.name for image in again if not image.resumed] == ["disc2"]
    saved = {one["name"]: set(one["saved"]) for one in read_json(tmp_path / "out" / "summary.json")["images"]}
    assert all({"labels", "rois", "geojson"} <= kinds for kinds in saved.values())


def test_whole_objects_as_outlines(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    images = read_images([disc_folder]).subset(["disc0"])
    predict_job(Overlapping(predictor.model, "cpu", overlaps=True), images, tmp_path, ["rois", "geojson"])
    features = read_json(tmp_path / "geojson" / "disc0.geojson")["features"]
    assert [one["properties"]["measurements"]["area"] for one in features] == [400, 400]
    boxes = [(roi.left, roi.top, roi.right, roi.bottom) for roi in roiread(tmp_path / "rois" / "disc0.zip")]
    assert boxes == [(10, 10, 30, 30), (20, 20, 40, 40)]


def test_evaluate_reads_scores_of_either_file(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    """From objects.csv and from coco.json come the same scores; coco.json comes later, and the table stays whole."""
    images = read_images([disc_folder])
    predict_job(predictor, images, tmp_path / "out", ["labels", "table"])
    (by_table,) = evaluate_folders([tmp_path / "out"], disc_folder).values()
    table = (tmp_path / "out" / "objects.csv").read_text()
    predict_job(predictor, images, tmp_path / "out", ["coco"])
    assert (tmp_path / "out" / "objects.csv").read_text() == table
    (tmp_path / "out" / "objects.csv").unlink()
    (by_document,) = evaluate_folders([tmp_path / "out"], disc_folder).values()
    assert by_table.coco == by_document.coco
    assert by_table.coco["max_detections"] == 100
    assert 0.2 < by_table.coco["mask"]["ap50"] <= 1  # type: ignore[index,operator]


def test_files_of_all_images_say_nothing_of_what_has_changed(
    predictor: Predictor, disc_folder: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / f"disc{number}.tif" for number in range(2)]
    for path in paths:
        path.write_bytes((disc_folder / "images" / path.name).read_bytes())
    predict_job(predictor, read_images(paths), tmp_path / "out", ["labels", "table", "coco"])
    os.utime(paths[0], ns=(1, 1))
    predict_job(predictor, read_images(paths), tmp_path / "out", ["labels"])
    assert [one["name"] for one in read_json(tmp_path / "out" / "coco.json")["images"]] == ["disc1"]
    assert {row["image"] for row in read_rows(tmp_path / "out" / "objects.csv")} == {"disc1"}


def test_what_was_saved_before_stays_known(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    """Asked for more, and then for what was there first: nothing is done a third time."""
    images = read_images([disc_folder]).subset(["disc0"])
    predict_job(predictor, images, tmp_path, ["labels", "table"])
    assert not predict_job(predictor, images, tmp_path, ["coco"])[0].resumed
    (done,) = predict_job(predictor, images, tmp_path, ["labels", "table", "coco"])
    assert done.resumed
    assert done.saved == {
        "labels": ["labels/disc0.tif"],
        "table": [".records/tables/disc0/00000.npz"],
        "coco": [".records/coco/disc0.json"],
    }
    (tmp_path / ".records" / "coco" / "disc0.json").unlink()
    assert predict_job(predictor, images, tmp_path, ["labels"])[0].resumed
    assert not predict_job(predictor, images, tmp_path, ["coco"])[0].resumed


def test_whole_objects_and_warnings(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    images = read_images([disc_folder]).subset(["disc0"])
    overlapping = Overlapping(predictor.model, "cpu", overlaps=True)
    (done,) = predict_job(overlapping, images, tmp_path, ["labels", "table", "coco"])
    assert done.warnings == ("there may be more",)
    assert read_json(tmp_path / "summary.json")["images"][0]["warnings"] == ["there may be more"]
    assert read_json(tmp_path / "summary.json")["kind"] == "objects"
    with tifffile.TiffFile(tmp_path / "layers" / "disc0.tif") as file:
        assert [(page.dtype, page.shape) for page in file.pages] == [(np.int32, (72, 60))] * 2
        assert [np.count_nonzero(page.asarray()) for page in file.pages] == [400, 400]
    assert [one["area"] for one in read_json(tmp_path / "coco.json")["annotations"]] == [400, 400]
    assert [int(row["area"]) for row in read_rows(tmp_path / "objects.csv")] == [400, 400]
    (again,) = predict_job(overlapping, images, tmp_path, ["labels"])
    assert again.resumed
    assert again.warnings == done.warnings


def test_whole_objects_are_made_when_they_are_wanted(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    """The same command with --overlaps is no mere resumption; without it again, layers that contradict are removed."""
    images = read_images([disc_folder]).subset(["disc0"])
    for overlaps in (False, True, False):
        (done,) = predict_job(Overlapping(predictor.model, "cpu", overlaps=overlaps), images, tmp_path, ["labels"])
        assert not done.resumed
        assert (tmp_path / "layers" / "disc0.tif").exists() == overlaps
    predict_job(Overlapping(predictor.model, "cpu", overlaps=True), images, tmp_path, ["labels"])
    (tmp_path / "layers" / "disc0.tif").unlink()
    (done,) = predict_job(Overlapping(predictor.model, "cpu", overlaps=True), images, tmp_path, ["labels"])
    assert not done.resumed


@pytest.mark.parametrize(
    "damage", ["output deleted", "record damaged", "record of another version", "more wanted", "image changed"]
)
def test_what_is_done_again(damage: str, predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    image = tmp_path / "disc0.tif"
    image.write_bytes((disc_folder / "images" / "disc0.tif").read_bytes())
    out = tmp_path / "out"
    predict_job(predictor, read_images([image]), out, ["labels"])
    expected = (out / "labels" / "disc0.tif").read_bytes()
    save = ["labels"]
    match damage:
        case "output deleted":
            (out / "labels" / "disc0.tif").unlink()
        case "record damaged":
            (out / ".records" / "disc0.json").write_text('{"name": ')
        case "record of another version":
            record = read_json(out / ".records" / "disc0.json")
            (out / ".records" / "disc0.json").write_text(json.dumps(record | {"saved": ["labels"]}))
        case "more wanted":
            save = ["labels", "overlay"]
        case "image changed":
            os.utime(image, ns=(1, 1))
    done = predict_job(predictor, read_images([image]), out, save)  # type: ignore[arg-type]
    assert [image.resumed for image in done] == [False]
    assert (out / "labels" / "disc0.tif").read_bytes() == expected


def test_killed_process_resumes(disc_run: Path, predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    """Kill -9 of the real command: whatever has a final name is whole, and the same command ends the job."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "unmask", "predict", str(disc_run), str(disc_folder), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (out / ".records" / "disc1.json").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL  # it was still at work
    for path in (out / "labels").glob("*.tif"):
        assert tifffile.imread(path).shape == (72, 60)
    finished = len(list((out / ".records").glob("*.json")))
    assert finished >= 2
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"6 images predicted ({finished} of them before)" in done.stdout
    expected = predict_job(predictor, read_images([disc_folder]), tmp_path / "in one go")
    for image in expected:
        ours, whole = (
            tifffile.imread(folder / "labels" / f"{image.name}.tif") for folder in (out, tmp_path / "in one go")
        )
        assert np.array_equal(ours, whole)
    assert (out / "objects.csv").read_text() == (tmp_path / "in one go" / "objects.csv").read_text()


def test_folder_of_another_model_is_refused(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    images = read_images([disc_folder / "images" / "disc0.tif"])
    predict_job(predictor, images, tmp_path)
    other = predictor.model.reading(predictor.recipe.instances.model_copy(update={"min_size": 3}))
    other = other.save(tmp_path / "other.safetensors")
    with pytest.raises(PredictionError, match=r"holds predictions of another model\. Choose another --out"):
        predict_job(Predictor(other, "cpu"), images, tmp_path)


def test_damaged_image_does_not_cost_the_others(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"disc{number}.tif" for number in range(3)]
    for path in paths:
        path.write_bytes((disc_folder / "images" / path.name).read_bytes())
    images = read_images(paths)
    paths[1].write_bytes(b"II*\0" + bytes(50))
    with pytest.raises(
        PredictionError, match=r"disc1\.tif: .* \(the other 2 are done\)\. .*type the same command again"
    ):
        predict_job(predictor, images, tmp_path / "out")
    assert {row["image"] for row in read_rows(tmp_path / "out" / "objects.csv")} == {"disc0", "disc2"}
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["images"]) == 2


def test_tables_hold_earlier_jobs_too(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    images = read_images([disc_folder])
    predict_job(predictor, images.subset(["disc4"]), tmp_path)
    predict_job(predictor, images.subset(["disc2"]), tmp_path)
    assert next(row["image"] for row in read_rows(tmp_path / "objects.csv")) == "disc2"
    assert {row["image"] for row in read_rows(tmp_path / "objects.csv")} == {"disc2", "disc4"}


def test_image_of_the_same_name_from_elsewhere(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "disc0.tif"
    other.parent.mkdir()
    other.write_bytes((disc_folder / "images" / "disc1.tif").read_bytes())
    predict_job(predictor, read_images([disc_folder / "images" / "disc0.tif"]), tmp_path / "out")
    with pytest.raises(PredictionError, match=r"another image of this name, was predicted into the same folder"):
        predict_job(predictor, read_images([other]), tmp_path / "out")


def test_annotations_are_never_overwritten(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    """A data folder with labels/ as --out would lose its hand-drawn masks."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "disc0.tif").write_bytes(b"drawn by hand")
    with pytest.raises(PredictionError, match=r"this folder holds other files\. Choose a new, empty --out"):
        predict_job(predictor, read_images([disc_folder]), tmp_path)
    assert (tmp_path / "labels" / "disc0.tif").read_bytes() == b"drawn by hand"


@pytest.mark.parametrize("device", ["gpu", "cuda:77"])
def test_device_that_is_not_there(device: str, disc_run: Path) -> None:
    with pytest.raises(PredictionError, match=rf"the device {device} cannot be used here .*Type --device cpu"):
        load(disc_run, device)


def test_pixel_size_is_carried(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    image = tifffile.imread(disc_folder / "images" / "disc0.tif")
    write_image(tmp_path / "disc.tif", image[..., None], (0.5, 0.5))
    predict_job(predictor, read_images([tmp_path / "disc.tif"]), tmp_path / "out")
    row = read_rows(tmp_path / "out" / "objects.csv")[0]
    assert float(row["area_um2"]) == pytest.approx(float(row["area"]) / 4)
    saved = read_images([tmp_path / "out" / "labels" / "disc.tif"])
    assert saved.load("disc").pixel_size == pytest.approx((0.5, 0.5))


def test_channels_that_do_not_fit(predictor: Predictor) -> None:
    with pytest.raises(PredictionError, match=r"the image has 3 channels, the model was trained on 1\."):
        predictor.predict(np.random.default_rng(0).random((30, 30, 3), np.float32))


@pytest.mark.parametrize("shape", [(4,), (0, 3), (2, 3, 4, 5)])
def test_arrays_that_are_no_images(shape: tuple[int, ...], predictor: Predictor) -> None:
    with pytest.raises(PredictionError, match="is not an image"):
        predictor.predict(np.zeros(shape, np.float32))


def test_python_road(disc_run: Path, disc_folder: Path) -> None:
    import unmask

    prediction = unmask.load(disc_run).predict(disc_folder / "images" / "disc0.tif")
    truth = tifffile.imread(disc_folder / "masks" / "disc0.tif")
    scores = unmask.evaluate(prediction.labels, truth).to_dict()
    assert scores["images"] == 1
    assert prediction.probabilities.shape == (2, 72, 60)
    assert len(prediction.objects) == len(prediction.table["label"]) == prediction.labels.max()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2), (300, 7)])
def test_any_size(size: tuple[int, int], predictor: Predictor) -> None:
    image = np.random.default_rng(0).integers(0, 255, size, np.uint8)
    tiled = Predictor(predictor.model, "cpu", side=16).predict(image)
    whole = predictor.predict(image)
    assert tiled.labels.shape == size
    np.testing.assert_allclose(tiled.probabilities, whole.probabilities, atol=1e-5)


def test_a_damaged_part_of_the_table(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    """The image is done anew when it is asked for; until then the table is written without it, which is said."""
    images = read_images([disc_folder])
    predict_job(predictor, images.subset(["disc0", "disc1"]), tmp_path, ["table"])
    whole = (tmp_path / "objects.csv").read_text()
    part = tmp_path / ".records" / "tables" / "disc0" / "00000.npz"
    part.write_bytes(part.read_bytes()[:100])
    said: list[str] = []
    predict_job(predictor, images.subset(["disc2"]), tmp_path, ["table"], say=said.append)
    assert said == ["objects.csv is without disc0, whose part of it is damaged: predict that image again"]
    assert "disc0" not in (tmp_path / "objects.csv").read_text()
    done = predict_job(predictor, images.subset(["disc0", "disc1"]), tmp_path, ["table"], say=said.append)
    assert [image.resumed for image in done] == [False, True]
    assert (tmp_path / "objects.csv").read_text().startswith(whole)
    assert len(said) == 1


def test_two_commands_do_not_write_to_one_folder(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    images = read_images([disc_folder]).subset(["disc0"])

    def second(name: str, done: int, of: int) -> None:
        with pytest.raises(PredictionError, match=r"another command is predicting into this folder\. Wait for it"):
            predict_job(predictor, images, tmp_path, ["labels"])

    assert len(predict_job(predictor, images, tmp_path, ["labels"], second)) == 1


def test_uncertainty_is_that_of_the_maps(predictor: Predictor, disc_folder: Path, tmp_path: Path) -> None:
    images = read_images([disc_folder]).subset(["disc0", "disc1"])
    done = predict_job(predictor, images, tmp_path, ["labels", "uncertainty"])
    assert [image.saved["uncertainty"] for image in done] == [
        [f"uncertainty/{name}.tif", f"uncertainty/{name}.png"] for name in ("disc0", "disc1")
    ]
    expected = disagreement(predictor, images.load("disc1"))
    found = tifffile.imread(tmp_path / "uncertainty" / "disc1.tif")
    assert found.dtype == np.float32
    assert np.array_equal(found, np.stack([expected.total, expected.between]))
    assert imread(tmp_path / "uncertainty" / "disc1.png").shape == (72, 60, 3)
    assert all(image.resumed for image in predict_job(predictor, images, tmp_path, ["labels", "uncertainty"]))


def test_uncertainty_of_blocks_is_refused_before_anything_is_done(
    predictor: Predictor, disc_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = read_images([disc_folder])
    monkeypatch.setattr("unmask.predict.job.is_large", lambda predictor, entry: entry.name == "disc4")
    with pytest.raises(PredictionError, match=r"disc4\.tif: is predicted in blocks, for which there is no --save unc"):
        predict_job(predictor, images, tmp_path / "out", ["labels", "uncertainty"])
    assert not (tmp_path / "out").exists()
