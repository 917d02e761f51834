"""What is to be ignored, from the sample to the step: nothing of it shows, whatever is annotated beneath it."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unmask.augment.pipeline import Batch, augment
from unmask.augment.warp import source_size
from unmask.data.sample import Sample
from unmask.geometry.labels import components
from unmask.metrics.arrays import evaluate
from unmask.nets import objects_in
from unmask.recipe import AugmentRecipe, TargetRecipe
from unmask.targets.targets import Targets, object_targets, unet_targets
from unmask.training.checkpoint import read_checkpoint
from unmask.training.loop import Progress
from unmask.training.plan import Net
from unmask.training.run import train
from unmask.training.sampler import Prepared, PreparedImages, TileSampler

Factory = pytest.TempPathFactory

SIDE = 32
STEPS: dict[Net, int] = {"unet": 20, "mask-rcnn": 4}
NARROW = [
    "network.backbone=resnet18",
    "network.weights=none",
    "network.norm=batch",
    "network.width=16",
    "network.box_width=32",
    "network.regions=32",
    "schedule.tile=64",
    "schedule.batch=2",
]


def blobs(random: np.random.Generator, size: tuple[int, int], share: float) -> np.ndarray:
    """(h, w) bool of smooth shapes."""
    noise = ndimage.gaussian_filter(random.standard_normal(size), 3)
    return noise > np.quantile(noise, 1 - share)


def annotated(seed: int, size: tuple[int, int]) -> Sample:
    """Two classes of objects, each object of one, drawn from the seed alone."""
    random = np.random.default_rng(seed)
    objects = components(blobs(random, size, 0.4))
    class_of = random.integers(1, 3, objects.max() + 1).astype(np.uint8)
    class_of[0] = 0
    return Sample("a", random.random((*size, 1)).astype(np.float32), class_of[objects], objects)


def with_other_truth_beneath(sample: Sample, ignore: np.ndarray, seed: int) -> Sample:
    """The same where all is known, and objects of another image beneath what is ignored."""
    other = annotated(seed, sample.size)
    assert sample.objects is not None
    assert other.objects is not None
    objects = np.where(ignore, np.where(other.objects > 0, other.objects + 10_000, 0), sample.objects)
    classes = np.where(ignore, other.classes, sample.classes)
    return replace(sample, objects=objects.astype(np.int32), classes=classes.astype(np.uint8))


def step(image: np.ndarray, targets: Targets, recipe: AugmentRecipe, seed: int) -> Batch:
    """An augmented batch of four tiles, as a training step has it."""
    source = source_size(SIDE, recipe)
    images = PreparedImages({"a": Prepared(image, targets)}.__getitem__, 10**9)
    cut = TileSampler(images, ("a",), tile=SIDE, source=source, batch=4, seed=seed)
    tiles = cut.batch(0)
    cut.close()
    generator = torch.Generator().manual_seed(seed)
    return augment(tiles.images, tiles.targets, tiles.weights, recipe, SIDE, SIDE - 8, generator)


@settings(max_examples=25)
@given(st.integers(20, 70), st.integers(20, 70), st.integers(0, 10**6), st.floats(0.1, 0.9))
def test_annotation_beneath_what_is_ignored_never_shows(h: int, w: int, seed: int, share: float) -> None:
    """Rotated, scaled, bent, mirrored at the edges: targets and weights of both nets are the same to the last bit."""
    sample = annotated(seed, (h, w))
    ignore = blobs(np.random.default_rng(seed + 1), (h, w), share)
    sample = replace(sample, ignore=ignore)
    other = with_other_truth_beneath(sample, ignore, seed + 2)
    recipe = AugmentRecipe(elastic=2.5)
    weights = TargetRecipe(class_weights=(0.5, 1.5, 3.0))
    for made in (lambda one: unet_targets(one, weights, separate=True), lambda one: object_targets(one, 2)):
        first, second = (step(one.image, made(one), recipe, seed) for one in (sample, other))
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.targets, second.targets)
        assert (first.weights is None) == (second.weights is None)
        if first.weights is not None and second.weights is not None:
            assert torch.equal(first.weights, second.weights)
        assert int(first.targets.min()) in (-1, 0)


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_what_is_ignored_moves_with_the_image(seed: int) -> None:
    """Grey values of 1 where nothing is known: in the augmented tile it is ignored where the nearest pixel was."""
    sample = annotated(seed, (60, 50))
    ignore = blobs(np.random.default_rng(seed + 1), (60, 50), 0.4)
    sample = replace(sample, image=ignore[..., None].astype(np.float32), ignore=ignore)
    recipe = AugmentRecipe(elastic=2.5, brightness=0, contrast=0, gamma=0, noise=0, blur=0)
    batch = step(sample.image, object_targets(sample, 2), recipe, seed)
    shown, ignored = batch.images[:, 0, 4:-4, 4:-4], batch.targets[:, 0] == -1
    assert 0 < int(ignored.sum()) < ignored.numel()
    assert bool((shown[ignored] > 0.24).all())  # of four pixels the nearest counts for a quarter or more
    assert bool((shown[~ignored] < 0.76).all())
    for one, mask in zip(batch.targets, ignored, strict=True):
        found = objects_in(one, 2)
        assert bool((found.keys > 0).all())
        assert torch.equal(mask if found.ignore is None else found.ignore, mask)


class Stop(Exception):
    """Ends a run from within, as a power cut would."""


@pytest.fixture(scope="module")
def half_drawn(make_discs: Callable[[int], tuple[np.ndarray, np.ndarray]], tmp_path_factory: Factory) -> Path:
    """Discs, of which those that touch the right half are not drawn: masks say 999 there, for what is not known."""
    folder = tmp_path_factory.mktemp("half") / "data"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for seed in range(4):
        image, labels = make_discs(seed)
        labels[:, 30:] = 999
        tifffile.imwrite(folder / "images" / f"{seed}.tif", image)
        tifffile.imwrite(folder / "masks" / f"{seed}.tif", labels)
    return folder


@pytest.mark.parametrize("net", ["unet", "mask-rcnn"])
def test_partly_annotated_images_train(net: Net, half_drawn: Path, small: list[str], tmp_path: Path) -> None:
    """Losses are finite, a killed run ends the same, and the discs that nobody drew are not learned as background."""
    settings = [*(small if net == "unet" else NARROW), "schedule.validations=2"]

    def power_cut(now: Progress) -> None:
        if now.step == STEPS[net] // 2 + 1:
            raise Stop

    run = partial(train, half_drawn, net=net, steps=STEPS[net], settings=settings, accelerator="cpu")
    done = run(tmp_path / "straight", ignore=999)
    with pytest.raises(Stop):
        run(tmp_path / "cut", ignore=999, on_progress=power_cut)
    train(half_drawn, tmp_path / "cut", resume=True, accelerator="cpu")
    weights = [read_checkpoint(tmp_path / out / "last.ckpt").net for out in ("straight", "cut")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert all(bool(value.isfinite().all()) for value in weights[0].values() if value.is_floating_point())
    for row in (tmp_path / "straight" / "loss.csv").read_text().splitlines()[1:]:
        assert math.isfinite(float(row.split(",")[1]))
    assert done.scores.per_image


def test_what_nobody_drew_is_found_and_is_no_mistake(half_drawn: Path, small: list[str], tmp_path: Path) -> None:
    """The scores of a run are those of its predictions where the truth is known; elsewhere discs are found as well."""
    run = train(half_drawn, tmp_path / "run", steps=60, settings=small, ignore=999, accelerator="cpu")
    (name,) = run.scores.per_image
    drawn = tifffile.imread(half_drawn / "masks" / f"{name}.tif")
    ignore = drawn == 999
    drawn[ignore] = 0
    found = tifffile.imread(tmp_path / "run" / "validation" / "labels" / f"{name}.tif")
    known = evaluate(found, drawn, ignore=ignore)
    assert known.per_image["image 1"] == run.scores.per_image[name]
    assert known.per_image["image 1"]["dice_object"] > 0.85
    as_background = evaluate(found, drawn).per_image["image 1"]
    assert as_background["dice_object"] < 0.75
    assert as_background["extra"] > known.per_image["image 1"]["extra"]
