"""A U-Net's prediction loads what it needs: not torchvision, and not the compiler of PyTorch."""

import subprocess
import sys
from pathlib import Path

from unmask.family import family_of
from unmask.model import Model
from unmask.recipe import DataRecipe, Recipe, UNetRecipe

# torchvision loads both others; together more than a second and 150 MB of every process.
HEAVY = ("torchvision", "torch._dynamo", "torch._inductor")
STREAM = "unmask.cli.predict, unmask.predict.job, unmask.predict.stream, unmask.predict.cluster"


def heavy_after(code: str) -> set[str]:
    """Which of `HEAVY` a new process has loaded after some code."""
    code = f"{code}\nimport sys; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_prediction_of_a_unet(tmp_path: Path) -> None:
    """From the model file to the labels, and all modules of a prediction in blocks, those of workers included."""
    recipe = Recipe(network=UNetRecipe(width=3, depth=2), data=DataRecipe(channels=1))
    Model(family_of(recipe).build(recipe).eval(), recipe).save(tmp_path / "model.safetensors")
    code = (
        f"import numpy as np, {STREAM}\n"
        f"found = unmask.load({str(tmp_path)!r}).predict(np.arange(60 * 70, dtype=np.uint16).reshape(60, 70))\n"
        "assert found.labels.shape == (60, 70)"
    )
    assert heavy_after(code) == set()


def test_both_networks_are_at_hand() -> None:
    """The Mask R-CNN's part is loaded with its first network: a look-up alone costs nothing."""
    assert heavy_after("from unmask.nets import MaskRCNN, UNet, load_weights") == set()
    assert heavy_after("from unmask.nets import mask_rcnn\nmask_rcnn('resnet18', classes=2)") == set(HEAVY)
