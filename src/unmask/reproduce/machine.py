"""The machine in words, and versions of packages: what a figure is worth nothing without."""

import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from unmask.training.machine import Machine

__all__ = ["machine_words", "package_versions"]

PACKAGES = ("unmask", "torch", "numpy", "scipy", "scikit-image")


def machine_words() -> str:
    """Such as "2 cores of an AMD EPYC 7763, 24 GB, no GPU, Linux"."""
    import torch

    found = Machine.here()
    memory = f"{psutil.virtual_memory().total / 1e9:.0f} GB"
    gpus = [torch.cuda.get_device_name(number) for number in range(found.gpus)]
    graphics = f"{len(gpus)} x {gpus[0]}" if gpus else "no GPU"
    return f"{found.cores} cores of {_processor()}, {memory}, {graphics}, {platform.system()}"


def package_versions() -> dict[str, str]:
    """Name to version of Python and the packages that a figure hangs on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _processor() -> str:
    """The processor's own name where the system says it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
