import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from unmask.data.files import write_text
from unmask.errors import DataError, TrainingError, UnmaskError, UnreadableFile
from unmask.report.report import write_report
from unmask.report.run_folder import read_run

VOID = {"meta", "img", "input", "br"}
CLOSED = {"path", "image", "use"}  # written as <path/> within svg


class Page(HTMLParser):
    """Checks that elements nest, and collects texts, identifiers and references."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.texts: list[str] = []
        self.cells: list[list[str]] = []
        self.images = 0
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert len(values) == len(attrs), f"an attribute twice in <{tag}>"
        self.ids += [values["id"]] if values.get("id") else []
        self.references += [value for key in ("href", "src") if (value := values.get(key))]
        self.images += tag == "image"
        if tag == "tr":
            self.cells.append([])
        if tag in ("th", "td"):
            self.cells[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in CLOSED
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())
        if self.open and self.open[-1] in ("th", "td") and self.cells and self.cells[-1]:
            self.cells[-1][-1] += data.strip()

    @property
    def text(self) -> str:
        return " ".join(text for text in self.texts if text)

    def row(self, head: str) -> list[str]:
        """The first table row that starts so, without its head."""
        return next(cells[1:] for cells in self.cells if cells and cells[0] == head)


def report(run: Path, **more: Any) -> Page:
    path = write_report(run, **more)
    return Page(path.read_text(encoding="utf-8"))


def scores(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "validation" / "scores.json").read_text())
    return found


@pytest.mark.parametrize("kind", ["objects", "binary", "classes"])
def test_every_kind_of_data_has_every_section_and_needs_nothing_from_elsewhere(make_run: Any, kind: str) -> None:
    run = make_run(kind)
    page = report(run)
    html = (run / "report.html").read_text(encoding="utf-8")
    assert {"scores", "images", "training", "data", "recipe", "again"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert all(one.startswith(("data:image/", "#")) for one in page.references)
    assert {one[1:] for one in page.references if one.startswith("#")} <= set(page.ids)
    assert not re.search(r"(https?:)?//[\w.]+\.\w+", html.replace("data:", ""))
    assert "<script" not in html
    assert "@import" not in html
    assert "url(" not in html
    assert list(run.glob(".unmask-*")) == []


def test_figures_are_the_scores(make_run: Any) -> None:
    run = make_run()
    found, page = scores(run), report(run)
    per_image = sorted(row["ap_0.50"] for row in found["per_image"].values())
    expected = [found["objects"]["ap"]["0.50"], per_image[0], per_image[1], per_image[2], per_image[3], per_image[4]]
    assert page.row("AP at IoU .5")[:6] == [f"{value:.3f}" for value in expected]
    for name, key in (("AJI", "aji"), ("SEG", "seg"), ("Panoptic quality", "panoptic_quality")):
        assert page.row(name)[0] == f"{found['objects'][key]:.3f}"
    assert page.row("V_rand")[0] == f"{found['boundaries']['v_rand']:.3f}"
    assert page.row("IoU, object")[0] == f"{found['semantic']['iou']['object']:.3f}"
    assert page.row("0.75")[0] == f"{found['objects']['ap']['0.75']:.3f}"
    # By hand: levels 1 to 4 miss disc 1, 2 to 4 have an extra square, 3 and 4 a merge, 4 a split.
    assert [page.row(name)[0] for name in ("Missed", "Extra", "Merges", "Splits")] == ["4", "3", "2", "1"]
    assert "16.0 % of 25 true objects" in page.text


def test_worst_and_best_images_are_drawn_with_signs_where_objects_went_wrong(make_run: Any) -> None:
    run = make_run()
    page = report(run)
    html = (run / "report.html").read_text(encoding="utf-8")
    worst, best = html.split("<h3>The best</h3>")
    names = re.findall(r"<figcaption><b>(.*?)</b>", worst.split("<h3>The worst</h3>")[1])
    assert names == ["e", "d", "c&lt;1&gt;"]
    assert re.findall(r"<figcaption><b>(.*?)</b>", best) == ["a", "b"]
    assert page.images == 5
    first = worst.split("<figcaption><b>e</b>")[1].split("</figure>")[0]
    assert "1 missed · 1 extra · 1 merge · 1 split" in first
    titles = re.findall(r"<title>(.*?)</title>", first)
    assert sorted(titles) == [
        "missed",
        "not in the truth",
        "one predicted as several (2)",
        "several predicted as one (2)",
    ]
    assert "<title>" not in best.split("<figcaption><b>a</b>")[1].split("</figure>")[0]


def test_classes_are_judged_by_dice_and_drawn_as_maps(make_run: Any) -> None:
    run = make_run("classes")
    found, page = scores(run), report(run)
    dice = found["semantic"]["dice"]
    assert list(dice) == ["class_1", "class_2", "class_3"]
    assert page.row("Dice")[0] == f"{sum(dice.values()) / 3:.3f}"
    assert page.row("Dice, class_1")[0] == f"{dice['class_1']:.3f}"
    assert page.images == 5 * 3
    assert "What goes wrong" not in page.text
    assert "Ranked by Dice." in page.text


def test_recipe_data_curves_and_commands_are_there(make_run: Any) -> None:
    run = make_run()
    page = report(run)
    assert page.row("depth") == ["4", "how often the image is pooled", "objects are <b>small</b>"]
    assert page.row("40 (kept)") == ["0.3000", "0.620", "1.0"]
    assert "9; each 48 x 48 pixels (height x width)" in page.text
    assert "0.5 x 0.5 µm" in page.text
    assert "4 to train, 5 to validate, none kept aside to test" in page.text
    assert f"unmask train {run.parent / 'data'} --recipe {run}/recipe.yaml --out run-again" in page.text
    assert "3.11.4" in page.text
    assert "Validation images: used to choose weights and fit thresholds" in page.text


def test_names_from_files_cannot_become_markup(make_run: Any) -> None:
    run = make_run()
    page = report(run)
    assert "<1>" not in (run / "report.html").read_text(encoding="utf-8")
    assert "c<1>" in page.texts


def test_test_images_stand_first_and_validation_images_second(make_run: Any, make_test: Any) -> None:
    run = make_run()
    page = report(run, test=make_test(["f", "g"], [1, 3]))
    text = page.text
    parts = ["Unseen test images", "Ranked by AP", "Validation images: used to"]
    assert sorted(parts, key=text.index) == parts
    assert page.images == 2
    assert {"f", "g"} <= set(page.texts)
    # Nothing but the hand-made errors: image f misses 1 of 5, image g besides has an extra and merges 2.
    assert page.row("AP at IoU .5")[0] == f"{(4 / 5 + 2 / 7) / 2:.3f}"
    assert [row[1] for row in page.cells if row and row[0] == "AP at IoU .5"][
        1
    ] == f"{scores(run)['objects']['ap']['0.50']:.3f}"
    assert f"2 of the 9 images of {run.parent / 'data'}." in text


def test_truth_is_scored_now_and_leaks_are_named(make_run: Any, make_test: Any) -> None:
    run = make_run()
    test = make_test(["a", "f", "g"], [0, 1, 3])
    (test / "scores.json").unlink()
    page = report(run, test=test, truth=run.parent / "data")
    assert page.row("AP at IoU .5")[0] == f"{(1 + 4 / 5 + 2 / 7) / 3:.3f}"
    assert "The model was trained on 2 of these images, f for one: the figures flatter." in page.text
    assert "Weights and thresholds were chosen on 1 of these images, a for one." in page.text
    assert "These are figures of 3 images: so few vary a lot by chance." in page.text


def test_truth_without_images_is_scored_without_pictures(make_run: Any, make_test: Any) -> None:
    run = make_run()
    page = report(run, test=make_test(["f", "g"], [1, 3]), truth=run.parent / "data" / "masks")
    assert page.row("AP at IoU .5")[0] == f"{(4 / 5 + 2 / 7) / 2:.3f}"
    assert "Pictures are left out. The truth is a folder of masks, without the images they belong to." in page.text
    assert page.images == 0


def test_it_says_when_training_images_were_scored(make_run: Any) -> None:
    text = report(make_run(levels=(0, 1), validated=False)).text
    assert "these figures flatter it, and say nothing of new images" in text
    assert "Scores of 2 images, the same that were trained on" in text
    assert "2 to train, none to validate" in text
    assert "The model has seen 2 images only" in text


def test_it_says_when_the_data_are_gone_and_leaves_the_pictures_out(make_run: Any) -> None:
    run = make_run()
    (run.parent / "data").rename(run.parent / "elsewhere")
    page = report(run)
    assert "Pictures are left out." in page.text
    assert "The data could not be read again:" in page.text
    assert str(run.parent / "data") in page.text
    assert page.images == 0
    assert page.row("AP at IoU .5")[0] == f"{scores(run)['objects']['ap']['0.50']:.3f}"


def test_images_without_any_object_are_left_out_of_ap_and_said_so(make_run: Any) -> None:
    run = make_run()
    path = run / "validation" / "scores.json"
    found = json.loads(path.read_text())
    found["per_image"]["b"] = {"pixel_error": 0.0, "truth_objects": 0, "predicted_objects": 0, "ap_0.50": float("nan")}
    path.write_text(json.dumps(found))
    text = report(run).text
    assert "1 image without any object, true or predicted: left out of AP" in text


def test_a_set_without_any_object_is_no_failure(make_run: Any) -> None:
    run = make_run()
    path = run / "validation" / "scores.json"
    row = {"pixel_error": 0.0, "truth_objects": 0, "predicted_objects": 0, "missed": 0, "extra": 0, "merges": 0}
    objects = {"count_error": 0.0, "merges": 0, "splits": 0}
    content = {"images": 1, "semantic": {"pixel_error": 0.0}, "objects": objects, "per_image": {"a": row}}
    path.write_text(json.dumps(content))
    page = report(run)
    assert "Pictures are left out. No image has the figure that would rank them" in page.text
    assert page.row("Pixel error")[0] == "0.000"


def test_a_run_without_log_has_no_curves(make_run: Any) -> None:
    run = make_run()
    (run / "log.csv").unlink()
    assert "There is no log.csv in the run folder" in report(run).text


def test_the_finer_loss_is_taken_where_there_is_one(make_run: Any) -> None:
    run = make_run(levels=(0,))
    assert read_run(run).losses == ((20, 0.5), (40, 0.3), (60, 0.2))
    write_text(run / "loss.csv", "step,loss\n1,2.5\n2,2.25\n")
    assert read_run(run).losses == ((1, 2.5), (2, 2.25))


def damaged(path: str, content: str) -> Any:
    def damage(run: Path) -> None:
        (run / path).write_text(content)

    return damage


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (
            lambda run: (run / "recipe.yaml").unlink(),
            UnreadableFile,
            r"run: is not a run folder \(it holds no recipe.yaml\)\. Give the folder that unmask train --out named\.",
        ),
        (
            damaged("recipe.yaml", "a: [1"),
            UnreadableFile,
            r"recipe\.yaml: cannot be read as YAML .* Restore it; a copy is inside model\.safetensors\.",
        ),
        (damaged("recipe.yaml", "just text"), UnreadableFile, r"recipe\.yaml: does not hold a recipe\."),
        (
            lambda run: (run / "validation/scores.json").unlink(),
            TrainingError,
            r"run: this run is not finished: there are no scores yet\. Let it end, or .*train .*data --out .*run",
        ),
        (
            damaged("validation/scores.json", '{"images": 3'),
            UnreadableFile,
            r"scores\.json: cannot be read as JSON .* Write it anew: unmask evaluate PRED TRUTH",
        ),
        (
            damaged("validation/scores.json", '{"images": 3}'),
            UnreadableFile,
            r"scores\.json: does not hold scores of images\.",
        ),
        (
            damaged("validation/scores.json", '{"per_image": {"a": {"ap": "x"}}}'),
            UnreadableFile,
            r"scores\.json: does not hold scores",
        ),
        (damaged("split.json", "{"), UnreadableFile, r"split\.json: cannot be read as JSON"),
        (
            damaged("split.json", '{"train": []}'),
            UnreadableFile,
            r"split\.json: does not hold the lists train, val and test\.",
        ),
        (
            damaged("log.csv", "step,loss,score,seconds\n1,two,3,4\n"),
            UnreadableFile,
            r"log\.csv: is not a table of numbers .* Delete it",
        ),
        (damaged("log.csv", "step,loss\n1,2\n"), UnreadableFile, r"log\.csv: line 2 has no score\."),
    ],
)
def test_damaged_runs_are_refused_by_name(make_run: Any, damage: Any, error: type[UnmaskError], message: str) -> None:
    run = make_run(levels=(0,))
    damage(run)
    with pytest.raises(error, match=message):
        write_report(run)
    assert not (run / "report.html").exists()


def test_an_interrupted_run_is_told_to_resume(make_run: Any) -> None:
    run = make_run(levels=(0,))
    (run / "validation" / "scores.json").unlink()
    (run / "last.ckpt").touch()
    with pytest.raises(TrainingError, match=r"--out .*run --resume\.$"):
        write_report(run)


def test_wrong_test_folders_are_refused(make_run: Any, make_test: Any, tmp_path: Path) -> None:
    run = make_run(levels=(0,))
    with pytest.raises(UnreadableFile, match=r"nothing: there is no such folder\. Give the folder"):
        write_report(tmp_path / "nothing")
    with pytest.raises(UnreadableFile, match=r"holds no labels/\)\. Write it first: unmask predict .*run IMAGES --out"):
        write_report(run, test=tmp_path / "data")
    with pytest.raises(UnmaskError, match=r"there is a truth, but no predictions .* Add --test PRED\."):
        write_report(run, truth=tmp_path / "data")
    test = make_test(["f"], [1])
    with pytest.raises(DataError, match="nowhere"):
        write_report(run, test=test, truth=tmp_path / "nowhere")
    (test / "scores.json").unlink()
    with pytest.raises(UnreadableFile, match=r"test: holds no scores\.json\. Say what the truth is: --truth FOLDER\."):
        write_report(run, test=test)


def test_the_same_run_gives_the_same_file(make_run: Any, tmp_path: Path) -> None:
    run = make_run(levels=(0, 4))
    one, other = (write_report(run, out=tmp_path / f"{name}.html") for name in "xy")
    assert one.read_bytes() == other.read_bytes()


def test_no_torch() -> None:
    code = "import sys, unmask.report.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_as_train_leaves_it(disc_run: Path, tmp_path: Path) -> None:
    page = report(disc_run, out=tmp_path / "report.html")
    assert page.images > 0
    assert page.row("AP at IoU .5")[0] == f"{scores(disc_run)['objects']['ap']['0.50']:.3f}"
    assert page.row("width")[0] == "4"
    assert page.row("width")[2] == "you said so"
