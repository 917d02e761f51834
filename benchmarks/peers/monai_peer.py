"""MONAI's U-Net, transforms, loader and sliding windows, put together as its 2-D segmentation tutorial does."""

from collections.abc import Iterator
from math import cos, pi

import numpy as np
import torch
from clock import Clock
from images import Grey, Labels, Pair
from job import Job, Trained
from monai.data import CacheDataset, DataLoader, list_data_collate
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    EnsureTyped,
    RandAdjustContrastd,
    RandAffined,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    RandRotate90d,
    RandScaleIntensityd,
    RandShiftIntensityd,
    ScaleIntensityRangePercentiles,
    ScaleIntensityRangePercentilesd,
    SpatialPadd,
)
from monai.utils import set_determinism
from precision import half_precision
from three_classes import CLASSES, decode, encode, smallest_object
from torch import Tensor

__all__ = ["train"]

PATCH, BATCH, CROPS = 128, 4, 4  # pixels; images a batch; patches of each
LOADED = 64  # images an epoch: a few are shown several times, as starting an epoch takes time
RATE = 1e-3  # of Adam, as in the tutorial, falling to 0 as a cosine
LOWER, UPPER = 1.0, 99.8  # percentiles of an image that become 0 and 1
BOTH = ("image", "label")
Batch = dict[str, Tensor]


def train(job: Job) -> Trained:
    """Trains on all images until the time is over; keeps the last weights, as five images cannot spare one."""
    set_determinism(job.seed)
    net = UNet(2, 1, CLASSES, channels=(16, 32, 64, 128, 256), strides=(2, 2, 2, 2), num_res_units=2, norm="batch")
    loss = DiceCELoss(to_onehot_y=True, softmax=True)
    optimiser = torch.optim.AdamW(net.parameters(), RATE)
    steps = 0
    for batch in _batches(job.training, job.clock):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 + cos(pi * job.clock.fraction)) / 2
        with half_precision():
            logits = net(batch["image"])
        optimiser.zero_grad()
        loss(logits.float(), batch["label"]).backward()
        optimiser.step()
        steps += 1
    net.eval()
    least = smallest_object(job.training)

    def segment(image: Grey) -> Labels:
        return decode(_probabilities(net, image), least)

    return Trained(segment, steps, facts=f"{BATCH * CROPS} patches of {PATCH} x {PATCH} a step")


def _batches(training: tuple[Pair, ...], clock: Clock) -> Iterator[Batch]:
    shown = -(-LOADED // len(training)) * [
        {"image": pair.image.astype(np.float32), "label": encode(pair.labels)} for pair in training
    ]
    loader = DataLoader(
        CacheDataset(shown, _transforms(), progress=False),
        batch_size=BATCH,
        shuffle=True,
        num_workers=1,
        persistent_workers=True,
        collate_fn=list_data_collate,
    )
    while True:
        for batch in loader:
            if clock.over:
                return
            yield batch


def _transforms() -> Compose:
    return Compose(
        [
            EnsureChannelFirstd(BOTH, channel_dim="no_channel"),
            ScaleIntensityRangePercentilesd("image", LOWER, UPPER, 0, 1),
            SpatialPadd(BOTH, (PATCH, PATCH)),
            EnsureTyped(BOTH, track_meta=False),
            RandCropByPosNegLabeld(BOTH, "label", (PATCH, PATCH), pos=3, neg=1, num_samples=CROPS),
            RandAffined(
                BOTH,
                prob=0.5,
                rotate_range=pi / 4,
                scale_range=0.25,
                mode=("bilinear", "nearest"),
                padding_mode="reflection",
            ),
            RandFlipd(BOTH, prob=0.5, spatial_axis=0),
            RandFlipd(BOTH, prob=0.5, spatial_axis=1),
            RandRotate90d(BOTH, prob=0.5),
            RandScaleIntensityd("image", factors=0.4, prob=0.5),
            RandShiftIntensityd("image", offsets=0.1, prob=0.5),
            RandAdjustContrastd("image", prob=0.3, gamma=(0.5, 2)),
            RandGaussianNoised("image", prob=0.3, std=0.05),
        ]
    )


@torch.inference_mode()
def _probabilities(net: UNet, image: Grey) -> np.ndarray:
    """(3, h, w) float32."""
    scaled = ScaleIntensityRangePercentiles(LOWER, UPPER, 0, 1)(torch.tensor(image.astype(np.float32))[None])
    logits = sliding_window_inference(scaled[None], 2 * PATCH, BATCH, net, overlap=0.5, mode="gaussian")
    return np.asarray(logits[0].float().softmax(dim=0))
