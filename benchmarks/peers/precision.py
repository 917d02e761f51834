"""Half precision on the processor, for tools whose users would have it on a GPU: where the processor has the units."""

import contextlib
from pathlib import Path

import torch

__all__ = ["half_precision"]


def half_precision() -> contextlib.AbstractContextManager[object]:
    """Autocast to bfloat16 where the processor multiplies it by AMX, else nothing: elsewhere it is slower."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and "amx_bf16" in cpuinfo.read_text():
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()
