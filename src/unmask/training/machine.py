"""Machine: what trains."""

import os
from dataclasses import dataclass

import torch

__all__ = ["Machine"]


@dataclass(frozen=True)
class Machine:
    """What trains.

    Attributes:
        cores: of the CPU.
        gpus: how many.
        gpu_memory: of one GPU, bytes.
        bf16: the CPU has matrix units for bfloat16 (Intel AMX), with which a step takes a third of the time.
    """

    cores: int
    gpus: int
    gpu_memory: int
    bf16: bool = False

    @classmethod
    def here(cls, accelerator: str = "auto") -> "Machine":
        """This machine, or only its CPU."""
        gpus = 0 if accelerator == "cpu" else torch.cuda.device_count()
        memory = torch.cuda.get_device_properties(0).total_memory if gpus else 0
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(cores, gpus, memory, bf16=not gpus and _matrix_units())

    @property
    def words(self) -> str:
        """The machine in words."""
        if self.gpus:
            return f"{self.gpus} GPU" + "s" * (self.gpus > 1)
        return f"{self.cores} CPU cores{' with bfloat16 matrix units' * self.bf16}, no GPU"


def _matrix_units() -> bool:
    """Whether the CPU has some that PyTorch uses; older versions of it do not say."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    return capabilities is not None and bool(capabilities().get("amx_bf16", False))
