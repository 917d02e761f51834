"""The networks: tensors in, tensors out."""

from unmask.nets.halo import Halo, derive_halo
from unmask.nets.unet import UNet

__all__ = ["Halo", "UNet", "derive_halo"]
