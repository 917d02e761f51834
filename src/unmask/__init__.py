"""unmask: U-Net + Mask R-CNN. Few annotated images in, exact masks out, at any image size.

    import unmask
    run = unmask.train("cells/", out="run", minutes=10)
    model = unmask.load("run")
    prediction = model.predict("image.tif")        # .labels .objects .probabilities .table
    scores = unmask.evaluate(prediction.labels, truth)

Names are imported when first used: `import unmask` loads neither torch nor NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unmask.version import __version__

if TYPE_CHECKING:
    from unmask.errors import UnmaskError
    from unmask.metrics.arrays import evaluate
    from unmask.predict.predictor import load
    from unmask.training.run import train

__all__ = ["UnmaskError", "__version__", "evaluate", "load", "train"]

_HOMES = {
    "UnmaskError": "unmask.errors",
    "evaluate": "unmask.metrics.arrays",
    "load": "unmask.predict.predictor",
    "train": "unmask.training.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unmask' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
