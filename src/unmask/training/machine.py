"""Machine: what trains."""

import os
from dataclasses import dataclass

import torch

__all__ = ["Machine"]


@dataclass(frozen=True)
class Machine:
    """What trains: how many CPU cores or GPUs, and the memory of one GPU in bytes."""

    cores: int
    gpus: int
    gpu_memory: int

    @classmethod
    def here(cls, accelerator: str = "auto") -> "Machine":
        """This machine, or only its CPU."""
        gpus = 0 if accelerator == "cpu" else torch.cuda.device_count()
        memory = torch.cuda.get_device_properties(0).total_memory if gpus else 0
        return cls(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, gpus, memory
        )

    @property
    def words(self) -> str:
        """The machine in words."""
        return f"{self.gpus} GPU" + "s" * (self.gpus > 1) if self.gpus else f"{self.cores} CPU cores, no GPU"
