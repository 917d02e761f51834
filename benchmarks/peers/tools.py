"""The tools that are compared, and the environments that they live in."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["TOOLS", "TORCH", "TORCH_ENVIRONMENT", "Tool"]

BENCHMARKS = Path(__file__).resolve().parent.parent
TORCH_ENVIRONMENT, TENSORFLOW_ENVIRONMENT = BENCHMARKS / ".venv-peers", BENCHMARKS / ".venv-stardist"
TORCH = ("--editable", ".[openvino]", "monai==1.6.1", "nnunetv2==2.8.1", "ultralytics==8.4.190")
TENSORFLOW = ("stardist==0.9.2", "tensorflow==2.21.0", "tf-keras==2.21.0")


@dataclass(frozen=True)
class Tool:
    """One way to objects from annotated images.

    Attributes:
        title: of its row; {PACKAGE} stands for that package's version.
        module: beside this file; has `train(Job) -> Trained`.
        packages: whose versions are written down.
        notes: what was set, in a line.
        environment: folder of its Python.
        requirements: of the environment.
    """

    title: str
    module: str
    packages: tuple[str, ...]
    notes: str
    environment: Path = TORCH_ENVIRONMENT
    requirements: tuple[str, ...] = TORCH


TOOLS = {
    "otsu": Tool(
        "Otsu + distance watershed (scikit-image {scikit-image})",
        "otsu_peer",
        ("scikit-image", "scipy", "numpy"),
        "no training: benchmarks/otsu_watershed.py",
    ),
    "monai": Tool(
        "MONAI {monai} U-Net",
        "monai_peer",
        ("monai", "torch", "numpy"),
        "2-D U-Net of 16 to 256 channels, background / inside / border, all images train, last weights",
    ),
    "nnunet": Tool(
        "nnU-Net {nnunetv2}, 2-D",
        "nnunet_peer",
        ("nnunetv2", "torch", "numpy"),
        "its own plan, fold all, background / inside / border, poly schedule fitted to the time, mirrored prediction",
    ),
    "stardist": Tool(
        "StarDist {stardist}, 2-D",
        "stardist_peer",
        ("stardist", "tensorflow", "numpy"),
        "from scratch, 32 rays, grid 2, patches of 128, rate 0.001, best weights and thresholds by validation",
        TENSORFLOW_ENVIRONMENT,
        TENSORFLOW,
    ),
    "yolo": Tool(
        "YOLO11n-seg, ultralytics {ultralytics}",
        "yolo_peer",
        ("ultralytics", "torch", "numpy"),
        "from scratch, tiles of 128 enlarged to 256, all images train, last weights, confidence fitted on them",
    ),
    "unmask": Tool("unmask U-Net", "unmask_peer", ("unmask", "torch", "numpy"), "`unmask train`, defaults"),
}
