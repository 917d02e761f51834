"""The networks: tensors in, tensors out."""

from unmask.nets.assembly import load_torchvision, mask_rcnn
from unmask.nets.ensemble import Ensemble
from unmask.nets.halo import Halo, derive_halo
from unmask.nets.layers import objects_in
from unmask.nets.mask_rcnn import MaskRCNN
from unmask.nets.object_targets import ObjectTargets
from unmask.nets.outputs import Found, RCNNOutputs
from unmask.nets.transform import Resize
from unmask.nets.unet import UNet
from unmask.nets.weights import load_weights

__all__ = [
    "Ensemble",
    "Found",
    "Halo",
    "MaskRCNN",
    "ObjectTargets",
    "RCNNOutputs",
    "Resize",
    "UNet",
    "derive_halo",
    "load_torchvision",
    "load_weights",
    "mask_rcnn",
    "objects_in",
]
