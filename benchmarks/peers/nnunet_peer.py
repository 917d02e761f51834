"""nnU-Net 2-D: its conversion, plan, preprocessing, trainer and predictor; only the length of training is set."""

import json
import os
from pathlib import Path

import numpy as np
import torch
from clock import Clock
from images import Grey, Labels, Pair
from job import Job, Trained
from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from precision import half_precision
from skimage.io import imsave
from three_classes import BORDER, INSIDE, decode, encode, smallest_object

__all__ = ["train"]

NUMBER, NAME = 1, "Dataset001_peer"
PROCESSES = 2
ITERATIONS = 50  # an epoch; the real one has 250
CPU = torch.device("cpu")
SPACING = {"spacing": [999, 1, 1]}  # what nnU-Net's reader of PNG says


def train(job: Job) -> Trained:
    """Plans, preprocesses and trains on all images ("fold all")."""
    raw, preprocessed = _folders(job.work)
    torch.manual_seed(job.seed)
    np.random.seed(job.seed)  # noqa: NPY002 (what its augmentation draws from)
    _convert(job.training, raw / NAME)
    extract_fingerprints([NUMBER], num_processes=PROCESSES, check_dataset_integrity=True)
    plan = plan_experiments([NUMBER])
    preprocess([NUMBER], plan, ("2d",), (PROCESSES,))
    trainer = _trainer(preprocessed / NAME, plan)
    trainer.clock = job.clock
    trainer.run_training()
    predictor, least = _predictor(trainer), smallest_object(job.training)

    def segment(image: Grey) -> Labels:
        stack = image[None, None].astype(np.float32)  # (c, 1, h, w)
        _, probabilities = predictor.predict_single_npy_array(stack, SPACING, save_or_return_probabilities=True)
        return decode(probabilities[:, 0], least)

    planned = trainer.configuration_manager
    facts = f"planned: {planned.batch_size} patches of {' x '.join(map(str, planned.patch_size))} a step"
    return Trained(segment, trainer.steps, facts=facts)


class TimedTrainer(nnUNetTrainer):
    """The trainer, with epochs until a clock is over, and the poly schedule along the clock.

    Its default is 1,000 epochs of 250 iterations. In half precision, which it has on GPUs only.
    """

    clock: Clock
    steps = 0

    def run_training(self) -> None:
        """Epochs as in the original. One validation batch an epoch, for its log: no weights are chosen by it."""
        self.disable_checkpointing = True
        self.on_train_start()
        while not self.clock.over:
            self.on_epoch_start()
            self.on_train_epoch_start()
            self.on_train_epoch_end(self._epoch())
            with torch.no_grad():
                self.on_validation_epoch_start()
                self.on_validation_epoch_end([self.validation_step(next(self.dataloader_val))])
            self.on_epoch_end()
        self.on_train_end()

    def train_step(self, batch: dict) -> dict:
        """One iteration."""
        self.lr_scheduler.step(self.clock.fraction * self.num_epochs)
        self.steps += 1
        with half_precision():
            return super().train_step(batch)

    def validation_step(self, batch: dict) -> dict:
        """One batch."""
        with half_precision():
            return super().validation_step(batch)

    def _epoch(self) -> list[dict]:
        done = [self.train_step(next(self.dataloader_train))]
        while len(done) < ITERATIONS and not self.clock.over:
            done.append(self.train_step(next(self.dataloader_train)))
        return done


def _folders(work: Path) -> tuple[Path, Path]:
    """Makes the folders that it finds by variables; gives those of raw and of preprocessed data."""
    raw, preprocessed, results = (work.resolve() / kind for kind in ("raw", "preprocessed", "results"))
    for folder in (raw, preprocessed, results):
        folder.mkdir(parents=True)
    os.environ |= {"nnUNet_raw": str(raw), "nnUNet_preprocessed": str(preprocessed), "nnUNet_results": str(results)}
    os.environ |= {"nnUNet_n_proc_DA": "1"}  # process that augments, of two cores
    return raw, preprocessed


def _convert(training: tuple[Pair, ...], folder: Path) -> None:
    """Its own layout of files."""
    for kind in ("imagesTr", "labelsTr"):
        (folder / kind).mkdir(parents=True)
    for pair in training:
        imsave(folder / "imagesTr" / f"{pair.name}_0000.png", pair.image, check_contrast=False)
        imsave(folder / "labelsTr" / f"{pair.name}.png", encode(pair.labels), check_contrast=False)
    described = {
        "channel_names": {"0": "fluorescence"},  # anything but CT: each image is normalised by its mean and deviation
        "labels": {"background": 0, "inside": INSIDE, "border": BORDER},
        "numTraining": len(training),
        "file_ending": ".png",
    }
    (folder / "dataset.json").write_text(json.dumps(described))


def _trainer(preprocessed: Path, plan: str) -> TimedTrainer:
    plans = json.loads((preprocessed / f"{plan}.json").read_text())
    described = json.loads((preprocessed / "dataset.json").read_text())
    return TimedTrainer({**plans, "continue_training": False}, "2d", "all", described, CPU)


def _predictor(trainer: TimedTrainer) -> nnUNetPredictor:
    """Its defaults, mirroring too."""
    predictor = nnUNetPredictor(perform_everything_on_device=False, device=CPU, allow_tqdm=False)
    trainer.set_deep_supervision_enabled(False)
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        trainer.dataset_json,
        "nnUNetTrainer",
        trainer.inference_allowed_mirroring_axes,
    )
    return predictor
