"""What the README says works: its commands and its Python, on small data."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^    (unmask .*?)(?:  +#.*)?$", README, re.MULTILINE)
SHORT = "--steps 8 --set network.width=4 --set network.depth=2 --set schedule.tile=32 --set schedule.validations=1"


@pytest.fixture
def road(disc_folder: Path, tmp_path: Path) -> Path:
    """A folder with cells/, new_images/ and truth/."""
    for name, source in (
        ("cells", disc_folder),
        ("new_images", disc_folder / "images"),
        ("truth", disc_folder / "masks"),
    ):
        (tmp_path / name).symlink_to(source)
    return tmp_path


def test_commands_work_in_their_order(road: Path) -> None:
    assert [command.split()[1] for command in COMMANDS] == ["check", "plan", "train", "report", "predict", "evaluate"]
    for command in COMMANDS:
        words = shlex.split(command.replace("--minutes 15", SHORT))
        done = subprocess.run([sys.executable, "-m", *words], cwd=road, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert (road / "run" / "report.html").exists()


def test_python_road(road: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tifffile

    import unmask

    monkeypatch.chdir(road)
    (road / "image.tif").symlink_to(road / "new_images" / "disc0.tif")
    short = SHORT.replace("--steps 8", "").replace("--set", "").split()
    snippet = SNIPPETS[0].replace("minutes=10", f"steps=8, settings={short}")
    names = {"truth": tifffile.imread(road / "truth" / "disc0.tif")}
    exec(snippet, names)
    assert names["scores"].images == 1
    assert names["run"].out == Path("run")
    assert unmask.load("run").recipe.schedule.steps == 8


def test_the_papers_network() -> None:
    names: dict[str, object] = {}
    exec(SNIPPETS[1].replace("derive_halo(net)", "found = derive_halo(net)"), names)
    assert sum(p.numel() for p in names["net"].parameters()) == 31_030_658  # type: ignore[attr-defined]
    assert (names["found"].halo, names["found"].stride) == (92, 16)  # type: ignore[attr-defined]


def test_torchvisions_network() -> None:
    names: dict[str, object] = {}
    exec(SNIPPETS[2], names)
    net = names["net"]
    frozen = sum(b.numel() for b in net.buffers())  # type: ignore[attr-defined]
    assert sum(p.numel() for p in net.parameters()) == 44_401_393  # type: ignore[attr-defined]
    assert frozen == 4 * 26_560  # four constants for each channel of ResNet-50's norms


def test_mask_rcnn_page() -> None:
    """Its Python: torchvision's own network and ours, side by side."""
    page = (Path(__file__).parents[1] / "docs" / "mask-rcnn.md").read_text()
    names: dict[str, object] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], names)
    found = names["found"]
    assert found.boxes.shape[1] == 4  # type: ignore[attr-defined]
    assert len(found.boxes) == len(found.scores) <= 100  # type: ignore[attr-defined, arg-type]
