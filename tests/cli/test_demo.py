"""The demo runs from end to end; how good it gets in its full time is measured in docs/results.md."""

import json
import subprocess
import sys
from pathlib import Path

from skimage.io import imread


def test_demo(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    command = [sys.executable, "-m", "unmask", "demo", "--out", str(out), "--minutes", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert "AP at IoU .5 on 8 unseen images:" in done.stdout
    assert (out / "run" / "report.html").stat().st_size > 100_000
    assert imread(out / "unseen.png").shape == (768, 1536, 3)
    split = json.loads((out / "run" / "split.json").read_text())
    assert {part: len(names) for part, names in split.items()} == {"train": 14, "val": 2, "test": 8}
    summary = json.loads((out / "predictions" / "summary.json").read_text())
    assert sorted(image["name"] for image in summary["images"]) == sorted(split["test"])
    again = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert again.returncode == 1
    assert "this folder is not empty. Choose another --out, or delete it." in again.stderr
