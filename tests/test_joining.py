"""Several models as one: what is joined, what it says of itself, what is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from unmask.errors import ModelError
from unmask.family import family_of
from unmask.model import Model
from unmask.nets import Ensemble
from unmask.recipe import DataRecipe, InstanceRecipe, MaskRCNNRecipe, Recipe, TargetRecipe, UNetRecipe, parse, used

NETWORK = UNetRecipe(width=3, depth=2, norm="batch")


def a_model(seed: int, recipe: Recipe | None = None) -> Model:
    recipe = recipe or Recipe(network=NETWORK)
    torch.manual_seed(seed)
    return Model(family_of(recipe).build(recipe).eval(), recipe)


def of_values(**parts: object) -> Recipe:
    return parse({**used(Recipe(network=NETWORK)), **parts})


def mean_of(models: list[Model], image: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return torch.stack([model.net(image).softmax(1) for model in models]).mean(0)


def test_the_mean_of_three(tmp_path: Path) -> None:
    models = [a_model(seed) for seed in range(3)]
    joined = Model.joined(models)
    assert joined.recipe.network == NETWORK.model_copy(update={"members": 3})
    assert joined.halo == models[0].halo
    assert not joined.net.training
    image = torch.rand(1, 1, 40, 32)
    with torch.inference_mode():
        torch.testing.assert_close(joined.net(image).softmax(1), mean_of(models, image), rtol=0, atol=1e-6)
    assert next(joined.net.parameters()).data_ptr() == next(models[0].net.parameters()).data_ptr()
    assert [member.recipe.network for member in joined.members] == [NETWORK] * 3
    assert [member.net for member in joined.members] == [model.net for model in models]


def test_one_alone_is_itself() -> None:
    model = a_model(0)
    assert Model.joined([model]) is model
    assert model.members == (model,)


def test_round_trip(tmp_path: Path) -> None:
    models = [a_model(seed) for seed in range(2)]
    saved = Model.joined(models).save(tmp_path / "model.safetensors")
    loaded = Model.load(tmp_path)
    assert loaded.recipe == saved.recipe
    assert loaded.fingerprint == saved.fingerprint != ""
    assert isinstance(loaded.net, Ensemble)
    image = torch.rand(1, 1, 16, 20)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.net(image), saved.net(image), rtol=0, atol=0)


@pytest.mark.parametrize("member", [0, 1])
def test_the_test_vector_hears_every_member(member: int, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    Model.joined([a_model(seed) for seed in range(2)]).save(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors[f"members.{member}.head.bias"] += torch.tensor([0.0, 0.5])
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match="it does not compute its own test vector"):
        Model.load(path)


@pytest.mark.parametrize("members", [1, 3, 10**9])
def test_members_that_are_not_in_the_file(members: int, tmp_path: Path) -> None:
    """A billion would never be built."""
    path = tmp_path / "m.safetensors"
    Model.joined([a_model(seed) for seed in range(2)]).save(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    recipe = json.loads(metadata["recipe"])
    recipe["network"]["members"] = members
    save_file(load_file(path), path, {**metadata, "recipe": json.dumps(recipe)})
    with pytest.raises(ModelError, match="its weights do not fit its recipe"):
        Model.load(path)


def test_ensembles_count_as_their_members(tmp_path: Path) -> None:
    models = [a_model(seed) for seed in range(4)]
    pair = Model.joined(models[:2]).save(tmp_path / "pair.safetensors")
    joined = Model.joined([models[2], Model.load(pair.file or ""), models[3]])
    assert joined.recipe.network.members == 4  # type: ignore[union-attr]
    assert not any(isinstance(member.net, Ensemble) for member in joined.members)
    image = torch.rand(1, 1, 24, 24)
    with torch.inference_mode():
        torch.testing.assert_close(joined.net(image).softmax(1), mean_of(models, image), rtol=0, atol=1e-6)
    assert joined.recipe.reasons["network.members"] == (
        f"mean of 4 networks: model 1, {tmp_path / 'pair.safetensors'}, model 3"
    )


def test_how_objects_are_read_is_in_between() -> None:
    """By hand: the second, an ensemble of two, counts twice."""
    values = [
        InstanceRecipe(seed_threshold=0.9, mask_threshold=0.3, reach=4, min_size=10, max_hole=0, temperature=1.0),
        InstanceRecipe(seed_threshold=0.6, mask_threshold=0.6, reach=8, min_size=40, max_hole=64, temperature=1.6),
    ]
    one = a_model(0, Recipe(network=NETWORK, instances=values[0]))
    two = a_model(1, Recipe(network=NETWORK.model_copy(update={"members": 2}), instances=values[1]))
    expected = InstanceRecipe(
        seed_threshold=0.7, mask_threshold=0.5, reach=8, min_size=40, max_hole=64, temperature=1.4
    )
    assert Model.joined([one, two]).recipe.instances == expected
    # Of two the lower: a pixel count stays whole.
    pair = Model.joined([one, a_model(2, Recipe(network=NETWORK, instances=values[1]))]).recipe.instances
    assert (pair.reach, pair.min_size, pair.max_hole, pair.seed_threshold) == (4, 10, 0, 0.75)


def test_the_fingerprint_names_all_files_in_order(tmp_path: Path) -> None:
    one, two = (a_model(seed).save(tmp_path / f"{seed}.safetensors") for seed in range(2))
    assert Model.joined([one, two]).fingerprint == f"{one.fingerprint}+{two.fingerprint}"
    assert Model.joined([two, one]).fingerprint != Model.joined([one, two]).fingerprint
    assert Model.joined([one, a_model(2)]).fingerprint == ""


def test_the_twin_without_padding_has_the_members_weights() -> None:
    """Far from the edge both give the same."""
    joined = Model.joined([a_model(seed) for seed in range(2)])
    assert joined.unpadded is not None
    twin = joined.share(joined.unpadded)
    inner = twin.halo
    start = -(-joined.halo.halo // 4) * 4 + (inner.front or 0)  # beyond what padding reaches
    side = inner.input_for(8)
    size = joined.halo.input_for(start + side + joined.halo.halo)
    image = torch.rand(1, 1, size, size)
    with torch.inference_mode():
        whole = joined.net(image)[..., start + inner.halo :, start + inner.halo :]
        part = twin.net(image[..., start : start + side, start : start + side])
    torch.testing.assert_close(part, whole[..., : part.shape[-2], : part.shape[-1]], rtol=0, atol=1e-5)


DIFFERENT = {
    "network.width": of_values(network={"name": "unet", "width": 4, "depth": 2, "norm": "batch"}),
    "network.padding": of_values(network={"name": "unet", "width": 3, "depth": 2, "norm": "batch", "padding": "valid"}),
    "network.enlarge": of_values(network={"name": "unet", "width": 3, "depth": 2, "norm": "batch", "enlarge": 2}),
    "data.channels": of_values(data={"channels": 3}),
    "data.kind": of_values(data={"kind": "classes"}),
    "data.class_names": of_values(data={"class_names": ["nucleus"]}),
    "data.class_values": of_values(data={"class_values": [255]}),
    "normalise.high": of_values(normalise={"high": 99}),
    "normalise.method": of_values(normalise={"method": "fixed"}),
}


@pytest.mark.parametrize("key", DIFFERENT)
def test_models_that_do_not_fit_together(key: str, tmp_path: Path) -> None:
    first = a_model(0).save(tmp_path / "one.safetensors")
    other = a_model(1, DIFFERENT[key]).save(tmp_path / "two.safetensors")
    with pytest.raises(ModelError) as refused:
        Model.joined([first, a_model(2), other])
    assert f"{tmp_path}/one.safetensors and {tmp_path}/two.safetensors cannot be joined, {key} is " in str(
        refused.value
    )
    assert str(refused.value).endswith("Train both with the same value, or use them one at a time.")


def test_what_plays_no_part_in_prediction_may_differ() -> None:
    other = of_values(
        network={"name": "unet", "width": 3, "depth": 2, "norm": "batch", "dropout": 0.5},
        data={"path": "elsewhere", "pixel_size": [0.5, 0.5]},
        schedule={"seed": 3},
    )
    assert Model.joined([a_model(0), a_model(1, other)]).recipe.data.path == ""


def test_what_has_no_mean(tmp_path: Path) -> None:
    network = MaskRCNNRecipe(backbone="resnet18", weights="none", norm="batch", width=8, box_width=8)
    rcnn = a_model(0, Recipe(network=network))
    with pytest.raises(ModelError, match=r"model 2 is a Mask R-CNN: its objects have no mean.*Join U-Nets, or use it"):
        Model.joined([a_model(0), rcnn])
    with pytest.raises(ModelError, match="model 1 is a Mask R-CNN"):
        Model.joined([rcnn, rcnn])
    saved = a_model(0).save(tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=r"a\.safetensors is given twice\. Give each model once"):
        Model.joined([saved, Model.load(tmp_path / "a.safetensors")])
    with pytest.raises(ModelError, match="no model to join"):
        Model.joined([])


def test_more_classes_are_named() -> None:
    two = Recipe(
        network=NETWORK,
        data=DataRecipe(class_names=("a", "b"), class_values=(1, 2)),
        targets=TargetRecipe(class_weights=(1, 1, 1)),
    )
    with pytest.raises(ModelError, match=r"data\.class_names is \('object',\) in one and \('a', 'b'\) in the other"):
        Model.joined([a_model(0), a_model(1, two)])
