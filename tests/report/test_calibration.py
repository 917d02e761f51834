"""The section on calibration: its figures, in words, and its plot; only where there is something to say."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unmask.errors import UnreadableFile
from unmask.metrics.calibration import Calibration, calibration
from unmask.report.calibration import Calibrated, calibration_words, read_calibration
from unmask.report.reliability import BEFORE, reliability_plot
from unmask.report.report import write_report


def found(sureness: float) -> Calibration:
    """Of 1,000 pixels, half of them foreground, one in five wrong at this sureness."""
    truth = np.tile(np.array([0, 1], np.uint8), (20, 25))
    right = np.arange(1000).reshape(20, 50) % 10 >= 2
    front = np.where(right == (truth > 0), sureness, 1 - sureness).astype(np.float32)
    return calibration(np.stack([1 - front, front]), truth)


def write(run: Path, temperature: float, images: int = 5) -> Path:
    """As training writes it: 20 % wrong, sure by 95 % before and by 80 % after."""
    content = {"images": images, "temperature": temperature, "before": found(0.95).to_dict()}
    content["after"] = found(0.8).to_dict() if temperature != 1 else content["before"]
    path = run / "validation" / "calibration.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def picture(calibrated: Calibrated) -> str:
    """The plot's SVG."""
    return base64.b64decode(reliability_plot(calibrated).partition(",")[2]).decode()


def test_figures_stand_in_the_report_in_words(make_run: Any) -> None:
    run = make_run()
    write(run, 2.0)
    html = write_report(run).read_text(encoding="utf-8")
    assert '<section id="calibration">' in html
    assert '<a href="#calibration">' in html
    # By hand: 95 % sure and 80 % right is 15 points off.
    assert "were off by 15.0 percentage points on average (ECE 0.150): it was surer than it was right." in html
    assert "divided by the temperature 2.00, and now they are off by 0.0 percentage points (ECE 0.000)." in html
    assert "the 5 validation images that the temperature was fitted on" in html
    assert "likeliest class" not in html


def test_classes_have_a_figure_of_the_likeliest(make_run: Any) -> None:
    run = make_run("classes")
    write(run, 2.0)
    html = write_report(run).read_text(encoding="utf-8")
    assert "Of the likeliest class of each pixel they were off by 15.0 percentage points before, 0.0 " in html


def test_a_temperature_of_one_is_said_and_drawn_once(tmp_path: Path) -> None:
    same, other = (read_calibration(write(tmp_path, temperature, images=1)) for temperature in (1.0, 0.5))
    assert same is not None
    assert other is not None
    assert "no other temperature than 1 made the truth likelier" in calibration_words(same, 1)[0]
    assert "it was less sure than it was right" in calibration_words(other, 1)[0]
    assert "the validation image that" in calibration_words(other, 1)[-1]
    assert BEFORE in picture(other)
    assert BEFORE not in picture(same)
    assert picture(replace(other, after=other.before)) != picture(other)


def test_without_the_file_nothing_is_said(make_run: Any) -> None:
    html = write_report(make_run(levels=(0, 1), validated=False)).read_text(encoding="utf-8")
    assert "alibration" not in html


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '{"images": 1, "temperature": 2, "before": {}, "after": {}}',
        json.dumps({"images": 1, "temperature": 2.0, "before": {**found(0.8).to_dict(), "nll": float("nan")}}),
    ],
)
def test_a_damaged_file_is_named(make_run: Any, content: str) -> None:
    run = make_run(levels=(0,))
    (run / "validation" / "calibration.json").write_text(content)
    message = r"calibration\.json: does not hold what training says .* Delete it: the report then does without\."
    with pytest.raises(UnreadableFile, match=message):
        write_report(run)
