"""The whole augmentation with the project's own recipe."""

import pytest
import torch

from unmask.augment.pipeline import augment
from unmask.augment.warp import source_size
from unmask.recipe import AugmentRecipe

STILL = AugmentRecipe(
    flips=False, rotation=0, scale=(1, 1), shift=0, elastic=0, brightness=0, contrast=0, gamma=0, noise=0, blur=0
)


def _sources(side: int, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch, 1, side, side, generator=generator)
    targets = torch.randint(0, 4, (batch, 1, side, side), generator=generator, dtype=torch.uint8)
    return images, targets, torch.rand(batch, 1, side, side, generator=generator)


def test_everything_off_cuts_the_middle_out():
    images, targets, weights = _sources(48)
    batch = augment(images, targets, weights, STILL, 40, 20, torch.Generator())
    assert torch.equal(batch.images, images[:, :, 4:44, 4:44])
    assert torch.equal(batch.targets, targets[:, :, 14:34, 14:34].long())
    assert torch.equal(batch.weights, weights[:, 0, 14:34, 14:34])
    assert batch.targets.dtype == torch.int64


@pytest.mark.parametrize("size", [32, 65])
def test_default_recipe_is_reproducible_and_shaped(size):
    recipe = AugmentRecipe()
    sources = _sources(source_size(size, recipe))
    first, again = (augment(*sources, recipe, size, size - 16, torch.Generator().manual_seed(7)) for _ in range(2))
    other = augment(*sources, recipe, size, size - 16, torch.Generator().manual_seed(8))
    assert first.images.shape == (3, 1, size, size)
    assert first.targets.shape == (3, 1, size - 16, size - 16)
    assert first.weights is not None
    assert first.weights.shape == (3, size - 16, size - 16)
    for name in ("images", "targets", "weights"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))
    assert set(first.targets.unique().tolist()) <= {0, 1, 2, 3}
    assert first.weights.min() >= 0
    assert first.weights.max() <= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_what_the_cpu_gives():
    recipe = AugmentRecipe()
    sources = _sources(source_size(64, recipe))
    here = augment(*sources, recipe, 64, 48, torch.Generator().manual_seed(7))
    there = augment(*(part.cuda() for part in sources), recipe, 64, 48, torch.Generator().manual_seed(7))
    torch.testing.assert_close(there.images.cpu(), here.images, rtol=0, atol=2e-3)
    torch.testing.assert_close(there.weights.cpu(), here.weights, rtol=0, atol=2e-3)
    assert (there.targets.cpu() == here.targets).float().mean() > 0.999
